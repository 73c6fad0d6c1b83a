"""Every arm tries the same points of one box."""

import math

import pytest

from paripassu.protocol import SearchSpace, Tuning
from paripassu.records import Settings


def test_points_lie_in_the_box_and_fill_it():
    space = SearchSpace(decades=2, ratio=4)
    points = space.trials(1e-2, 256)
    rates = [math.log10(point.lr_g / 1e-2) for point in points]
    ratios = [math.log(point.lr_d / point.lr_g, 4) for point in points]
    for values in (rates, ratios):
        assert min(values) == pytest.approx(-1, abs=0.1)
        assert max(values) == pytest.approx(1, abs=0.1)
        assert sum(values) / 256 == pytest.approx(0, abs=0.05)
    decays = [point.decay for point in points]
    assert {name: round(decays.count(name) / 256, 1) for name in decays} == dict.fromkeys(space.decays, 0.3)


def test_arms_differ_in_the_centre_of_their_rates_alone():
    one, other = (SearchSpace().trials(centre, 16) for centre in (1e-3, 1e-1))
    for mine, theirs in zip(one, other, strict=True):
        assert theirs.lr_g / mine.lr_g == pytest.approx(100, rel=0.1)
        assert theirs.lr_d / mine.lr_d == pytest.approx(100, rel=0.1)
        assert theirs.decay == mine.decay


def test_more_trials_begin_with_the_same_ones():
    assert SearchSpace().trials(1e-3, 32)[:16] == SearchSpace().trials(1e-3, 16)


def test_one_decay_and_one_ratio_are_a_grid_of_rates():
    points = SearchSpace(ratio=1, decays=("linear",)).trials(1e-3, 8)
    assert all(point.lr_g == pytest.approx(point.lr_d, rel=0.05) for point in points)
    assert {point.decay for point in points} == {"linear"}


@pytest.mark.parametrize(
    ("lr_g", "lr_d", "edges"),
    [
        (1e-3, 1e-3, []),
        (3.2e-5, 3.2e-5, ["smallest of the generator's rate"]),
        (3e-2, 3e-2, ["largest of the generator's rate"]),
        (1e-3, 9e-3, ["largest of the ratio of the rates"]),
        (3.2e-5, 3.3e-6, ["smallest of the generator's rate", "smallest of the ratio of the rates"]),
    ],
)
def test_points_close_to_an_edge_are_named(lr_g, lr_d, edges):
    assert SearchSpace().edges(Settings(lr_g, lr_d, "linear"), 1e-3) == edges


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: SearchSpace(decades=0), "some decades wide"),
        (lambda: SearchSpace(decades=math.inf), "some decades wide"),
        (lambda: SearchSpace(ratio=0.5), "finite and >= 1"),
        (lambda: SearchSpace(decays=()), "decays must be some of constant, linear, cosine"),
        (lambda: SearchSpace(decays=("sudden",)), "decays must be some of"),
        (lambda: Tuning(trials=0), "at least one trial"),
        (lambda: Tuning(finalists=0), "at least one trial"),
        (lambda: Tuning(seeds=-1), "at least one trial"),
        (lambda: Tuning(share=0), "share of a run's length"),
        (lambda: Tuning(share=1.5), "share of a run's length"),
    ],
)
def test_empty_searches_are_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()
