"""Muon's direction: singular values near one, whatever the update's, and the rest by another rule."""

import pytest
import torch

from paripassu.optim import RuleOptimizer
from paripassu.rules import SGD, Adam, Normalize, Orthogonal, RMSprop


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _orthogonal(tensor: torch.Tensor, rule: Orthogonal | None = None) -> torch.Tensor:
    rule = rule or Orthogonal()
    return rule.update([tensor], [rule.init(tensor)], [tensor])[0][0]


@pytest.mark.parametrize("shape", [(8, 8), (5, 20), (20, 5), (6, 3, 2, 2), (1, 7)])
def test_singular_values_are_near_one(shape):
    """In [0.68, 1.21] for values above 0.002 of the length, by the polynomial's range."""
    values = torch.linalg.svdvals(_orthogonal(_normal(*shape)).flatten(1))
    assert values.min() > 0.68
    assert values.max() < 1.21


@pytest.mark.parametrize("iterations", [1, 5])
def test_the_iteration_maps_each_singular_value_by_the_polynomial(iterations):
    matrix = _normal(4, 6)
    u, values, v = torch.linalg.svd(matrix / matrix.norm(), full_matrices=False)
    for _ in range(iterations):
        values = 3.4445 * values - 4.775 * values**3 + 2.0315 * values**5
    expected = u @ values.diag() @ v
    torch.testing.assert_close(_orthogonal(matrix, Orthogonal(iterations=iterations)), expected)


def test_it_is_the_direction_of_torchs_muon():
    """Which computes in bfloat16."""
    matrix = torch.nn.Parameter(_normal(6, 4).float())
    start, matrix.grad = matrix.detach().clone(), _normal(6, 4, seed=1).float()
    torch.optim.Muon([matrix], 1.0, weight_decay=0.0, momentum=0.0, nesterov=False).step()
    theirs = (start - matrix.detach()) / (6 / 4) ** 0.5
    torch.testing.assert_close(_orthogonal(matrix.grad), theirs, rtol=0, atol=0.03)


def test_orthogonal_maps_before_are_orthogonal_maps_after():
    matrix, left, right = (
        _normal(5, 7),
        torch.linalg.qr(_normal(5, 5, seed=1))[0],
        torch.linalg.qr(_normal(7, 7))[0],
    )
    torch.testing.assert_close(_orthogonal(left @ matrix @ right), left @ _orthogonal(matrix) @ right)


@pytest.mark.parametrize("c", [1e-100, 1e100])
def test_scaling_a_gradient_changes_nothing(c):
    torch.testing.assert_close(_orthogonal(c * _normal(4, 5)), _orthogonal(_normal(4, 5)))


def test_filters_are_matrices_of_outputs_by_the_rest():
    filters = _normal(4, 3, 2, 2)
    torch.testing.assert_close(_orthogonal(filters).flatten(1), _orthogonal(filters.flatten(1)))


def test_vectors_have_their_one_singular_value_at_one():
    for vector in (_normal(5), _normal()):
        torch.testing.assert_close(_orthogonal(vector), vector / vector.norm())


def test_vectors_and_scalars_are_the_other_rules():
    tensors = [_normal(3, 4), _normal(5), _normal(2, 2, 2), _normal()]
    rule, other = Orthogonal(SGD(0.9), RMSprop()), Normalize(SGD())
    states = [rule.init(t) for t in tensors]
    assert [list(s) for s in states] == [["rule"], ["otherwise"], ["rule"], ["otherwise"]]
    updates, _ = rule.update(tensors, states, tensors)
    vectors = [tensors[1], tensors[3]]
    expected, _ = RMSprop().update(vectors, [RMSprop().init(t) for t in vectors], vectors)
    assert torch.equal(updates[1], expected[0])
    assert torch.equal(updates[3], expected[1])
    updates, _ = Orthogonal(otherwise=other).update(tensors, [Orthogonal().init(t) for t in tensors], tensors)
    assert torch.cat([updates[1], updates[3].reshape(1)]).norm().item() == pytest.approx(1.0)


def test_groups_may_have_other_numbers_for_matrices_and_vectors():
    """As two optimizers, each of a group."""
    shapes = [(3, 4), (5,), (4, 2), ()]
    joined, alone = ([torch.nn.Parameter(_normal(*s, seed=7)) for s in shapes] for _ in range(2))
    rule = Orthogonal(SGD(0.9), Adam())
    optimizer = RuleOptimizer(
        [{"params": joined[:2], "momentum": 0.5}, {"params": joined[2:]}], 0.1, rule=rule
    )
    twins = [
        RuleOptimizer(alone[:2], 0.1, rule=Orthogonal(SGD(0.5), Adam())),
        RuleOptimizer(alone[2:], 0.1, rule=rule),
    ]
    for seed in range(3):
        for one, other in zip(joined, alone, strict=True):
            one.grad = other.grad = _normal(*one.shape, seed=seed)
        for o in (optimizer, *twins):
            o.step()
    torch.testing.assert_close(joined, alone)


@pytest.mark.parametrize("iterations", [0, 2.0, "5"])
def test_iterations_out_of_range_are_named(iterations):
    with pytest.raises(ValueError, match="iterations must be"):
        Orthogonal(iterations=iterations)
