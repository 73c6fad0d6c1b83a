"""Magnitudes of updates, per layer or over a whole player, and updates rescaled to given magnitudes.

Norms are accumulated in float64 (float32 on devices without it): float32 squares overflow from 1e19
and underflow below 1e-23, and a float32 sum over 25 M elements is off by 1e-3 on a CPU.
"""

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, get_args

import torch
from torch import Tensor

Scope = Literal["layer", "global", "row"]
"""What has one norm: ``"layer"`` each parameter tensor, ``"global"`` all of a player's together, ``"row"``
each slice along the first dimension, such as the weights of one output, and each vector or scalar."""

# The process group over whose ranks a player's tensors are divided; None if each rank has all.
_SHARD_GROUP: ContextVar[Any] = ContextVar("shard_group", default=None)

Unit = Literal["length", "rms"]
"""What a constant magnitude is measured in: the Euclidean length, or the root mean square of the elements."""


def check_scope(scope: str) -> None:
    """Raise ``ValueError`` unless ``scope`` is one."""
    if scope not in get_args(Scope):
        raise ValueError(f"scope must be 'layer', 'global' or 'row', got {scope!r}")


def check_unit(unit: str) -> None:
    """Raise ``ValueError`` unless ``unit`` is one."""
    if unit not in get_args(Unit):
        raise ValueError(f"unit must be 'length' or 'rms', got {unit!r}")


def unit_lengths(sizes: Sequence[int], scope: Scope, unit: Unit) -> list[float]:
    """Euclidean lengths of a magnitude of one.

    Args:
        sizes: elements of each of a player's tensors; with ``"row"`` of a row of each.
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
        elements = sum(sizes) if _SHARD_GROUP.get() is None else _over_ranks(float(sum(sizes))).sum().item()
        return [math.sqrt(elements)] * len(sizes)
    return [math.sqrt(size) for size in sizes]


def sizes_of(tensors: Sequence[Tensor], scope: Scope) -> list[int]:
    """Elements of each tensor; with ``"row"`` of a row of each.

    Example:
        >>> import torch
        >>> sizes_of([torch.ones(2, 3), torch.ones(4)], "row")
        [3, 4]
    """
    if scope == "row":
        return [math.prod(t.shape[1:]) if t.dim() > 1 else t.numel() for t in tensors]
    return [t.numel() for t in tensors]


def norms(tensors: Sequence[Tensor], scope: Scope) -> list[Tensor]:
    """Euclidean norms, one 0-dim float64 tensor per tensor; with ``"global"`` all are the player's.

    With ``"row"`` a tensor with several dimensions has one norm a row, ``[rows, 1, ...]``, sharded as itself.

    Those of sharded tensors (DTensors) are the whole tensors', on every rank: all ranks must call this. They
    must also call it for a player that is `divided_over` ranks; its norm is that of all tensors of all ranks.

    Example:
        >>> import torch
        >>> norms([torch.tensor([3.0]), torch.tensor([4.0])], "global")
        [tensor(5., dtype=torch.float64), tensor(5., dtype=torch.float64)]
    """
    if scope == "row":
        return [_row_norms(t) if t.dim() > 1 else norms([t], "layer")[0] for t in tensors]
    per_layer = [whole(torch.linalg.vector_norm(t, dtype=_wide(t))) for t in tensors]
    if scope == "layer":
        return per_layer
    player = _player_norm(per_layer)
    return [player.to(n.device) for n in per_layer]


def player_norm(tensors: Sequence[Tensor]) -> Tensor:
    """The norm over all tensors, as in `norms`; 0 for none."""
    return _player_norm(norms(tensors, "layer"))


@contextmanager
def divided_over(group: Any) -> Generator[None]:
    """Norms of a player are taken over the tensors of all ranks of a process group, each of which has some.

    Args:
        group: a ``torch.distributed.ProcessGroup``, or None if each rank has all tensors.
    """
    token = _SHARD_GROUP.set(group)
    try:
        yield
    finally:
        _SHARD_GROUP.reset(token)


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
    factors = [
        torch.where(own == 0, torch.zeros_like(own), length / own)
        for own, length in zip(norms(updates, scope), lengths, strict=True)
    ]
    return multiply(updates, factors)


def multiply(updates: Sequence[Tensor], factors: Sequence[Tensor]) -> list[Tensor]:
    """Each update times its factor, in float64, so that factors may be beyond the range of its dtype."""
    return [
        (update.to(_wide(update)) * factor).to(update.dtype)
        for update, factor in zip(updates, factors, strict=True)
    ]


def whole(tensor: Tensor) -> Tensor:
    """A sharded tensor as a plain tensor with all its elements, on every rank; a plain one unchanged."""
    # By its method, not its class: importing the class takes a second, and some builds of torch lack it.
    gather = None if type(tensor) is Tensor else getattr(tensor, "full_tensor", None)
    return tensor if gather is None else gather()


def sharded_as(tensor: Tensor, like: Any) -> Tensor:
    """A plain tensor, equal on all ranks, sharded as another of its shape; unchanged if that is plain.

    Args:
        tensor: with all its elements, on every rank.
        like: a plain or sharded tensor.
    """
    if not hasattr(like, "full_tensor"):
        return tensor
    from torch.distributed.tensor import distribute_tensor  # imported already, if anything is sharded

    return distribute_tensor(tensor, like.device_mesh, like.placements, src_data_rank=None)


def _row_norms(tensor: Tensor) -> Tensor:
    within = tuple(range(1, tensor.dim()))
    return torch.linalg.vector_norm(tensor, dim=within, keepdim=True, dtype=_wide(tensor))


def _player_norm(per_layer: list[Tensor]) -> Tensor:
    if not per_layer:
        return torch.linalg.vector_norm(_over_ranks(0.0))
    home = per_layer[0].device
    player = torch.linalg.vector_norm(torch.stack([n.to(home) for n in per_layer]))
    if _SHARD_GROUP.get() is None:
        return player
    return torch.linalg.vector_norm(_over_ranks(player)).to(home)


def _over_ranks(number: Tensor | float) -> Tensor:
    """One number of each rank that has tensors of the player, ``[ranks]``."""
    own = number if isinstance(number, Tensor) else torch.tensor(number, device="cpu")
    own = own.to(torch.float64).reshape(1)
    group = _SHARD_GROUP.get()
    if group is None:
        return own
    distributed = torch.distributed
    sent = own.cuda() if "nccl" in distributed.get_backend(group) else own.cpu()
    ranks = [torch.empty_like(sent) for _ in range(distributed.get_world_size(group))]
    distributed.all_gather(ranks, sent, group=group)
    return torch.cat(ranks)


def _wide(tensor: Tensor) -> torch.dtype:
    return torch.float32 if tensor.device.type == "mps" else torch.float64
