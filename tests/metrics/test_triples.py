"""Counting triples against by-hand counts and the law's own divergence."""

import math

import pytest
import torch

from paripassu.metrics import better, triple_coverage


def test_every_triple_once_is_even():
    digits = torch.cartesian_prod(*[torch.arange(10)] * 3)
    coverage = triple_coverage(digits)
    assert coverage.captured == 1000
    assert coverage.divergence == pytest.approx(0, abs=1e-12)


def test_one_triple_alone_diverges_by_log_1000():
    coverage = triple_coverage(torch.tensor([[1, 2, 3]] * 7))
    assert (coverage.captured, coverage.divergence) == (1, pytest.approx(math.log(1000)))


def test_triples_are_told_apart_by_order():
    coverage = triple_coverage(torch.tensor([[1, 2, 3], [3, 2, 1], [1, 2, 3], [1, 2, 3]]))
    assert coverage.captured == 2
    assert coverage.divergence == pytest.approx(0.75 * math.log(750) + 0.25 * math.log(250))


def test_draws_of_the_law_itself_have_the_divergence_of_their_number():
    digits = torch.randint(10, (26_000, 3), generator=torch.Generator().manual_seed(0))
    assert triple_coverage(digits).divergence == pytest.approx(999 / 52_000, rel=0.15)


@pytest.mark.parametrize(
    "digits", [torch.zeros(4), torch.zeros(0, 3), torch.full((2, 3), 10), torch.full((2, 3), 0.5)]
)
def test_what_are_no_digits_is_refused(digits):
    with pytest.raises(ValueError, match="digits must be"):
        triple_coverage(digits)


def test_which_way_a_metric_improves():
    assert [better(name) for name in ("fd-digits@2500", "kl-digits@26000")] == ["lower"] * 2
    assert [better(name) for name in ("modes-digits@26000", "mode-overlap@2500")] == ["higher"] * 2
