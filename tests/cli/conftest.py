"""A run that has been trained."""

import pytest
from tests.cases.commands import TRAIN, run


@pytest.fixture
def trained(tmp_path, capsys):
    folder = tmp_path / "run"
    assert run(capsys, *TRAIN, "--out", str(folder))[0] == 0
    return folder
