"""Conditional networks: the published equations, reductions to networks without labels, shapes."""

import pytest
import torch
from torch import nn

from paripassu.models import (
    DCGAN,
    MLP,
    SNGAN,
    BesideLatent,
    ConditionalBatchNorm,
    FromFunction,
    Projection,
    given,
)

CLASSES = 3
CASES = [
    *[(DCGAN(width=2, latent=6, norm=norm), (1, 8, 8)) for norm in ("batch", "none")],
    (SNGAN(latent=6, width=1), (3, 32, 32)),
]


@pytest.mark.parametrize(("model", "shape"), CASES, ids=str)
def test_both_networks_answer_the_label_alone(model, shape):
    torch.manual_seed(0)
    pair = model.build_conditional(shape, CLASSES)
    for network in pair:
        for name, weight in network.named_parameters():
            if "scale" in name or "shift" in name:  # of normalisation, which begin alike for all classes
                nn.init.normal_(weight)
        network.eval()
    z, labels = torch.randn(1, model.latent).expand(4, -1), torch.tensor([0, 2, 2, 1])
    samples = given(pair.generator, labels)(z)
    logits = given(pair.discriminator, labels)(samples[:1].expand_as(samples))
    assert (samples.shape, logits.shape) == ((4, *shape), (4,))
    for outputs in (samples.flatten(1), logits[:, None]):
        assert torch.allclose(outputs[1], outputs[2], atol=1e-6)
        assert not torch.allclose(outputs[0], outputs[1], atol=1e-6)
        assert not torch.allclose(outputs[0], outputs[3], atol=1e-6)
    (samples.square().sum() + logits.square().sum()).backward()
    assert all(p.grad is not None for network in pair for p in network.parameters())


def test_a_projection_is_miyato_and_koyamas_equation_3():
    features, last, rows = nn.Linear(5, 4), nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)), nn.Embedding(3, 4)
    x, labels = torch.randn(2, 5), torch.tensor([2, 0])
    phi = features(x)
    expected = last(phi) + torch.stack([rows.weight[2] @ phi[0], rows.weight[0] @ phi[1]])
    assert torch.allclose(Projection(features, last, rows)(x, labels), expected, atol=1e-6)


def test_conditional_normalisation_begins_as_normalisation():
    x, labels = torch.randn(6, 4, 3, 3), torch.arange(6) % CLASSES
    assert torch.equal(ConditionalBatchNorm(CLASSES, 4)(x, labels), nn.BatchNorm2d(4)(x))


def test_conditional_normalisation_scales_and_shifts_by_class():
    norm = ConditionalBatchNorm(CLASSES, 2)
    nn.init.constant_(norm.scale.weight, 2.0)
    norm.shift.weight.data[1] = 5.0
    x = torch.randn(4, 2, 3, 3)
    shifts = torch.tensor([0.0, 5.0, 0.0, 5.0])[:, None, None, None]
    assert torch.allclose(norm(x, torch.tensor([0, 1, 2, 1])), 2 * nn.BatchNorm2d(2)(x) + shifts, atol=1e-6)


def test_the_class_beside_z_weighs_as_much_as_z():
    seen = BesideLatent(nn.Identity(), CLASSES)(torch.ones(1, 16), torch.tensor([1]))
    assert seen.tolist() == [[*[1.0] * 16, 0.0, 4.0, 0.0]]


def test_without_labels_a_network_is_given_as_it_is():
    network = nn.Linear(2, 1)
    assert given(network, None) is network


def _networks(shape, latent=4, classes=0):
    return nn.Linear(latent + classes, 1), nn.Linear(1 + classes, 1)


def test_own_networks_learn_how_many_classes_there_are():
    model = FromFunction(_networks)
    assert (model.has_conditional, MLP().has_conditional) == (True, False)
    assert model.build((1,)).generator.in_features == 64
    assert model.build_conditional((1,), 5).generator.in_features == 69
    without = FromFunction(lambda shape, latent: _networks(shape, latent))
    for lacking in (without, MLP()):
        with pytest.raises(ValueError, match="no conditional form for 5 classes"):
            lacking.build_conditional((1,), 5)
