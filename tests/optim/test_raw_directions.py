"""Which rules can enter directions in which the loss has no gradient."""

import pytest
import torch
from tests.cases.rules import OPTIMIZERS, RAW_DIRECTIONS
from torch import nn


def _line(*shape: int) -> torch.Tensor:
    """Powers of two, so that multiples of it stay multiples to the last bit."""
    generator = torch.Generator().manual_seed(0)
    return 2.0 ** torch.randint(-2, 3, shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_only_raw_directions_stay_where_all_gradients_are(name):
    """Weights and gradients of each tensor are on one line through zero, and so is every step."""
    for dtype in [torch.float32, torch.float64]:
        lines = [_line(*shape).to(dtype) for shape in ((3, 4), (7,), (2, 3, 2))]
        parameters = [nn.Parameter(0.3 * line) for line in lines]
        optimizer = OPTIMIZERS[name](parameters, 0.1, weight_decay=0.1)
        generator = torch.Generator().manual_seed(1)
        for _ in range(5):
            for p, line, size in zip(
                parameters, lines, torch.randn(3, generator=generator).tolist(), strict=True
            ):
                p.grad = size * line
            optimizer.step()
        along = [p.detach() / line for p, line in zip(parameters, lines, strict=True)]
        assert all(a.flatten()[0] != 0.3 for a in along)
        assert all((a == a.flatten()[0]).all() for a in along) == (name in RAW_DIRECTIONS)
