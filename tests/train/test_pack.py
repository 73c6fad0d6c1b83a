"""Runs that share a process leave what each leaves alone, whatever happens to the others."""

import os
import random
import signal
from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np
import pytest
import torch
from tests.cases import runs
from tests.cases.bits import left_by
from tests.cases.graphs import FakeGraphs
from tests.cases.processes import started
from torch import Tensor

from paripassu.data import Digits, Samples, Source
from paripassu.records import End
from paripassu.rules import SGD, Adam, Normalize
from paripassu.train import Pack, Player, Run, captured, loop, train, training
from paripassu.train.captured import captured_rounds
from paripassu.train.folder import header_of
from paripassu.train.memory import MemoryFullError
from paripassu.train.pack import shape_of
from paripassu.train.shared import SharedData
from paripassu.train.state import initial_state

ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
SHORT = replace(runs.points(), steps=16, eval_every=16, probe_every=8, checkpoint_every=5, eval_samples=20)


def _three(run: Run) -> list[Run]:
    """Runs of one shape."""
    slow, nsgd = Player(Adam((0.0, 0.9)), 1e-4), Player(Normalize(SGD(0.5), "layer"), 1e-2)
    shorter = replace(run, generator=slow, discriminator=nsgd, seed=5, steps=run.steps - 2)
    return [run, replace(run, seed=4), shorter]


class _Folders:
    """Packs of runs in folders of their own."""

    def __init__(self, home):
        self.home, self.ends, self.told = home, {}, []

    def of(self, run: Run):
        return self.home / run.key()

    def pack(self, wanted, size=3, begin=None, **more) -> int:
        done = lambda run, end: self.ends.setdefault(run.key(), end)  # noqa: E731
        begin = begin or (lambda run, shared: training(run, self.of(run), shared=shared))
        return Pack(size, **more).carry_out(wanted, lambda run: run, begin, done, self.told.append)


@pytest.fixture
def packed(tmp_path):
    return _Folders(tmp_path / "packed")


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What `_three` leave that are alone."""
    return _alone(_three(SHORT), tmp_path_factory.mktemp("alone"))


def _alone(wanted, home) -> list:
    for run in wanted:
        train(run, home / run.key())
    return [left_by(home / run.key()) for run in wanted]


@pytest.mark.parametrize("size", [2, 3])
def test_packed_runs_leave_what_each_leaves_alone(size, packed, expected):
    wanted = _three(SHORT)
    packed.pack(wanted[::-1] if size == 2 else wanted, size)
    assert [left_by(packed.of(run)) for run in wanted] == expected
    assert [packed.ends[run.key()].step for run in wanted] == [run.steps for run in wanted]


def test_packed_images_leave_what_each_leaves_alone(packed, tmp_path):
    """Networks draw noise from torch's global generator."""
    wanted = _three(replace(runs.styles(), steps=5, eval_every=5, checkpoint_every=5))[1:]
    expected = _alone(wanted, tmp_path / "alone")
    packed.pack(wanted)
    assert [left_by(packed.of(run)) for run in wanted] == expected


@ON_GPU
@pytest.mark.parametrize("name", ["points", "images", "styles"])
def test_packed_runs_on_cuda_leave_what_each_leaves_alone(name, packed, tmp_path):
    """Their graphs are replayed at the same time."""
    run = replace(getattr(runs, name)(), device="cuda", shadow=None, probe_every=9, steps=30)
    wanted = [replace(each, seed=seed) for each in _three(run)[::2] for seed in range(3)]
    expected = _alone(wanted, tmp_path / "alone")
    packed.pack(wanted, 6)
    assert [left_by(packed.of(run)) for run in wanted] == expected


@dataclass(frozen=True)
class Dice(Source):
    """Points from every global generator that there is."""

    def load(self, device: torch.device) -> Samples:
        return _Dice()


class _Dice(Samples):
    shape = (2,)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        thrown = random.random() + np.random.rand() + torch.rand([]).item()  # noqa: NPY002
        return torch.randn(count, 2, generator=generator) + thrown


def test_own_parts_have_global_generators_of_their_own(packed, tmp_path):
    wanted = _three(replace(SHORT, data=Dice(), steps=6))
    expected = _alone(wanted, tmp_path / "alone")
    before = _states(), torch.get_rng_state().tolist()
    packed.pack(wanted)
    assert [left_by(packed.of(run)) for run in wanted] == expected
    assert (_states(), torch.get_rng_state().tolist()) == before


