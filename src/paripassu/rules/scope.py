"""Lengths of updates, per layer or over a whole player, and updates set to given lengths.

Norms are accumulated in float64 (float32 on devices without it): float32 squares overflow from 1e19
and underflow below 1e-23, and a float32 sum over 25 M elements is off by 1e-3 on a CPU.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

# "layer": each parameter tensor has a length of its own; "global": one over all of the player's tensors.
Scope = Literal["layer", "global"]


def check_scope(scope: str) -> None:
    """Raise ``ValueError`` unless ``scope`` is one."""
    if scope not in get_args(Scope):
        raise ValueError(f"scope must be 'layer' or 'global', got {scope!r}")


def norms(tensors: Sequence[Tensor], scope: Scope) -> list[Tensor]:
    """Euclidean norms, one 0-dim float64 tensor per tensor; with ``"global"`` all are the player's.

    Those of sharded tensors (DTensors) are the whole tensors', on every rank: all ranks must call this.
    """
    per_layer = [_whole(torch.linalg.vector_norm(t, dtype=_wide(t))) for t in tensors]
    if scope == "layer" or not per_layer:
        return per_layer
    home = per_layer[0].device
    player = torch.linalg.vector_norm(torch.stack([n.to(home) for n in per_layer]))
    return [player.to(n.device) for n in per_layer]


def rescale(updates: Sequence[Tensor], lengths: Sequence[Tensor | float], scope: Scope) -> list[Tensor]:
    """The directions of ``updates`` with the given ``lengths``, measured in ``scope``.

    A zero update has no direction and stays zero, whatever its length; NaN and inf propagate. The factor is
    multiplied in float64, so that neither a length beyond float32 nor its inverse is lost on the way.

    Args:
        updates: of one player.
        lengths: one per tensor, >= 0, in the updates' units; with ``"global"`` all the same, the player's.
        scope: over what the updates' own lengths are taken.

    Returns:
        New tensors, each of its update's shape and dtype.

    Raises:
        ValueError: there are not as many lengths as updates.
    """
    rescaled: list[Tensor] = []
    for update, own, length in zip(updates, norms(updates, scope), lengths, strict=True):
        factor = torch.where(own == 0, torch.zeros_like(own), length / own)
        rescaled.append((update.to(_wide(update)) * factor).to(update.dtype))
    return rescaled


def _whole(norm: Tensor) -> Tensor:
    """A sharded tensor's norm as a plain tensor, which can stand beside those of tensors that are not."""
    # Told by its method: importing its class takes a second, and not every build of torch has it.
    gather = None if type(norm) is Tensor else getattr(norm, "full_tensor", None)
    return norm if gather is None else gather()


def _wide(tensor: Tensor) -> torch.dtype:
    return torch.float32 if tensor.device.type == "mps" else torch.float64
