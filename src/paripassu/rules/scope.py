"""Magnitudes of updates, per layer or over a whole player, and updates rescaled to given magnitudes.

Norms are accumulated in float64 (float32 on devices without it): float32 squares overflow from 1e19
and underflow below 1e-23, and a float32 sum over 25 M elements is off by 1e-3 on a CPU.
"""

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

# "layer": one norm for each parameter tensor; "global": one norm over all of the player's tensors.
Scope = Literal["layer", "global"]

# What a constant magnitude is measured in: the Euclidean length, or the root mean square of the elements.
Unit = Literal["length", "rms"]


def check_scope(scope: str) -> None:
    """Raise ``ValueError`` unless ``scope`` is one."""
    if scope not in get_args(Scope):
        raise ValueError(f"scope must be 'layer' or 'global', got {scope!r}")


def check_unit(unit: str) -> None:
    """Raise ``ValueError`` unless ``unit`` is one."""
    if unit not in get_args(Unit):
        raise ValueError(f"unit must be 'length' or 'rms', got {unit!r}")


def unit_lengths(sizes: Sequence[int], scope: Scope, unit: Unit) -> list[float]:
    """Euclidean lengths of a magnitude of one.

    Args:
        sizes: elements of each of a player's tensors.
        scope: over what magnitudes are measured.
        unit: of the magnitude.

    Returns:
        One length per tensor; with ``"global"`` all are the player's.

    Example:
        >>> unit_lengths([4, 12], "layer", "rms"), unit_lengths([4, 12], "global", "rms")
        ([2.0, 3.4641016151377544], [4.0, 4.0])
    """
    if unit == "length":
        return [1.0] * len(sizes)
    if scope == "global":
        return [math.sqrt(sum(sizes))] * len(sizes)
    return [math.sqrt(size) for size in sizes]


def norms(tensors: Sequence[Tensor], scope: Scope) -> list[Tensor]:
    """Euclidean norms, one 0-dim float64 tensor per tensor; with ``"global"`` all are the player's.

    Those of sharded tensors (DTensors) are the whole tensors', on every rank: all ranks must call this.

    Example:
        >>> import torch
        >>> norms([torch.tensor([3.0]), torch.tensor([4.0])], "global")
        [tensor(5., dtype=torch.float64), tensor(5., dtype=torch.float64)]
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
    computed and multiplied in float64, so that neither it nor its inverse leaves the range of the dtype.

    Args:
        updates: of one player.
        lengths: one per tensor, >= 0, in the updates' units; with ``"global"`` all the same, the player's.
        scope: over what the updates' own lengths are taken.

    Returns:
        New tensors, each of its update's shape and dtype.

    Raises:
        ValueError: the numbers of lengths and updates differ.

    Example:
        >>> import torch
        >>> rescale([torch.tensor([0.3, -0.4])], [10.0], "layer")
        [tensor([ 6., -8.])]
    """
    rescaled: list[Tensor] = []
    for update, own, length in zip(updates, norms(updates, scope), lengths, strict=True):
        factor = torch.where(own == 0, torch.zeros_like(own), length / own)
        rescaled.append((update.to(_wide(update)) * factor).to(update.dtype))
    return rescaled


def _whole(norm: Tensor) -> Tensor:
    """A sharded tensor's norm as a plain tensor, which can be stacked with those of other tensors."""
    # By its method, not its class: importing the class takes a second, and some builds of torch lack it.
    gather = None if type(norm) is Tensor else getattr(norm, "full_tensor", None)
    return norm if gather is None else gather()


def _wide(tensor: Tensor) -> torch.dtype:
    return torch.float32 if tensor.device.type == "mps" else torch.float64
