"""The guide's loops in Lightning and accelerate move the generator onto the ring.

``make test-loops`` runs these tests.
"""

import importlib

import pytest

pytestmark = pytest.mark.filterwarnings("default")  # of both libraries


@pytest.mark.parametrize("library", ["lightning", "accelerate"])
def test_the_generator_moves_onto_the_ring(library):
    """Its radius is 2; a third of the script's own steps bring most samples near it."""
    pytest.importorskip(library)
    samples = importlib.import_module(f"examples.with_{library}").main(steps=300)
    assert 1.5 < samples.norm(dim=1).median() < 2.5