def test_a_new_run_has_the_callers_threads_beside_a_resumed_one(packed):
    """A run keeps the number that it began with."""
    old, new, _ = _three(SHORT)
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    train(replace(old, steps=2, decay="constant"), packed.of(old))
    torch.set_num_threads(before)
    packed.pack([replace(each, decay="constant") for each in (old, new)], begin=_in(packed, old, new))
    assert [header_of(packed.of(run)).threads for run in (old, new)] == [before + 1, before]
    assert torch.get_num_threads() == before


def _in(packed, *runs):
    """Begins a run of the seed of one of ``runs`` in the folder of that one."""
    folders = {run.seed: packed.of(run) for run in runs}
    return lambda run, shared: training(run, folders[run.seed], shared=shared)


def test_the_packages_parts_draw_from_no_generator_of_python_or_numpy(tmp_path, monkeypatch):
    """So that a turn need not exchange those."""
    states = []
    monkeypatch.setattr(loop.TrainingState, "is_finite", lambda _: states.append(_states()) or True)
    train(replace(runs.styles(), steps=2, eval_every=2, log_every=1), tmp_path / "run")
    assert len(states) > 2
    assert all(state == states[0] for state in states)


def _states():
    return random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002


class _Memory:
    """Steps for which memory suffices while at most ``room`` runs have begun and not ended."""

    def __init__(self, room: int, monkeypatch):
        self.begun, self.most = 0, 0
        step = loop.step

        def counted(*arguments):
            if self.begun > room:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return step(*arguments)

        monkeypatch.setattr(loop, "step", counted)

    def begin(self, of):
        def begin(run, shared):
            self.begun += 1
            self.most = max(self.most, self.begun)
            try:
                return (yield from training(run, of(run), shared=shared))
            finally:
                self.begun -= 1

        return begin


@pytest.mark.parametrize("size", [3, "auto"])
def test_too_little_memory_makes_the_pack_smaller(size, packed, expected, monkeypatch):
    # Grow in every fifth cycle.
    for name, value in {"_WINDOWS": 1, "_SECONDS": 0.0, "LEAST_GAIN": -1.0}.items():
        monkeypatch.setattr(f"paripassu.train.pack_size.{name}", value)
    wanted = _three(SHORT)
    memory = _Memory(2, monkeypatch)
    assert packed.pack(wanted, size, memory.begin(packed.of)) <= 2
    assert [left_by(packed.of(run)) for run in wanted] == expected
    assert memory.most > 2
    fitting = "memory does not suffice for 3 runs at a time: one waits, and the pack goes on with 2"
    assert fitting in packed.told
    assert {end.outcome for end in packed.ends.values()} == {"finished"}


def test_a_run_alone_without_memory_is_an_error(packed, monkeypatch):
    memory = _Memory(0, monkeypatch)
    with pytest.raises(MemoryFullError, match="the GPU has too little memory for a batch of 32"):
        packed.pack(_three(SHORT), 2, memory.begin(packed.of))
    assert packed.told == [
        "memory does not suffice for 2 runs at a time: one waits, and the pack goes on with 1"
    ]


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_graph_without_memory_ends_a_packs_run_alone(is_alone, monkeypatch):
    """Its runs are too many then, while a run alone can go on without its graph."""

    class Full(FakeGraphs):
        def record(self, function):
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(captured, "obstacle", lambda *_: "")
    monkeypatch.setattr(captured, "CudaGraphs", Full)
    real = SHORT.data.load(torch.device("cpu"))
    state, told = initial_state(SHORT, real.shape), []
    one_round = captured_rounds(SHORT, state, real, "auto", lambda: None, told.append, is_alone=is_alone)
    for _ in range(captured.WARM_UPS):
        one_round()
    if is_alone:
        one_round()
    else:
        with pytest.raises(torch.OutOfMemoryError):
            one_round()
    assert len(told) == is_alone


def test_a_diverged_run_leaves_its_place_to_the_next(packed, expected):
    wild = replace(SHORT, generator=Player(SGD(), 1e30), discriminator=Player(SGD(), 1e30))
    calm = _three(SHORT)
    begun = []

    def begin(run, shared):
        begun.append((run, {each.key() for each in (wild, *calm)} & packed.ends.keys()))
        return training(run, packed.of(run), shared=shared)

    packed.pack([wild, *calm], 3, begin)
    assert packed.ends[wild.key()].outcome == "diverged"
    assert [left_by(packed.of(run)) for run in calm] == expected
    assert begun[-1] == (calm[-1], {wild.key()})


class _Broken(Exception):
    pass


