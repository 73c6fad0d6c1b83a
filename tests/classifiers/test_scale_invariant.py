"""Logits do not see the scale of the weights: the laws that follow, in float64."""

import pytest
import torch
from torch.func import grad
from torch.nn.functional import cross_entropy

from paripassu.classifiers import Classifier, ScaleInvariantAttention, ScaleInvariantPerceptron, shares
from paripassu.classifiers.scale_invariant import TEMPERATURE, normalized, standardized
from paripassu.rules import SGD, Normalize
from paripassu.theory import play

PERCEPTRON, ATTENTION = ScaleInvariantPerceptron((12, 9)), ScaleInvariantAttention(width=6, heads=2)
BOTH = pytest.mark.parametrize("network", [PERCEPTRON, ATTENTION], ids=["perceptron", "attention"])
IMAGES = torch.rand(20, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(20) % 10


def _weights(network, seed=0):
    return [weight.double() for weight in network.first(seed)]


def _gradient(network, weights):
    loss = grad(lambda own: cross_entropy(network.logits(own, IMAGES), LABELS))
    return loss(tuple(weights))


def _flat(tensors):
    return torch.cat([tensor.flatten() for tensor in tensors])


@BOTH
@pytest.mark.parametrize("factor", [1e-6, 0.3, 1e6])
def test_logits_ignore_the_scale_of_all_weights(network, factor):
    weights = _weights(network)
    scaled = network.logits([factor * weight for weight in weights], IMAGES)
    assert torch.allclose(scaled, network.logits(weights, IMAGES), rtol=1e-9, atol=1e-9)


@BOTH
def test_gradients_are_orthogonal_to_the_weights(network):
    """Euler: the derivative along the weights of a function of degree 0 is 0."""
    weights = _weights(network)
    gradient = _flat(_gradient(network, weights))
    assert abs(gradient @ _flat(weights)) < 1e-12 * gradient.norm() * _flat(weights).norm()
    assert gradient.norm() > 1e-3


@BOTH
def test_gradients_fall_like_one_over_the_scale(network):
    weights = _weights(network)
    scaled = _gradient(network, [8 * weight for weight in weights])
    assert torch.allclose(8 * _flat(scaled), _flat(_gradient(network, weights)), rtol=1e-9, atol=1e-12)


def test_each_matrix_of_the_perceptron_is_invariant_alone():
    weights = _weights(PERCEPTRON)
    for place, gradient in enumerate(_gradient(PERCEPTRON, weights)):
        scaled = [weight * (5 if place == n else 1) for n, weight in enumerate(weights)]
        assert torch.allclose(PERCEPTRON.logits(scaled, IMAGES), PERCEPTRON.logits(weights, IMAGES))
        assert abs((gradient * weights[place]).sum()) < 1e-14


@pytest.mark.parametrize("place", [3, 4], ids=["queries", "keys"])
def test_attention_ignores_the_scale_of_queries_and_keys(place):
    weights = _weights(ATTENTION)
    scaled = [weight * (7 if place == n else 1) for n, weight in enumerate(weights)]
    assert torch.allclose(ATTENTION.logits(scaled, IMAGES), ATTENTION.logits(weights, IMAGES))
    values = [weight * (7 if n == 5 else 1) for n, weight in enumerate(weights)]
    assert not torch.allclose(ATTENTION.logits(values, IMAGES), ATTENTION.logits(weights, IMAGES))


def test_rows_of_attention_sum_to_one():
    weights = _weights(ATTENTION)
    rows = ATTENTION.attention(weights[3:5], standardized(IMAGES[:, :, :6]))
    assert rows.shape == (20, 2, 8, 8)
    assert torch.allclose(rows.sum(dim=-1), torch.ones(20, 2, 8, dtype=torch.float64), rtol=1e-14)
    assert (rows >= 0).all()


def test_a_row_without_positive_scores_is_uniform():
    scores = torch.tensor([[-1.0, -2.0, 0.0, -3.0], [1.0, -1.0, 3.0, 0.0]], requires_grad=True)
    rows = shares(scores)
    assert rows.tolist() == [[0.25] * 4, [0.25, 0.0, 0.75, 0.0]]
    (slope,) = torch.autograd.grad(rows[:, 2].sum(), scores)
    assert slope.isfinite().all()
    assert slope[0].tolist() == [0.0] * 4


def test_attention_is_its_definition():
    """Head by head and token by token, as the class's docstring has it."""
    weights = _weights(ATTENTION)
    embed, position, mix, query, key, value, out, up, down, head = weights
    image = IMAGES[3]
    h0 = (image @ embed + position) @ mix
    seen = standardized(h0)
    added = torch.zeros_like(h0)
    for part in (slice(0, 3), slice(3, 6)):
        for token in range(8):
            scores = [max(0.0, float(seen[token] @ query[:, part] @ (t @ key[:, part]))) for t in seen]
            for score, other in zip(scores, seen, strict=True):
                added[token] += score / sum(scores) * (other @ value[:, part]) @ out[part]
    h1 = h0 + added
    h2 = h1 + (standardized(h1) @ up).relu() @ down
    z = h2.mean(dim=0) @ head
    expected = TEMPERATURE * z / z.norm()
    assert torch.allclose(ATTENTION.logits(weights, IMAGES[3:4])[0], expected, rtol=1e-10)


def test_zero_has_no_direction():
    x = torch.zeros(2, 3, requires_grad=True)
    assert normalized(x).tolist() == [[0.0] * 3] * 2
    (slope,) = torch.autograd.grad(normalized(x).sum(), x)
    assert slope.isfinite().all()


@BOTH
@pytest.mark.parametrize("rule", [SGD(), Normalize()], ids=["sgd", "nsgd"])
def test_steps_make_the_weights_longer_as_pythagoras_says(network, rule):
    paths = play(Classifier(network, batch=8), rule, 0.1, 3, [0], record=[0, 1, 2, 3])
    square = paths.norms["net"][0] ** 2
    assert square[1:] == pytest.approx(square[:-1] + paths.lengths["net"][0, :-1] ** 2, rel=1e-9)
    assert square[-1] > square[0] * (1 + 1e-9)


def test_loss_and_rate_can_swap_a_factor():
    """(L, lr, decay) to (cL, lr / c, c decay) is the same path."""
    one = play(Classifier(PERCEPTRON, batch=8), SGD(), 0.2, 5, [0], weight_decay=0.1, record=[5])
    scaled = Classifier(PERCEPTRON, batch=8, loss_scale=4.0)
    other = play(scaled, SGD(), 0.05, 5, [0], weight_decay=0.4, record=[5])
    for ours, theirs in zip(one.weights["net"], other.weights["net"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-10)


def test_a_longer_start_with_a_larger_rate_turns_alike():
    """(w, lr, decay) to (cw, c² lr, decay / c²) is the same path of directions."""
    one = play(Classifier(ATTENTION, batch=8), SGD(), 0.2, 5, [0], weight_decay=0.1, record=[5])
    longer = Classifier(ATTENTION, batch=8, start_scale=3.0)
    other = play(longer, SGD(), 1.8, 5, [0], weight_decay=0.1 / 9, record=[5])
    for ours, theirs in zip(one.weights["net"], other.weights["net"], strict=True):
        assert 3 * ours == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ScaleInvariantPerceptron((0,)), "width 1 must be >= 1, got 0"),
        (lambda: ScaleInvariantAttention(0), "width must be >= 1, got 0"),
        (lambda: ScaleInvariantAttention(5, 2), "heads must divide the width 5, got 2"),
    ],
)
def test_wrong_sizes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
