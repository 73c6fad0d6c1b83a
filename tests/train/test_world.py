"""What a caller set for all of torch changes no bit of a run, and is as it was afterwards."""

import contextlib
import random
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.cases import runs

from paripassu.files import file_digest
from paripassu.records.checkpoints import checkpoints
from paripassu.train import evaluate, train, world

RUN = replace(runs.images(), steps=1, eval_every=1, eval_samples=10, log_every=1, probe_every=1)


def _digests(folder) -> list[str]:
    return [file_digest(path) for path in sorted(checkpoints(folder)[-1].glob("*.*t*"))[1:]]


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("expected")
    train(RUN, folder)
    return _digests(folder), evaluate(RUN, folder)


@contextlib.contextmanager
def _set(read, write, value):
    before = read()
    write(value)
    try:
        yield
    finally:
        assert read() == value
        write(before)


def _tf32():
    return _set(
        lambda: torch.backends.fp32_precision,
        lambda value: setattr(torch.backends, "fp32_precision", value),
        "tf32",
    )


@contextlib.contextmanager
def _flushed():
    torch.set_flush_denormal(True)
    yield
    assert (torch.tensor(1e-310, dtype=torch.float64) / 2).item() == 0
    torch.set_flush_denormal(False)


@contextlib.contextmanager
def _warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        filters = [*warnings.filters]
        yield
        assert warnings.filters == filters


@contextlib.contextmanager
def _device():
    before = torch.get_default_device()
    torch.set_default_device("meta")
    yield
    assert torch.get_default_device() == torch.device("meta")
    torch.set_default_device(None if before == torch.device("cpu") else before)


WORLDS = {
    "float64": lambda: _set(torch.get_default_dtype, torch.set_default_dtype, torch.float64),
    "a default device": _device,
    "under a device": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "deterministic": lambda: _set(
        torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms, True
    ),
    "anomalies": lambda: _set(
        torch.is_anomaly_enabled, lambda mode: torch.autograd.set_detect_anomaly(mode), True
    ),
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
    "products": lambda: _set(
        torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "medium"
    ),
    "newer products": _tf32,
    "denormals": _flushed,
    "warnings": _warnings,
    "numpy's errors": lambda: np.errstate(all="raise"),
    "other seeds": lambda: contextlib.nullcontext(torch.manual_seed(7)),
}


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_a_run_is_the_same_in_any_world(name, expected, tmp_path):
    with WORLDS[name]():
        train(RUN, tmp_path / "run")
        measured = evaluate(RUN, tmp_path / "run")
    assert _digests(tmp_path / "run") == expected[0]
    assert measured == expected[1]


def test_a_world_is_as_it_was_afterwards(tmp_path):
    """Also where the work in it raises."""
    torch.manual_seed(7)
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002
    states = torch.get_rng_state(), random.getstate(), repr(np.random.get_state())  # noqa: NPY002

    def work() -> None:
        with world.own_world(RUN, threads=1):
            torch.rand(3)
            random.random()
            np.random.rand()  # noqa: NPY002
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (random.getstate(), repr(np.random.get_state())) == states[1:]  # noqa: NPY002


def test_global_generators_draw_the_same_in_every_sitting():
    """A person's own data may draw from them."""
    drawn = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        random.seed(seed)
        with world.own_world(RUN):
            drawn.append((torch.rand(2).tolist(), random.random(), np.random.rand()))  # noqa: NPY002
    assert drawn[0] == drawn[1]


def test_a_run_keeps_the_threads_with_which_it_began(tmp_path):
    seen = []

    def look(step: int) -> None:
        seen.append(torch.get_num_threads())
        if len(seen) == 1:
            raise InterruptedError

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        with pytest.raises(InterruptedError):
            train(RUN, tmp_path, progress=look)
        torch.set_num_threads(2)
        train(RUN, tmp_path, progress=look)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {1}
