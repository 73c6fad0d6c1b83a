from pathlib import Path

import pytest
from examples import graft_your_own, nsgd_in_your_loop

EXAMPLES = sorted(Path(nsgd_in_your_loop.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_shorter_than_a_screen(path):
    assert len(path.read_text().splitlines()) < 60


def test_the_generator_moves_onto_the_ring():
    """Its radius is 2; half of the script's own steps bring most samples near it."""
    untrained, trained = (nsgd_in_your_loop.main(steps).norm(dim=1) for steps in (0, 1000))
    assert untrained.median() < 1
    assert 1.5 < trained.median() < 2.5


def test_the_graft_leaves_the_bilinear_game_slowest():
    passed = graft_your_own.main(steps=500)
    sgd, momentum, graft = passed.values()
    assert sgd[0] == momentum[0] == graft[0]
    assert graft[-1] < sgd[-1] < momentum[-1]
