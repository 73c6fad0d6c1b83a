"""Learned noise: its likelihood in closed form, both readings of σ, smoothing, and `play` on it."""

import math
from dataclasses import replace

import pytest
import torch
from tests.cases.problems import first_of

from paripassu.related.corruptions import CORRUPTIONS, SEVERITIES
from paripassu.related.diffusion import LEAST_VARIANCE, Diffusion, log_loss, parts
from paripassu.rules import SGD
from paripassu.theory import play

SMALL = Diffusion(width=5, batch=3, per_class=1)


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("distance", [0.01, 1.0, 30.0])
def test_likelihood_is_best_at_the_squared_distance(distance):
    v = _tensor(distance**2).requires_grad_()
    loss = log_loss(_tensor(2.0), v, _tensor(2.0 + distance))
    loss.backward()
    assert loss.item() == pytest.approx((math.log(distance**2) + 1) / 2)
    assert v.grad.item() == pytest.approx(0, abs=1e-9 / distance**2)
    for factor in (0.5, 2.0):
        assert log_loss(_tensor(2.0), factor * v, _tensor(2.0 + distance)) > loss


def test_likelihood_without_distance_stops_at_the_least_variance():
    loss = log_loss(_tensor(1.0), _tensor(0.0), _tensor(1.0))
    assert loss.item() == pytest.approx(-6.9078, abs=1e-4)
    assert loss.item() == pytest.approx(math.log(LEAST_VARIANCE) / 2)


