"""Attacks find the worst change of linear models, whose closed forms are known, and noise its probability."""

import math
from statistics import NormalDist

import pytest
import torch

from paripassu.classifiers import Convolutional, accuracy, attacked_accuracy, margins, noisy_accuracy
from paripassu.classifiers.classifier import Classifier

FREE = (-math.inf, math.inf)
GENERATOR = torch.Generator().manual_seed(0)
SLOPE = torch.randn(6, dtype=torch.float64, generator=GENERATOR)
POINTS = torch.rand(400, 6, dtype=torch.float64, generator=GENERATOR)
OFFSET = (POINTS @ SLOPE).median() + 1e-4  # no point is on the border
SIDES = ((POINTS @ SLOPE - OFFSET) < 0).long()


def _two_classes(x):
    score = x @ SLOPE - OFFSET
    return torch.stack([score, -score], dim=1)


def _distance():
    """Half the margin: |<w, x> - b|."""
    return (POINTS @ SLOPE - OFFSET).abs()


@pytest.mark.parametrize("steps", [1, 20])
@pytest.mark.parametrize("radius", [0.0, 0.05, 0.2, 1.0])
def test_a_linear_model_falls_within_its_distance(radius, steps):
    """The nearest change is <w, x> - b over the dual norm of w."""
    for norm, dual in (("l2", SLOPE.norm()), ("linf", SLOPE.abs().sum())):
        expected = (_distance() > radius * dual).double().mean().item()
        found = attacked_accuracy(_two_classes, POINTS, SIDES, radius, norm, steps=steps, pixels=FREE)
        assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("radius", [0.1, 0.3])
def test_pixels_stay_in_their_range(radius):
    """For a linear model and linf, each pixel moves by the radius or to the end of its range."""
    signs = torch.where(SIDES == 0, 1.0, -1.0).unsqueeze(1)
    worst = (POINTS - radius * signs * SLOPE.sign()).clamp(0.0, 1.0)
    expected = accuracy(_two_classes, worst, SIDES)
    found = attacked_accuracy(_two_classes, POINTS, SIDES, radius, "linf")
    assert found == pytest.approx(expected, abs=1e-12)
    assert found > attacked_accuracy(_two_classes, POINTS, SIDES, radius, "linf", pixels=FREE)


def test_many_classes_fall_at_the_nearest_border():
    """l2: the least over k of the margin to class k over the length of the difference of slopes."""
    slopes = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    scores = (POINTS - 0.5) @ slopes
    labels = scores.argmax(dim=1)
    gaps = scores.gather(1, labels.unsqueeze(1)) - scores
    lengths = (slopes.T[labels].unsqueeze(1) - slopes.T).norm(dim=2)
    nearest = torch.where(lengths > 0, gaps / lengths.clamp(min=1e-9), math.inf).amin(dim=1)
    expected = (nearest > 0.1).double().mean().item()
    found = attacked_accuracy(
        lambda x: (x - 0.5) @ slopes, POINTS, labels, 0.1, "l2", steps=50, restarts=2, pixels=FREE
    )
    # The steepest way is to the class with the least margin, which is not always the nearest border.
    assert expected <= found <= expected + 0.01


def test_noise_flips_a_linear_model_as_often_as_the_normal_law_says():
    expected = sum(NormalDist().cdf(d / (0.2 * SLOPE.norm().item())) for d in _distance().tolist()) / 400
    found = noisy_accuracy(_two_classes, POINTS, SIDES, 0.2, draws=50)
    assert found == pytest.approx(expected, abs=0.01)
    assert noisy_accuracy(_two_classes, POINTS, SIDES, 0.0, draws=1) == 1.0


def test_a_margin_is_to_the_best_other_class():
    logits = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 1.0]])
    assert margins(logits, torch.tensor([0, 2])).tolist() == [1.0, -4.0]


def test_longer_searches_find_at_least_as_much():
    problem = Classifier(Convolutional((2, 4)), tests=30)
    weights = [3 * weight for weight in problem.network.first(0)]
    images = problem.test.images.float()

    def logits(x):
        return problem.network.logits(weights, x)

    labels = logits(images).argmax(dim=1)
    for norm, radius in (("l2", 0.2), ("linf", 0.03)):
        short, more, longer = (
            attacked_accuracy(logits, images, labels, radius, norm, steps=steps, restarts=restarts)
            for steps, restarts in ((15, 0), (15, 1), (40, 2))
        )
        assert more <= short
        assert longer - 0.001 <= more <= longer + 0.05
        assert 0 < longer < 1


def test_a_network_that_diverged_knows_nothing():
    def broken(x):
        return _two_classes(x) * math.nan

    assert accuracy(broken, POINTS, SIDES) == 0.0
    assert attacked_accuracy(broken, POINTS, SIDES, 0.1, "l2") == 0.0


def test_wrong_images_and_noise_are_named():
    with pytest.raises(ValueError, match="at least one image"):
        accuracy(_two_classes, POINTS[:0], SIDES[:0])
    with pytest.raises(ValueError, match="at least one image"):
        attacked_accuracy(_two_classes, POINTS[:0], SIDES[:0], 0.1, "l2")
    with pytest.raises(ValueError, match=r"within pixels \(0.0, 1.0\), got .* give their own range"):
        attacked_accuracy(_two_classes, 2 * POINTS, SIDES, 0.0, "l2")
    for std, draws in ((-1.0, 5), (math.nan, 5), (0.1, 0)):
        with pytest.raises(ValueError, match="finite std >= 0 and draws >= 1"):
            noisy_accuracy(_two_classes, POINTS, SIDES, std, draws)


def test_equal_seeds_give_equal_attacks():
    draws = [attacked_accuracy(_two_classes, POINTS, SIDES, 0.2, "l2", steps=2, restarts=1) for _ in range(2)]
    assert draws[0] == draws[1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"norm": "l1"}, "norm must be one of l2, linf, got 'l1'"),
        ({"radius": -1.0}, "an attack needs a finite radius >= 0"),
        ({"radius": math.inf}, "an attack needs a finite radius >= 0"),
        ({"steps": 0}, "steps >= 1"),
        ({"restarts": -1}, "restarts >= 0"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        attacked_accuracy(_two_classes, POINTS, SIDES, **{"radius": 0.1, "norm": "l2"} | wrong)
