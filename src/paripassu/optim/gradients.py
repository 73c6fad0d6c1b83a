"""The gradients of a player's step, group by group."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import torch
from torch import Tensor

from paripassu.optim.groups import check_dtype

_dtype, _layout = attrgetter("dtype"), attrgetter("layout")


class GroupGradients(NamedTuple):
    """The parameters of a group that have a gradient, and their gradients, in any dtype."""

    group: dict[str, Any]
    parameters: list[Tensor]
    gradients: list[Tensor]
    dtypes: set[torch.dtype]


def gradients_of(groups: Sequence[dict[str, Any]], kind: str) -> list[GroupGradients]:
    """The gradients of a player.

    Args:
        groups: of its optimizer.
        kind: the optimizer's class, for errors.

    Raises:
        RuntimeError: a gradient is sparse.
        ValueError: parameters have become float16.
    """
    player: list[GroupGradients] = []
    for group in groups:
        parameters: list[Tensor] = group["params"]
        found = [p.grad for p in parameters]
        gradients = [g for g in found if g is not None]
        if len(gradients) < len(found):
            parameters = [p for p, g in zip(parameters, found, strict=True) if g is not None]
        dtypes = set(map(_dtype, parameters))
        for dtype in dtypes:
            check_dtype(dtype)
        if any(layout is not torch.strided for layout in set(map(_layout, gradients))):
            raise RuntimeError(
                f"{kind} takes no sparse gradients: set sparse=False in the layer that makes them"
            )
        dtypes.update(map(_dtype, gradients))
        player.append(GroupGradients(group, parameters, gradients, dtypes))
    return player
