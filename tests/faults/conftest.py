"""Options of the laboratory."""

from pathlib import Path


def pytest_addoption(parser):
    """Which trials are done, and for how long."""
    group = parser.getgroup("faults")
    group.addoption("--faults-seed", type=int, default=0, help="decides every injection")
    group.addoption("--faults-budget", default="90s", help="90s, 10min, 1h, or a number of trials")
    group.addoption("--faults-number", type=int, help="repeat the one trial of this number")
    group.addoption("--faults-workers", type=int, help="processes; without it, one for each core")
    group.addoption("--faults-table", type=Path, help="write the table of outcomes into this page")


def pytest_ignore_collect(collection_path, config):
    """Trials take minutes: they are done where somebody names this folder."""
    if collection_path.name != "test_faults.py":
        return None
    named = any("faults" in Path(str(argument).partition("::")[0]).parts for argument in config.args)
    return None if named else True
