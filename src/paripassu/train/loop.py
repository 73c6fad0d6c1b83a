"""Training from a run to its end: data, networks, folder, steps, measurements, checkpoints."""

import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from paripassu.data import Samples
from paripassu.files import AnyPath
from paripassu.records import RECORDS_FILE, End
from paripassu.records.checkpoints import checkpoints
from paripassu.records.codec import RecordWriter
from paripassu.train.captured import Capture, captured_rounds, check_capture
from paripassu.train.checkpoint import restore
from paripassu.train.folder import (
    changes,
    check_folder,
    check_images,
    data_of,
    header_of,
    open_folder,
    remarks_on,
)
from paripassu.train.measures import check_measured
from paripassu.train.memory import data_fit, networks_fit, step_fits
from paripassu.train.processes import (
    Processes,
    check_batch,
    check_step,
    current_processes,
    normalise_over,
    wait,
)
from paripassu.train.recorder import Recorder
from paripassu.train.resume import Notice, clear_set_aside, ended_as, settle
from paripassu.train.rounds import Rounds, finished
from paripassu.train.run import Run, check_run
from paripassu.train.shared import SharedData
from paripassu.train.start import begin_with, start_of
from paripassu.train.state import TrainingState, initial_state
from paripassu.train.step import step
from paripassu.train.trial import check_own_data, check_own_players, own_errors
from paripassu.train.world import OwnChance, one_world


def train(
    run: Run,
    folder: AnyPath,
    *,
    start: AnyPath | None = None,
    capture: Capture = "auto",
    command: str = "",
    progress: Callable[[int], object] = lambda _: None,
    notice: Notice = lambda _: None,
) -> End:
    """Train ``run`` in ``folder``, or go on where an earlier call was stopped.

    A run that was stopped anywhere ends with the same weights, bit by bit, as one that was not. A run
    that has ended is returned as it ended; with more steps than it had, and constant rates, it goes on, and
    ends with the weights of the longer run. Nothing that a caller set for all of torch changes a run
    (`paripassu.train.world`). In a process group of torch's all its processes train together and the first
    one writes (`paripassu.train.processes`).

    Args:
        run: what to train.
        folder: its run folder; made if it does not exist.
        start: the folder of a run of the same networks, whose last weights are the first ones of this. The
            optimizers begin anew.
        capture: whether a GPU replays whole rounds as CUDA graphs (`paripassu.train.captured`), which changes
            the speed alone; ``"auto"`` wherever it can.
        command: how a person would ask for this run, kept in ``run.json``.
        progress: called with the steps done, at the start and after each step.
        notice: called with sentences a person should read, such as a damaged checkpoint passed over.

    Returns:
        How the run ended; a loss, weight or sample that is not finite ends it as diverged.

    Raises:
        ValueError: the data, the folder or the device cannot be used, ``capture`` is ``"on"`` and cannot be,
            the batch does not divide among the processes, ``start`` has no whole checkpoint of these
            networks, or the folder's checkpoints are of another run; nothing was written.
        OSError: the folder cannot be written; what was complete stays.
        RuntimeError: the memory is too small (`paripassu.train.memory`); checkpoints stay.

    Example:
        >>> import tempfile
        >>> from paripassu.data import Ring
        >>> from paripassu.models import MLP
        >>> from paripassu.rules import Adam
        >>> from paripassu.train import Player, Run
        >>> adam = Player(Adam((0.0, 0.9)), lr=1e-3)
        >>> run = Run(Ring(), MLP(width=8), adam, adam, steps=2, eval_samples=10)
        >>> train(run, tempfile.mkdtemp()).outcome
        'finished'
    """
    rounds = training(
        run, folder, start=start, capture=capture, command=command, progress=progress, notice=notice
    )
    check_run(run)
    with one_world(run):
        return finished(rounds)


def training(
    run: Run,
    folder: AnyPath,
    *,
    start: AnyPath | None = None,
    capture: Capture = "auto",
    command: str = "",
    progress: Callable[[int], object] = lambda _: None,
    notice: Notice = lambda _: None,
    shared: SharedData | None = None,
) -> Rounds[End]:
    """`train` as rounds, between which other runs may have theirs (`paripassu.train.pack`).

    All of it runs in `paripassu.train.world.one_world`. A training that is closed early is as one that was
    killed. Arguments and errors are those of `train`; ``shared`` is what the
    runs of a pack share.
    """
    folder = Path(folder)
    check_capture(run, capture)
    header = header_of(folder)
    chance = OwnChance(run, header.threads if header else None)
    chance.take()
    with closing(_train_in(run, folder, start, capture, command, progress, notice, shared)) as rounds:
        while True:
            try:
                next(rounds)
            except StopIteration as end:
                return end.value
            yield
            chance.take()