def test_a_broken_run_ends_the_pack_which_can_go_on(packed, expected):
    wanted = _three(SHORT)

    def begin(run, shared):
        rounds = training(run, packed.of(run), shared=shared)
        for done, _ in enumerate(rounds):
            if run is wanted[1] and done == 12:
                raise _Broken
            yield

    with pytest.raises(_Broken):
        packed.pack(wanted, 3, begin)
    assert packed.ends == {}
    packed.pack(wanted)
    assert [left_by(packed.of(run)) for run in wanted] == expected


def _killed(home) -> None:
    def begin(run, shared):
        for done, _ in enumerate(training(run, home / run.key(), shared=shared)):
            if run.seed == 5 and done == 12:
                os.kill(os.getpid(), signal.SIGKILL)
            yield

    Pack(3).carry_out(_three(SHORT), lambda run: run, begin, lambda *_: None)


def test_a_killed_pack_goes_on_with_the_same_bits(packed, expected):
    process = started(_killed, packed.home)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert [step for run in _three(SHORT) for step, _ in left_by(packed.of(run))[1]] == [5, 10] * 3
    packed.pack(_three(SHORT))
    assert [left_by(packed.of(run)) for run in _three(SHORT)] == expected


class _Clock:
    """A device on which a round of ``n`` runs together takes ``seconds(n)``, without a word of real time."""

    def __init__(self, seconds):
        self.now, self.cast, self.seconds = 0.0, [], seconds

    def begin(self, number, _):
        self.cast.append(number)
        for _ in repeat(None, 3000):
            self.now += self.seconds(len(self.cast)) / len(self.cast)
            yield
        self.cast.remove(number)

    def play(self, count):
        told, order = [], []
        size = Pack("auto", clock=lambda: self.now).carry_out(
            [*range(count)], lambda _: SHORT, self.begin, lambda number, _: order.append(number), told.append
        )
        assert sorted(order) == [*range(count)]
        return size, told


@pytest.mark.parametrize(
    ("seconds", "count", "size", "why"),
    [
        (lambda _: 0.01, 5, 5, "5 runs at a time makes 500 run-steps a second (all that are left)"),
        (lambda _: 0.01, 40, 32, "32 runs at a time makes 3,200 run-steps a second (the most there can be)"),
        (lambda n: 0.01 * n, 8, 1, "1 run at a time makes 100 run-steps a second (2 make 100)"),
        (lambda n: 0.01 * max(1, n / 4), 20, 4, "4 runs at a time makes 400 run-steps a second (8 make 400)"),
        (lambda n: 0.01 * (1 + (n > 4)), 8, 4, "4 runs at a time makes 400 run-steps a second (8 make 400)"),
    ],
)
def test_a_pack_grows_while_twice_as_many_make_more(seconds, count, size, why):
    assert _Clock(seconds).play(count) == (size, [f"a pack of {why}"])


def test_runs_of_other_shapes_are_refused():
    first, *others = _three(SHORT)
    assert len({shape_of(run) for run in (first, *others)}) == 1
    wide = replace(first, batch=8, ema=0.0)
    assert shape_of(wide) != shape_of(first)
    with pytest.raises(ValueError, match=r"and these differ in batch, ema: give each of them a pack$"):
        Pack(2).carry_out([first, wide], lambda run: run, _nothing, _nothing)


def _nothing(*_):
    raise AssertionError


@pytest.mark.parametrize("size", [0, 33])
def test_a_packs_size_is_in_range(size):
    with pytest.raises(ValueError, match=f"a pack has 1 to 32 runs at a time, or auto many, got {size}"):
        Pack(size)


def test_a_packs_device_is_there():
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="there is no cuda here"):
            Pack(2).carry_out([1], lambda _: replace(SHORT, device="cuda"), _nothing, _nothing)


def test_data_are_loaded_once_but_for_a_persons_own():
    shared, cpu = SharedData(), torch.device("cpu")
    assert shared.load(Digits(), cpu) is shared.load(Digits(), cpu)
    assert shared.load(Dice(), cpu) is not shared.load(Dice(), cpu)


def test_an_ended_run_in_a_pack_is_left_alone(packed):
    wanted = _three(SHORT)
    packed.pack(wanted[:2])
    before = [(packed.of(run) / "records.jsonl").read_bytes() for run in wanted[:2]]
    packed.pack(wanted[:2])
    assert [(packed.of(run) / "records.jsonl").read_bytes() for run in wanted[:2]] == before
    assert all(isinstance(end, End) for end in packed.ends.values())
