"""What holds for all tests."""

import gc
import importlib
import os
import signal
import threading
from importlib.util import find_spec

import hypothesis  # before objects are frozen: it asks who refers to random generators
import pytest

# A shell's background jobs ignore Ctrl-C, and so would the programs that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A change lands or not by what it changed: the same examples every time. `make fuzz` looks for others.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.register_profile("fuzz", max_examples=3000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# While tests are collected nearly every object stays. Python would look through all of them many times.
gc.disable()


def pytest_configure(config):
    """Import torch where tests run, which is not in the process that hands them out."""
    if not _hands_out(config):
        torch = importlib.import_module("torch")
        # Triton reads this when it is imported, which parts of torch do.
        if not torch.cuda.is_available():
            os.environ["TRITON_INTERPRET"] = "1"


def pytest_sessionstart(session):
    """Compile the kernels once, beside the collection of xdist's workers, which else compile each alone."""
    if _hands_out(session.config) and find_spec("numba"):
        threading.Thread(target=_compile_kernels).start()  # a session that ends sooner waits for it


def _hands_out(config):
    """Whether this process has xdist's workers, and runs no tests itself."""
    return bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")


def _compile_kernels():
    importlib.import_module("paripassu.optim.steps.cpu_kernels")
    theory = importlib.import_module("paripassu.theory")
    game = theory.Framework(d=8, n_discriminator=1, n_generator=1, p_pair=0.0)
    theory.simulate(game, "sgda", lr_d=0.1, lr_g=0.1, steps=1)


def pytest_collection_finish():
    """Collect garbage from now on, among what tests make alone."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def quick_workers(monkeypatch):
    """Workers of engines have torch from the start: how they start otherwise is in `tests/engine`."""
    from tests.cases.processes import forked  # imports much, and `tests/optim` goes without engines

    monkeypatch.setattr("paripassu.engine.local.get_context", forked)


@pytest.fixture(scope="session", autouse=True)
def _disks_at_once():
    """No test cuts the power: what is written need not reach the disk before a test goes on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield
