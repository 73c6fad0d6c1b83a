"""Grids are half a decade apart and grow while their best rate is at an edge."""

import math

import pytest

from paripassu.protocol.search import Search


def test_grids_are_half_a_decade_apart_around_the_centre():
    assert Search(1e-3, 5).grid() == [1e-4, 3.2e-4, 1e-3, 3.2e-3, 1e-2]
    assert Search(0.03, 5).grid() == [3e-3, 9.5e-3, 0.03, 0.095, 0.3]
    assert Search(0.03, 1, beyond=4).tried(lambda _: 0.0) == []


@pytest.mark.parametrize(
    ("best", "beyond", "added"),
    [
        (1e-2, 4, []),
        (0.3, 4, [0.1, 0.32, 1.0]),
        (1e-4, 4, [3.2e-5, 1e-4, 3.2e-4, 1e-3]),
        (1e9, 2, [0.1, 0.32]),
        (1e9, 0, []),
    ],
)
def test_more_rates_are_tried_beyond_a_best_edge(best, beyond, added):
    tried = Search(1e-2, 3, beyond).tried(lambda lr: -abs(math.log10(lr / best)))
    assert tried == sorted([3.2e-3, 1e-2, 3.2e-2, *added])


def test_nothing_is_added_before_all_scores_are_known():
    assert Search(1e-2, 3, 4).tried(lambda lr: None if lr > 1e-2 else -lr) == [3.2e-3, 1e-2, 3.2e-2]
