import json
from importlib.resources import files

import pytest
import torch
from safetensors import safe_open
from sklearn.datasets import load_digits
from tools.train_digit_classifier import DIGITS, MNIST, SPLIT, Labelled, accuracy, split
from torch.nn.functional import interpolate, pad

from paripassu.metrics import (
    DigitFeatures,
    InceptionFeatures,
    MnistFeatures,
    Moments,
    PixelFeatures,
    frechet_distance,
    kernel_distance,
    metric_name,
)
from paripassu.metrics.digits import DigitClassifier, _classifier


@pytest.fixture(scope="module")
def held_out():
    return split()[1]


def _facts(network: DigitFeatures) -> dict:
    with safe_open(str(files("paripassu.metrics") / network.weights), "pt") as shipped:
        return json.loads(shipped.metadata()["training"])


def test_the_shipped_classifier_is_as_accurate_as_its_metadata_say(held_out):
    facts, measured = _facts(DigitFeatures()), accuracy(DigitFeatures().probabilities, held_out)
    assert measured == facts["held_out_accuracy"] >= DIGITS.required_accuracy
    assert (facts["train"], facts["held_out"], facts["split"]) == (1797 - 360, 360, SPLIT)


def test_mnists_classifier_reads_other_peoples_digits_too(held_out):
    """Its own are not here: those of scikit-learn, written with other pens and at a quarter of the size."""
    facts = _facts(MnistFeatures())
    assert facts["held_out_accuracy"] >= MNIST.required_accuracy
    assert (facts["train"], facts["held_out"]) == (60_000, 10_000)
    shown = pad(interpolate(held_out.images, size=20, mode="bicubic"), (6,) * 4, value=-1.0)
    thinner = ((shown - 0.3) / 0.7).clamp(-1, 1)
    assert accuracy(MnistFeatures().probabilities, Labelled(thinner, held_out.digits)) > 0.85


@pytest.mark.parametrize("network", [DigitFeatures(), MnistFeatures()], ids=lambda n: n.name)
def test_the_head_on_the_features_gives_the_probabilities(network):
    classifier = DigitClassifier(network.resolution)
    with safe_open(str(files("paripassu.metrics") / network.weights), "pt") as shipped:
        classifier.load_state_dict({name: shipped.get_tensor(name) for name in shipped.keys()})  # noqa: SIM118
    images = torch.rand(5, 1, network.resolution, network.resolution) * 2 - 1
    features, probabilities = network(images), network.probabilities(images)
    assert features.shape == (5, 64)
    assert torch.allclose(probabilities, classifier.head(features).softmax(dim=1))
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(5))


def test_features_carry_no_gradient_and_leave_the_global_generator_alone():
    _classifier.cache_clear()
    before = torch.get_rng_state()
    for network in (DigitFeatures(), PixelFeatures()):
        assert not network(torch.zeros(2, 1, 8, 8, requires_grad=True)).requires_grad
    assert torch.equal(torch.get_rng_state(), before)


def test_the_distances_see_noise_and_a_lost_digit(held_out):
    """Halves of the same digits are nearest; one half without its zeros is further; noise furthest."""
    network, (images, digits) = DigitFeatures(), held_out
    half, other, no_zeros = images[::2], images[1::2], images[1::2][digits[1::2] != 0]
    noise = torch.rand(half.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def frechet(real, fake):
        return frechet_distance(Moments.of(real), Moments.of(fake))

    for distance in (frechet, kernel_distance):
        same, lost, far = (
            distance(network(half[: len(no_zeros)]), network(fake[: len(no_zeros)]))
            for fake in (other, no_zeros, noise)
        )
        assert same < lost < far


def test_pixel_features_are_the_means_of_equal_areas():
    image = torch.arange(16.0).reshape(1, 1, 4, 4) / 16
    expected = [
        [(0 + 1 + 4 + 5) / 64, (2 + 3 + 6 + 7) / 64, (8 + 9 + 12 + 13) / 64, (10 + 11 + 14 + 15) / 64]
    ]
    assert torch.equal(PixelFeatures(2)(image), torch.tensor(expected))
    images = torch.rand(3, 3, 32, 32)
    assert torch.allclose(
        PixelFeatures()(images), images.unfold(2, 4, 4).unfold(3, 4, 4).mean(dim=(4, 5)).flatten(1), atol=1e-6
    )


def test_pixel_features_of_images_of_their_size_are_the_pixels():
    images = torch.rand(2, 1, 8, 8)
    assert torch.equal(PixelFeatures()(images), images.flatten(1))


def test_names_say_metric_network_and_count():
    count = len(load_digits().target)
    assert metric_name("fd", count, DigitFeatures()) == "fd-digits@1797"
    assert metric_name("kd", count, PixelFeatures()) == "kd-pixels8@1797"
    assert metric_name("mode-overlap", 2500) == "mode-overlap@2500"
    assert metric_name("fd", 50_000, InceptionFeatures()) == "fid-inception@50k"
    assert metric_name("recall", 10_000, InceptionFeatures()) == "recall-inception@10k"
    assert metric_name("kl", 26_000, DigitFeatures()) == "kl-digits@26000"


@pytest.mark.parametrize(
    ("network", "shape", "message"),
    [
        (DigitFeatures(), (2, 3, 8, 8), "digits takes grey images of 8 x 8"),
        (MnistFeatures(), (2, 1, 8, 8), "mnist takes grey images of 32 x 32"),
        (DigitFeatures(), (2, 1, 16, 16), "use PixelFeatures"),
        (PixelFeatures(), (2, 3, 4, 8), "at least 8 px"),
        (PixelFeatures(), (2, 2), "at least 8 px"),
    ],
)
def test_images_that_a_network_does_not_take_are_refused(network, shape, message):
    with pytest.raises(ValueError, match=message):
        network(torch.zeros(shape))


def test_no_areas_are_refused():
    with pytest.raises(ValueError, match="size must be >= 1, got 0"):
        PixelFeatures(0)