def _train_in(
    run: Run,
    folder: Path,
    start: AnyPath | None,
    capture: Capture,
    command: str,
    progress: Callable[[int], object],
    notice: Notice,
    shared: SharedData | None,
) -> Rounds[End]:
    processes = current_processes()
    check_batch(run, processes)
    first = processes.rank == 0
    if not first:
        wait(processes)  # the first may have to make the folder and a cache of the data
    check_folder(run, folder)
    first_weights = start_of(start, folder)

    # Data.
    with data_fit(run), own_errors(run):
        source, device = data_of(run, folder), torch.device(run.device)
        real = shared.load(source, device) if shared else source.load(device)
    check_own_data(run, real)
    check_images(real.images, folder)
    check_measured(run, real)
    for noticed in remarks_on(run, real):
        notice(noticed)

    # Networks.
    with networks_fit(run, real.shape), own_errors(run):
        state = initial_state(run, real.shape, len(real.classes))
    with step_fits(run, real.shape):
        check_own_players(run, state, real.shape, len(real.classes))
    if first_weights:
        begin_with(first_weights, folder, state)
    for network in (state.generator, state.discriminator):
        normalise_over(processes, network)

    # The folder, which is written from here on.
    changed = [
        f"the run in {folder} goes on with other settings than before: {change}"
        for change in changes(run, folder)
    ]
    place = (
        open_folder(run, folder, command, real.images, first_weights)
        if first
        else nullcontext(folder / RECORDS_FILE)
    )
    with place as path, step_fits(run, real.shape):
        if first:
            for noticed in changed:
                notice(noticed)
            ended = settle(folder, run.steps, notice)
            wait(processes)
        else:
            ended = ended_as(folder, run.steps)

        # Where an earlier call stopped.
        if not ended and (newest := checkpoints(folder)):
            with networks_fit(run, real.shape):
                restore(newest[-1], state)
        is_new = not checkpoints(folder)  # before the first process, which waits here, writes one
        check_step(processes, ended.step if ended else state.step, run.device)
        if ended:
            return ended

        # Steps.
        if not first:
            return (yield from _train(run, state, real, processes, None, progress, is_new=is_new))
        with RecordWriter(path) as write:
            recorder = Recorder(run, folder, state, real, write)
            one_round = captured_rounds(
                run, state, real, capture, recorder.advance, notice, is_alone=shared is None
            )
            end = yield from _train(run, state, real, processes, recorder, progress, one_round, is_new=is_new)
            write(end)
            write.rest()
        clear_set_aside(folder)
        return end


def _train(
    run: Run,
    state: TrainingState,
    real: Samples,
    processes: Processes,
    recorder: Recorder | None,
    progress: Callable[[int], object],
    one_round: Callable[[], Tensor] | None = None,
    *,
    is_new: bool,
) -> Rounds[End]:
    started = time.monotonic() - state.seconds
    one_round = one_round or partial(step, run, state, real, processes)
    # A sum stays non-finite once a term was, so that divergence shows without a look at every loss.
    sums = torch.zeros(2, device=run.device)
    progress(state.step)

    # Measure and save the untrained networks.
    divergence = _divergence(state, sums)
    if is_new and not divergence:
        divergence = _measured(run, processes, recorder)
        if recorder and not divergence:
            recorder.save()
    yield

    while state.step < run.steps and not divergence:
        losses = one_round()
        sums += losses
        state.step += 1
        state.seconds = time.monotonic() - started
        logs, measures, saves = (
            state.step == run.steps or state.step % every == 0
            for every in (run.log_every, run.eval_every, run.checkpoint_every)
        )

        # Record the losses.
        if logs:
            means = processes.average(losses)
            if recorder:
                recorder.losses(*means.tolist())

        # Look for divergence before anything of this step is measured or kept.
        if logs or measures or saves:
            divergence = _divergence(state, processes.average(sums))

        # Measure and draw.
        if measures and not divergence:
            divergence = _measured(run, processes, recorder)

        # Save a checkpoint.
        if recorder and saves and not divergence:
            recorder.save()

        progress(state.step)
        yield

    if recorder:
        recorder.close()
    outcome = "diverged" if divergence else "finished"
    return End(state.step, outcome, divergence, time.monotonic() - started)


def _divergence(state: TrainingState, sums: Tensor) -> str:
    names = ("the discriminator's loss", "the generator's loss")
    for name, finite in zip(names, sums.isfinite().tolist(), strict=True):
        if not finite:
            return f"{name} is not finite"
    return "" if state.is_finite() else "a weight is not finite"


def _measured(run: Run, processes: Processes, recorder: Recorder | None) -> str:
    """What was not finite when the first process measured; empty if nothing was."""
    what = recorder.evaluate() if recorder else ""
    # The others do not measure, and stop where the first one does.
    found = processes.average(torch.tensor(float(bool(what)), device=run.device)).item()
    return what or ("what the first process measured is not finite" if found else "")
