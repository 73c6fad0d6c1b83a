"""A round of training as one CUDA graph: recorded once, then replayed by a single call of the host.

On a GPU a round of small networks takes as long as the host needs to launch its kernels. A replay launches
them at once. It reads and writes the memory that the recording had, and it keeps every number that Python
computed meanwhile. So what changes from round to round lies in tensors that are filled before the replay:
the samples and random numbers of the game, and the learning rates. Networks draw from torch's global
generator, which CUDA graphs read anew at each replay. The weights are those of the same rounds without a
graph, bit by bit.

Rounds with and without a lazy penalty or path length term are kinds, and each kind has a graph. The first
rounds of a kind, and probed rounds, run without one.
"""

import inspect
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import Tensor

from paripassu.data import Samples
from paripassu.optim import RuleOptimizer
from paripassu.train.inputs import InputDraws, Inputs, InputSamples
from paripassu.train.memory import is_gpu_full
from paripassu.train.own_files import first_line
from paripassu.train.own_parts import own_files
from paripassu.train.processes import current_processes, is_one_of_many
from paripassu.train.run import Run
from paripassu.train.state import TrainingState
from paripassu.train.step import drawing, expect, has_path_length, has_penalty, play_round, set_rates, step

Capture = Literal["auto", "on", "off"]
"""Whether a run's steps are captured as CUDA graphs."""
Function = Callable[[], Tensor]

# In the first one, optimizers make their states, and kernels are compiled and loaded.
WARM_UPS = 2
# Older versions cannot record the optimizers' launches (`paripassu.optim.steps.cuda`).
_OLDEST = (2, 11)


def obstacle(run: Run, capture: Capture) -> str:
    """Why rounds of ``run`` are not captured; empty if they are.

    Args:
        run: the run.
        capture: what a person wants; ``"auto"`` leaves out a person's own networks, rules and penalties.
    """
    if capture == "off":
        return "capture is off"
    if not run.device.startswith("cuda"):
        return "the run is on the CPU"
    if tuple(map(int, torch.__version__.split(".")[:2])) < _OLDEST:
        return f"torch {torch.__version__} cannot record the optimizers' steps, and 2.11 can"
    if run.compile:
        return "torch.compile may compile code again while a graph is recorded"
    if run.shadow is not None:
        return "a shadow sees the gradients of every step"
    if is_one_of_many() or current_processes().count > 1:
        return "several processes average their gradients"
    parts = run.model, run.generator.rule, run.discriminator.rule, run.penalty
    if capture == "auto" and any(map(own_files, parts)):
        return "a graph would keep every number that your own networks, rules or penalty compute in Python"
    return ""


def check_capture(run: Run, capture: Capture) -> None:
    """Raise ``ValueError`` if a person wants rounds captured that cannot be."""
    if capture == "on" and (why := obstacle(run, capture)):
        raise ValueError(f"a round cannot be one CUDA graph here, because {why}: set capture to auto or off")


class Graphs(Protocol):
    """What records functions: CUDA, or a double of it in tests."""

    def warm_up(self, function: Function) -> Tensor:
        """Run ``function``, in the place where it will be recorded."""
        ...

    def record(self, function: Function) -> Function:
        """Record ``function``, which changes no tensor meanwhile, as a function that replays it.

        A replay returns the same tensor each time, with new values.
        """
        ...