def test_likelihood_is_torchs():
    drawn = torch.randn((3, 4, 5), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean, seen, v = drawn[0], drawn[1], drawn[2].square()
    expected = torch.nn.functional.gaussian_nll_loss(mean, seen, v, eps=LEAST_VARIANCE)
    assert log_loss(mean, v, seen).item() == pytest.approx(expected.item())


def _line(blocks, std, slope=1.0):
    """A network of width one whose blocks add nothing but noise: the first pixel is its feature.

    Its logits are ``slope`` times the feature, less what a feature of one has, and zero.
    """
    first, head = torch.zeros(64, 1, dtype=torch.float64), torch.zeros(1, 10, dtype=torch.float64)
    first[0], head[0, 0] = 1.0, slope
    bias = _tensor(-slope, 0.0, *[-1e9] * 8)
    none = [torch.zeros(shape, dtype=torch.float64) for shape in ((1, 1), (1,)) * 2 * blocks]
    problem = Diffusion(noise="fixed", fixed=std, blocks=blocks, width=1)
    return problem, {"network": (first, torch.zeros(1).double(), *none, head, bias), "scale": ()}


def _images(features):
    images = torch.zeros(len(features), 64, dtype=torch.float64)
    images[:, 0] = features
    return images


@pytest.mark.parametrize("layers", [1, 4])
def test_noise_smooths_a_wave_as_diffusion_does(layers):
    """Mean of cos k(x + noise) is exp(-s²k²/2) cos kx, in one layer of std s or L of s/√L."""
    s, k, x, draws = 0.5, 2.0, 0.3, 60_000
    rng = torch.Generator().manual_seed(0)
    noise = torch.randn((layers, draws, 1), generator=rng, dtype=torch.float64)
    problem, weights = _line(layers, s / math.sqrt(layers))
    seen = torch.cos(k * problem.features(weights, _images(_tensor(x).expand(draws)), noise)[-1]).mean()
    assert seen.item() == pytest.approx(math.exp(-(s**2) * k**2 / 2) * math.cos(k * x), abs=8e-3)


@pytest.mark.parametrize(("slope", "low", "high"), [(1.0, 0.1, 0.3), (300.0, 0.99, 1.0)])
def test_averaged_probabilities_are_as_smooth_as_the_noise_is_large(slope, low, high):
    """Their slope is at most 1/(s√(2π)), which a step at the image nearly has, however steep it is."""
    s = 0.3
    at, grid = torch.linspace(0.9, 1.1, 21).double(), torch.linspace(-6, 6, 1201).double()
    problem, weights = _line(1, s, slope)
    images, noise = _images(at.repeat_interleave(len(grid))), grid.repeat(len(at))[None, :, None]
    sure = problem.logits(weights, images, noise).softmax(dim=1)[:, 0].view(len(at), -1)
    averaged = sure @ torch.exp(-grid.square() / 2) / torch.exp(-grid.square() / 2).sum()
    steepest = (averaged.diff() / at.diff()).max().item()
    bound = 1 / (s * math.sqrt(2 * math.pi))
    assert low * bound < steepest <= high * bound


def test_readings_of_sigma_differ_in_the_likelihood_alone():
    weights, data = first_of(SMALL)
    std, code = SMALL.losses(weights, data), replace(SMALL, sigma_is="code").losses(weights, data)
    assert std["network"] == code["network"]
    assert std["scale"] != code["scale"]


def test_a_scale_of_zero_is_no_noise():
    weights, data = first_of(SMALL)
    silent = {**weights, "scale": tuple(torch.zeros_like(tensor) for tensor in weights["scale"])}
    without = replace(SMALL, noise="none").losses(weights, data)["network"]
    assert SMALL.losses(silent, data)["network"] == without
    assert SMALL.losses(weights, data)["network"] != without


def test_fixed_noise_is_a_scale_that_does_not_depend():
    weights, data = first_of(SMALL)
    biases = [n for n in range(len(weights["scale"])) if n % 4 == 3]
    constant = [torch.full_like(t, 0.3 if n in biases else 0.0) for n, t in enumerate(weights["scale"])]
    learned = SMALL.losses({**weights, "scale": tuple(constant)}, data)["network"]
    fixed = replace(SMALL, noise="fixed", fixed=0.3).losses(weights, data)["network"]
    assert learned.item() == pytest.approx(fixed.item(), rel=1e-12)


def test_the_likelihood_does_not_step_the_network():
    weights, data = first_of(SMALL)
    gradients = SMALL.gradients(weights, data, SMALL.players)
    alone = SMALL.gradients(weights, data, ("network",))
    fit = torch.func.grad(
        lambda own: SMALL.losses({**weights, "network": own}, data)["network"]
    )(weights["network"])  # fmt: skip
    for one, other, third in zip(gradients["network"], alone["network"], fit, strict=True):
        assert torch.equal(one, other)
        assert torch.equal(one, third)
    assert any(tensor.any() for tensor in gradients["scale"])


@pytest.mark.parametrize("settings", [{"noise": "none"}, {"noise": "fixed"}, {"both": True}])
def test_every_kind_is_played(settings):
    problem = replace(SMALL, **settings)
    paths = play(problem, SGD(), 0.01, 2, [0], updates="alternating", record=[0, 2])
    assert paths.norms["network"][0, 0] != paths.norms["network"][0, 1]
    moves = paths.norms["scale"][0, 0] != paths.norms["scale"][0, 1]
    assert moves == (problem.noise == "learned")


def test_training_and_test_digits_share_none():
    training, test = parts()
    assert (len(training.images), len(test.images)) == (1300, 497)
    assert training.labels.bincount().min() == 120  # what per_class may be
    rows = {tuple(image.tolist()) for image in training.images}
    assert sum(tuple(image.tolist()) in rows for image in test.images) == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise": "some"}, "noise must be"),
        ({"sigma_is": "variance"}, "sigma_is must be"),
        ({"augment": False}, "leave augment on"),
        ({"fixed": 0.0}, "fixed must be"),
        ({"blocks": 0}, "blocks must be"),
        ({"width": 2.5}, "width must be a whole number, got 2.5"),
        ({"per_class": 121}, r"per_class must be in 1\.\.120, got 121"),
        ({"noise": "fixed", "both": True}, "both is of learned noise"),
        ({"noise": "none", "sigma_is": "code"}, "sigma_is is of learned noise"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **settings)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions_grow_with_severity_and_depend_on_the_generator(name):
    images = parts()[1].images[:200].view(-1, 8, 8)

    def damage(severity, seed=0):
        return CORRUPTIONS[name](images, severity, torch.Generator().manual_seed(seed)) - images

    sizes = [damage(severity).norm().item() for severity in SEVERITIES]
    assert sizes == sorted(sizes)
    assert sizes[0] > 0
    assert torch.equal(damage(3), damage(3))
