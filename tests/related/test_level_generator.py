"""Codes of levels: arcs in closed form, what is decoded, and levels that stay near a data set."""

import math

import numpy as np
import pytest
import torch

from paripassu.related import grids
from paripassu.related.grids import CELLS
from paripassu.related.level_generator import LevelGenerator, decoded, log_loss, planes, slerp


def _half():
    return torch.tensor([0.5], dtype=torch.float64)


def test_half_an_arc_between_orthonormal_points_is_their_scaled_sum():
    a, b = torch.eye(3, dtype=torch.float64)[:2]
    assert slerp(a, b, _half()).tolist() == pytest.approx(((a + b) / math.sqrt(2)).tolist())


@pytest.mark.parametrize("degrees", [30.0, 90.0, 150.0])
def test_an_arc_keeps_length_and_divides_the_angle(degrees):
    angle = torch.tensor(math.radians(degrees), dtype=torch.float64)
    a, b = torch.tensor([1.0, 0.0], dtype=torch.float64), torch.stack([angle.cos(), angle.sin()])
    third = slerp(a, b, _half() * 2 / 3)
    assert third.tolist() == pytest.approx([math.cos(angle / 3), math.sin(angle / 3)])


def test_an_arc_begins_and_ends_at_its_codes():
    a, b = torch.randn((2, 5), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for t, end in ((0.0, a), (1.0, b)):
        torch.testing.assert_close(slerp(a, b, torch.tensor([t], dtype=torch.float64)), end)


def test_nearly_parallel_codes_take_the_straight_line():
    a = torch.tensor([2.0, 0.0], dtype=torch.float64)
    for b in (torch.tensor([4.0, 0.1]), torch.tensor([-4.0, 0.1])):
        assert slerp(a, b.double(), _half()).tolist() == pytest.approx(((a + b) / 2).tolist())


def test_sharp_logits_decode_to_their_levels():
    levels = grids.randomised(50, np.random.default_rng(0))
    logits = 40 * planes(levels) - 20
    for own, given in zip(decoded(logits).fields(), levels.fields(), strict=True):
        assert np.array_equal(own, given)
    assert log_loss(logits, levels).item() < 1e-6


def test_flat_logits_cost_a_bit_a_tile():
    levels = grids.randomised(5, np.random.default_rng(0))
    expected = 2 * CELLS * math.log(2) + 2 * math.log(CELLS)
    assert log_loss(torch.zeros(5, 4 * CELLS), levels).item() == pytest.approx(expected)


def test_goals_and_starts_are_free_and_apart_whatever_is_decoded():
    logits = torch.randn((200, 4 * CELLS), generator=torch.Generator().manual_seed(0))
    logits[:20, :CELLS] = 5.0  # walls everywhere
    levels = decoded(logits)
    each = np.arange(200)
    assert not (levels.walls[each, levels.goals] | levels.walls[each, levels.starts]).any()
    assert (levels.goals != levels.starts).all()


def test_levels_between_two_stay_nearer_to_the_law_than_random_ones():
    rng = np.random.default_rng(0)
    dataset = grids.grounded(32, rng)
    fitted = LevelGenerator(steps=150).fit(dataset, 0)
    made = fitted.between(60, rng)
    assert len(made.goals) == 360
    assert grids.shift(made) < grids.shift(grids.randomised(360, rng)) / 2
    known = {tuple(row) for row in planes(dataset).tolist()}
    new = [tuple(row) not in known for row in planes(made).tolist()]
    assert 0.2 < np.mean(new) <= 1


def test_two_fits_with_one_seed_are_the_same():
    dataset = grids.grounded(4, np.random.default_rng(0))
    codes = [LevelGenerator(width=4, steps=3).fit(dataset, 1).codes()[0] for _ in range(2)]
    assert torch.equal(*codes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latent": 0}, "latent must be >= 1, got 0"),
        ({"steps": 2.5}, "steps must be a whole number, got 2.5"),
        ({"lr": 0.0}, "lr must"),
        ({"weight": -1.0}, "weight"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        LevelGenerator(**settings)


def test_one_level_has_nothing_between():
    rng = np.random.default_rng(0)
    fitted = LevelGenerator(width=4, steps=1).fit(grids.grounded(1, rng), 0)
    with pytest.raises(ValueError, match="at least two"):
        fitted.between(1, rng)
