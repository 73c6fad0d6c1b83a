"""The scope "row": one norm for each output's weights."""

import pytest
import torch

from paripassu.optim import NSGD
from paripassu.rules import SGD, Adam, Clip, Graft, Normalize


def _normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)


def test_each_row_of_a_normalised_update_has_its_units_length():
    filters, vector = _normal(4, 3, 2, 2), _normal(5)
    for unit, row, whole in (("length", 1.0, 1.0), ("rms", 12**0.5, 5**0.5)):
        (first, second), _ = Normalize(SGD(), "row", unit).update(
            [filters, vector], [{}, {}], [filters, vector]
        )
        assert first.flatten(1).norm(dim=1).tolist() == pytest.approx([row] * 4, rel=1e-14)
        assert second.norm().item() == pytest.approx(whole, rel=1e-14)


def test_rows_are_layers_of_their_own():
    """Whatever the rule: as if each row were a parameter."""
    matrix, weights = _normal(3, 4), 0.1 * _normal(4, 3).T
    for make in (
        lambda scope: Normalize(SGD(), scope),
        lambda scope: Graft(Adam(), SGD(), scope),
        lambda scope: Graft(SGD(), Adam(), scope),
        lambda scope: Clip(SGD(), 0.5, scope),
    ):
        rows, layers = make("row"), make("layer")
        (together,), _ = rows.update([matrix], [rows.init(matrix)], [weights])
        apart, _ = layers.update(list(matrix), [layers.init(r) for r in matrix], list(weights))
        torch.testing.assert_close(together, torch.stack(apart), rtol=1e-13, atol=0)


def test_a_row_of_zeros_stays_where_it_is():
    matrix = _normal(3, 4)
    matrix[1] = 0.0
    (update,), _ = Normalize(SGD(), "row").update([matrix], [{}], [matrix])
    assert update[1].tolist() == [0.0] * 4
    assert update[[0, 2]].norm(dim=1).tolist() == pytest.approx([1.0, 1.0])


def test_an_optimizer_takes_it():
    parameter = torch.nn.Parameter(torch.zeros(2, 2))
    parameter.grad = torch.tensor([[3.0, 4.0], [0.0, 1e-20]])
    NSGD([parameter], 1.0, scope="row", unit="length").step()
    torch.testing.assert_close(parameter.detach(), -torch.tensor([[0.6, 0.8], [0.0, 1.0]]))