class CudaGraphs:
    """CUDA graphs of one run, which are never replayed at once, so that they share their memory.

    Args:
        device: a GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        # Libraries keep memory for each stream. That of a stream of its own is made by the warm-up and does
        # not belong to a graph. In a pack the run has one already.
        current = torch.cuda.current_stream(device)
        is_default = current == torch.cuda.default_stream(device)
        self._stream = torch.cuda.Stream(device) if is_default else current
        self._pool = torch.cuda.graph_pool_handle()

    def warm_up(self, function: Function) -> Tensor:
        """As `Graphs` says."""
        outer = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(outer)
        with torch.cuda.stream(self._stream):
            out = function()
        outer.wait_stream(self._stream)
        return out

    def record(self, function: Function) -> Function:
        """As `Graphs` says."""
        graph = torch.cuda.CUDAGraph()
        with (
            torch.cuda.device(self._device),
            # Other threads, such as one that gathers the next batch, may allocate memory meanwhile.
            torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"),
        ):
            out = function()

        def replay() -> Tensor:
            graph.replay()
            return out

        return replay


@dataclass
class _Kind:
    """Rounds that launch the same kernels.

    Attributes:
        inputs: of each round.
        played: rounds so far, up to the recording.
        replay: the recorded round.
    """

    inputs: Inputs = field(default_factory=Inputs)
    played: int = 0
    replay: Function | None = None


class CapturedRounds:
    """The rounds of a training, one a call, by graphs where that is possible.

    Args:
        run: what is trained.
        state: changed by one step a call, except for its counters.
        real: the data.
        graphs: record and replay the rounds.
        unseen: called after a round that hooks of the optimizers did not see.
        refused: called once with the error if a round cannot be recorded; all others run without a graph
            then. An error of its own ends the training.
    """

    def __init__(
        self,
        run: Run,
        state: TrainingState,
        real: Samples,
        graphs: Graphs,
        unseen: Callable[[], object],
        refused: Callable[[RuntimeError], object],
    ) -> None:
        self._run, self._state, self._real = run, state, real
        self._graphs, self._unseen, self._refused = graphs, unseen, refused
        self._kinds: dict[tuple[bool, bool], _Kind] = {}
        self._is_refused = False
        # Of float64, as Python's numbers are.
        self._rates = [torch.zeros([], dtype=torch.float64, device=run.device) for _ in state.optimizers()]
        self._filled = [0.0 for _ in self._rates]

    def __call__(self) -> Tensor:
        """One round; returns what `paripassu.train.step.step` does, overwritten by the next call."""
        run, state = self._run, self._state
        if self._is_refused or (state.step + 1) % run.probe_every == 0:
            return step(run, state, self._real)
        name = has_penalty(run, state.step), has_path_length(run, state.step)
        kind = self._kinds.setdefault(name, _Kind())
        set_rates(run, state)
        self._fill_rates()
        with drawing(run, state) as generator:
            kind.inputs.begin(generator)
            losses = self._played(kind, generator)
        if losses is None:
            return step(run, state, self._real)
        expect(run, state, self._real)
        self._unseen()
        return losses

    def _played(self, kind: _Kind, generator: torch.Generator) -> Tensor | None:
        """The losses; None if the round cannot be recorded, and then nothing has changed."""

        def play() -> Tensor:
            draws, real = InputDraws(generator, inputs=kind.inputs), InputSamples(self._real, kind.inputs)
            with self._rates_on_device():
                return play_round(self._run, self._state, real, draws, move=_move)

        if kind.played < WARM_UPS:
            kind.played += 1
            return self._graphs.warm_up(play)
        if kind.replay is None:
            try:
                kind.replay = self._graphs.record(play)
            except RuntimeError as error:
                self._is_refused = True
                self._kinds.clear()
                self._refused(error)
                return None
        return kind.replay()

    def _fill_rates(self) -> None:
        for i, optimizer in enumerate(self._state.optimizers().values()):
            rate = optimizer.param_groups[0]["lr"]
            if rate != self._filled[i]:
                self._rates[i].fill_(rate)
                self._filled[i] = rate

    @contextmanager
    def _rates_on_device(self) -> Generator[None]:
        """Let optimizers read the learning rates from memory; checkpoints have them as numbers."""
        groups = [optimizer.param_groups[0] for optimizer in self._state.optimizers().values()]
        numbers = [group["lr"] for group in groups]
        for group, rate in zip(groups, self._rates, strict=True):
            group["lr"] = rate
        try:
            yield
        finally:
            for group, rate in zip(groups, numbers, strict=True):
                group["lr"] = rate


@torch.no_grad()
def _move(optimizer: RuleOptimizer) -> None:
    # Without hooks, which would run once, at the recording, and see gradients that nobody has computed yet.
    inspect.unwrap(RuleOptimizer.step)(optimizer)


def captured_rounds(
    run: Run,
    state: TrainingState,
    real: Samples,
    capture: Capture,
    unseen: Callable[[], object],
    notice: Callable[[str], object],
    *,
    is_alone: bool = True,
) -> CapturedRounds | None:
    """The rounds of a run that may be captured, else None; ``notice`` gets one sentence if a GPU may not.

    Args:
        run: what is trained.
        state: as of `CapturedRounds`.
        real: as of `CapturedRounds`.
        capture: what a person wants.
        unseen: as of `CapturedRounds`.
        notice: called with a sentence.
        is_alone: whether no other run has a part of the GPU's memory. In a pack, too little of it for a graph
            is an error: there are too many runs.
    """
    if why := obstacle(run, capture):
        if capture == "auto" and run.device != "cpu":
            notice(f"rounds run without CUDA graphs, because {why}")
        return None

    def refused(error: RuntimeError) -> None:
        if is_gpu_full(error) and not is_alone:
            raise error
        sentence = f"a round cannot be recorded as a CUDA graph ({first_line(error)})"
        if capture == "on":
            raise RuntimeError(f"{sentence}: set capture to auto or off, the run goes on then") from error
        notice(f"{sentence}: this run goes on without one")

    return CapturedRounds(run, state, real, CudaGraphs(torch.device(run.device)), unseen, refused)
