"""The contract once more, as on a machine without numba."""

from unittest.mock import patch

import pytest
from tests.optim.test_contract import *  # noqa: F403 - every law

from paripassu.optim.steps import cpu


@pytest.fixture(scope="module", autouse=True)
def _without_numba():
    with patch.object(cpu, "_kernels", lambda: None):
        yield
