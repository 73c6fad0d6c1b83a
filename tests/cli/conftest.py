"""A run that has been trained, and an engine in this process."""

import pytest
from tests.cases.commands import TRAIN, run


@pytest.fixture
def trained(tmp_path, capsys):
    folder = tmp_path / "run"
    assert run(capsys, *TRAIN, "--out", str(folder))[0] == 0
    return folder


@pytest.fixture
def here(monkeypatch):
    """Do every task of an engine in this process."""
    inline = lambda _, function, tasks: ((task, function(task)) for task in tasks)  # noqa: E731
    monkeypatch.setattr("paripassu.engine.LocalEngine.execute", inline)
