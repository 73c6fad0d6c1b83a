"""The tiny runs of `tests.cases.runs` as fixtures."""

import pytest
from tests.cases import runs

points = pytest.fixture(runs.points)
images = pytest.fixture(runs.images)
conditional = pytest.fixture(runs.conditional)
styles = pytest.fixture(runs.styles)
