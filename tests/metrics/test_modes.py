import math

import pytest
import torch

from paripassu.metrics import ModeCoverage, mode_coverage

# Four modes one apart: [K, 2].
CORNERS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
STD = 0.1


def at(*corners):
    return CORNERS[list(corners)]


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (at(0, 1, 2, 3), ModeCoverage(4, 1.0, 1.0)),
        (at(0, 0, 0, 0), ModeCoverage(1, 1.0, 0.25)),
        (at(0, 0, 0, 1), ModeCoverage(2, 1.0, 0.5)),
        (at(0, 0, 1, 2), ModeCoverage(3, 1.0, 0.75)),
        (torch.full((4, 2), 0.5), ModeCoverage(0, 0.0, 0.0)),
        (torch.cat([at(0, 1, 2, 3), torch.full((4, 2), 9.0)]), ModeCoverage(4, 0.5, 0.5)),
        (torch.cat([at(0, 0), torch.tensor([[math.nan, 0.0], [math.inf, 0.0]])]), ModeCoverage(1, 0.5, 0.25)),
    ],
    ids=["each once", "collapse", "two modes", "one lost", "between", "half stray", "not finite is stray"],
)
def test_counts_by_hand(samples, expected):
    assert mode_coverage(samples, CORNERS, STD) == expected


def test_overlap_is_one_minus_the_total_variation_of_the_histograms():
    # Denser towards the first corner, so that its mode has more than its due and the others less.
    samples = torch.rand(1000, 2, generator=torch.Generator().manual_seed(0)).square() * 1.4 - 0.2
    coverage = mode_coverage(samples, CORNERS, STD)
    good = [((samples - c).norm(dim=1) <= 3 * STD).double().mean().item() for c in CORNERS]
    histogram = torch.tensor([*good, 1 - sum(good)])
    uniform = torch.tensor([0.25] * 4 + [0.0])
    assert coverage.overlap == pytest.approx(1 - (histogram - uniform).abs().sum().item() / 2, abs=1e-6)
    assert 0 < coverage.overlap < coverage.high_quality < 1


def test_three_standard_deviations_is_where_quality_ends():
    offsets = torch.tensor([[0.299, 0.0], [0.301, 0.0]])
    assert mode_coverage(CORNERS[:1] + offsets, CORNERS, STD).high_quality == 0.5


def test_a_sample_belongs_to_its_nearest_mode_alone():
    """Where modes are nearer than 3 std, one sample captures one of them."""
    assert mode_coverage(torch.tensor([[0.4, 0.0]]), CORNERS, std=0.5) == ModeCoverage(1, 1.0, 0.25)


def test_the_mixture_itself_keeps_all_but_exp_of_minus_four_and_a_half():
    """|x|^2 / std^2 is exponential with mean 2 in the plane, so 1 - exp(-9 / 2) lie within 3 std."""
    rng, count = torch.Generator().manual_seed(0), 40_000
    samples = CORNERS.repeat(count // 4, 1) + STD * torch.randn(count, 2, generator=rng)
    coverage = mode_coverage(samples, CORNERS, STD)
    share = 1 - math.exp(-4.5)
    spread = math.sqrt(share * (1 - share) / count)
    assert coverage.captured == 4
    assert coverage.high_quality == pytest.approx(share, abs=4 * spread)
    assert coverage.overlap == pytest.approx(share, abs=4 * spread)


def test_far_from_the_origin_float32_samples_are_measured_to_their_own_precision():
    """torch.cdist would lose the third digit of the offset here."""
    centres = torch.arange(64.0).reshape(-1, 1).repeat(1, 2) * 100
    samples = centres + torch.tensor([0.0625, 0.0])
    assert mode_coverage(samples, centres, std=0.0625 / 2.99).high_quality == 1.0
    assert mode_coverage(samples, centres, std=0.0625 / 3.01).high_quality == 0.0


@pytest.mark.parametrize(
    ("samples", "centres", "std", "message"),
    [
        (torch.zeros(0, 2), CORNERS, STD, "N >= 1"),
        (torch.zeros(5, 3), CORNERS, STD, r"got \[5, 3\] and \[4, 2\]"),
        (torch.zeros(5), CORNERS, STD, r"\[N, 2\]"),
        (at(0), CORNERS[:0], STD, "K >= 1"),
        (at(0), CORNERS / 0, STD, "centres hold NaN or inf"),
        (at(0), CORNERS, 0.0, "std must be finite and > 0, got 0.0"),
        (at(0), CORNERS, math.nan, "std must be finite and > 0, got nan"),
    ],
)
def test_bad_input_is_refused(samples, centres, std, message):
    with pytest.raises(ValueError, match=message):
        mode_coverage(samples, centres, std)
