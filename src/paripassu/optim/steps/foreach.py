"""The way without compiled kernels: torch's multi-tensor operations, on the CPU or one CUDA device.

On CUDA the host reads nothing back, so a CUDA graph can record the step once the states exist. The number of
launches hardly grows with the number of tensors: on an H200, `NSGD` with scope ``"layer"`` makes 14 for 13
tensors and 17 for 110. Up to two arrays of the parameters' size are allocated for a step with Adam.

On CUDA the factor of a rescaled step, lr times length over own length, is one float32 number, and two on the
other ways. It is clamped at 3e38. So steps are too short for gradients that float32 hardly represents.
"""

# torch's multi-tensor operations have no public names; torch.optim is built on the same ones.
# pyright: reportPrivateUsage=false, reportPrivateImportUsage=false
# ruff: noqa: SLF001

import math
from collections.abc import Callable
from functools import partial
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from paripassu.optim.steps.capture import check_rates
from paripassu.optim.steps.decomposition import Decomposition, StateArrays
from paripassu.optim.steps.flat import flat_memory
from paripassu.optim.steps.player_step import PlayerStep
from paripassu.rules import Adam

_LARGEST = torch.finfo(torch.float32).max
_CHUNK = 4096  # elements whose squares are summed in float32: few enough for six digits
# Between these, the float32 sum of a chunk's squares has neither overflowed nor lost what counts.
_SAFE_NORMS = 3e-13, 1e19
_SAFE_FACTORS = 1e-30, 1e30  # what one float32 factor represents to seven digits


def plan(step: PlayerStep) -> Callable[[], None] | None:
    """The step, if its rule is decomposed and its tensors are flat memory on the CPU or one CUDA device."""
    decomposition, home = step.decomposition, step.parameters[0]
    if decomposition is None or not (home.is_cpu or home.is_cuda):
        return None
    memory = flat_memory(decomposition, step, home.get_device())
    if memory is None:
        return None
    # torch's fused kernels need equal strides, of dimensions with one element too.
    gradients = [
        g if g.stride() == p.stride() else torch.empty_like(p).copy_(g)
        for g, p in zip(memory.gradients, step.parameters, strict=True)
    ]
    return partial(carry_out, decomposition, step, gradients, memory.arrays)


def carry_out(
    decomposition: Decomposition, step: PlayerStep, gradients: list[Tensor], arrays: StateArrays
) -> None:
    """Carry out ``step`` on any device that torch's fused Adam supports.

    Args:
        decomposition: of the step's rule.
        step: the step.
        gradients: with the strides of their parameters.
        arrays: of the step's states.

    Raises:
        RuntimeError: a CUDA graph records the step, and a learning rate is a tensor on the CPU.
    """
    check_rates(step.rates, step.parameters)
    sgd = gradients
    if decomposition.momentum:
        sgd = arrays.buffers
        torch._foreach_mul_(sgd, decomposition.momentum)
        torch._foreach_add_(sgd, gradients)
    adam = _adam(decomposition.adam, gradients, arrays) if decomposition.adam else []
    directions = adam if decomposition.direction == "adam" else sgd
    magnitudes = {"sgd": sgd, "adam": adam, "weights": step.parameters}.get(decomposition.magnitude)
    if _reads_numbers(step):
        _descend_on_cpu(decomposition, step, directions, magnitudes)
    else:
        factors = _factors(decomposition, directions, magnitudes) if decomposition.rescales else None
        _descend(decomposition, step, directions, factors)


def _reads_numbers(step: PlayerStep) -> bool:
    """Whether the host reads norms and rates, which makes it wait for every device but the CPU."""
    return step.parameters[0].is_cpu


def _adam(rule: Adam, gradients: list[Tensor], arrays: StateArrays) -> list[Tensor]:
    """Adam's updates; moments and step counts are advanced.

    torch's fused kernel subtracts the updates times the learning rate: here from zeros, with a rate of -1.
    """
    _, firsts, seconds, steps = arrays
    updates, moments = (
        [torch.empty_like(s) for s in seconds],
        firsts or [torch.empty_like(s) for s in seconds],
    )
    # Without a first moment the kernel gets scratch memory, multiplied by 0: it must be finite.
    torch._foreach_zero_(updates if firsts else [*updates, *moments])
    torch._foreach_add_(steps, 1)
    b1, b2 = rule.betas
    torch._fused_adam_(
        updates, gradients, moments, seconds, [], steps,
        lr=-1.0, beta1=b1, beta2=b2, weight_decay=0.0, eps=rule.eps, amsgrad=False, maximize=False,
    )  # fmt: skip
    return updates


def _factors(
    decomposition: Decomposition, directions: list[Tensor], magnitudes: list[Tensor] | None
) -> Tensor:
    """Wanted length over own length, 0 where that is 0; one per tensor, or one for the player."""
    own = _lengths(decomposition, directions)
    if magnitudes is not None:
        wanted = _lengths(decomposition, magnitudes)
        if decomposition.floor:
            floors = decomposition.floors(list(map(Tensor.numel, magnitudes)))
            torch._foreach_clamp_min_(wanted.reshape(-1).unbind(), floors[: wanted.numel()])
    else:
        wanted = torch.ones_like(own)
        if decomposition.unit != "length":  # as arguments of a kernel, which a CUDA graph records
            lengths = decomposition.lengths(list(map(Tensor.numel, directions)))
            torch._foreach_mul_(wanted.reshape(-1).unbind(), lengths[: wanted.numel()])
    return torch.where(own == 0, torch.zeros_like(own), wanted / own)


def _lengths(decomposition: Decomposition, tensors: list[Tensor]) -> Tensor:
    lengths = torch.stack(torch._foreach_norm(tensors, 2, dtype=torch.float64))
    return torch.linalg.vector_norm(lengths) if decomposition.is_global else lengths


def _descend(
    decomposition: Decomposition, step: PlayerStep, directions: list[Tensor], factors: Tensor | None
) -> None:
    """Move the parameters by factors, rates and decay factors that may be on the device."""
    start = 0
    # Tensors of one group move together. Identity finds them: comparing values would wait for the device.
    pairs = zip(step.rates, step.decay_factors, strict=True)
    for _, alike in groupby(pairs, key=lambda pair: tuple(map(id, pair))):
        stop = start + len(list(alike))
        rate, decay = step.rates[start], step.decay_factors[start]
        parameters, moved_along = step.parameters[start:stop], directions[start:stop]
        if isinstance(decay, Tensor) or decay != 1.0:
            torch._foreach_mul_(parameters, _float32(decay))
        if factors is None:
            torch._foreach_sub_(parameters, torch._foreach_mul(moved_along, _float32(rate)))
        elif decomposition.is_global:
            torch._foreach_sub_(parameters, torch._foreach_mul(moved_along, _narrow(factors * rate)))
        else:
            paces = _narrow(factors[start:stop] * rate).unbind()
            torch._foreach_addcmul_(parameters, moved_along, paces, value=-1.0)
        start = stop


def _float32(number: float | Tensor) -> float | Tensor:
    # As torch rounds Python's numbers. A tensor would keep its dtype beside parameters without dimensions.
    return number.float() if isinstance(number, Tensor) else number


def _narrow(factors: Tensor) -> Tensor:
    # Beyond float32 one becomes inf, and inf times the smallest gradient is an infinite step.
    return factors.clamp(-_LARGEST, _LARGEST).float()


def _descend_on_cpu(
    decomposition: Decomposition,
    step: PlayerStep,
    directions: list[Tensor],
    magnitudes: list[Tensor] | None,
) -> None:
    """Move the parameters by numbers that the host reads: nothing of a tensor's size is allocated."""
    factors = list(map(float, step.rates))
    if decomposition.rescales:
        own = _lengths_on_cpu(decomposition, directions)
        if magnitudes is None:
            wanted = decomposition.lengths(list(map(Tensor.numel, directions)))
        else:
            wanted = _lengths_on_cpu(decomposition, magnitudes)
            # In this order: max() keeps its first argument beside a NaN.
            floors = decomposition.floors(list(map(Tensor.numel, magnitudes)))
            wanted = [max(length, least) for length, least in zip(wanted, floors, strict=True)]
        factors = [r * w / o if o else 0.0 for r, w, o in zip(factors, wanted, own, strict=True)]
    decays = map(float, step.decay_factors)
    stop = len(factors)
    # Backwards, because caches hold what was read last.
    for (factor, decay), alike in groupby(reversed(list(zip(factors, decays, strict=True)))):
        start = stop - len(list(alike))
        parameters, moved_along = step.parameters[start:stop], directions[start:stop]
        stop = start
        if decay != 1.0:
            torch._foreach_mul_(parameters, decay)
        if factor and math.isfinite(factor) and not _SAFE_FACTORS[0] < abs(factor) < _SAFE_FACTORS[1]:
            # Two factors, for what one float32 number does not represent.
            half = math.ldexp(1.0, math.frexp(factor)[1] // 2)
            moved_along, factor = torch._foreach_mul(moved_along, half), factor / half
        torch._foreach_add_(parameters[::-1], moved_along[::-1], alpha=-factor)


def _lengths_on_cpu(decomposition: Decomposition, tensors: list[Tensor]) -> list[float]:
    """Euclidean lengths, one per tensor; all are the player's if that is measured as a whole.

    torch's norm on a CPU is inaccurate in float32 over millions of elements, and slow in float64. So squares
    are summed in float32 over chunks, and in float64 over the chunks' norms.
    """
    norms, starts = _chunk_norms(tensors)
    with np.errstate(over="ignore", invalid="ignore"):  # of squares of inf and NaN
        lengths = np.sqrt(np.add.reduceat(norms**2, starts))
    smallest, largest = np.minimum.reduceat(norms, starts), np.maximum.reduceat(norms, starts)
    are_safe = (smallest > _SAFE_NORMS[0]) & (largest < _SAFE_NORMS[1])
    for k in np.flatnonzero(~are_safe):
        lengths[k] = float(torch.linalg.vector_norm(tensors[k], dtype=torch.float64))
    if decomposition.is_global:
        return [float(np.sqrt(np.square(lengths).sum()))] * len(tensors)
    return lengths.tolist()


def _chunk_norms(tensors: list[Tensor]) -> tuple[NDArray[np.float64], list[int]]:
    """Norms of runs of dense tensors' memory, at least one for each tensor, and where each tensor's begin."""
    small = [tensor for tensor in tensors if tensor.numel() <= _CHUNK]
    of_small = iter(torch._foreach_norm(small) if small else [])
    norms: list[Tensor] = []
    starts, start = list[int](), 0
    for tensor in tensors:
        starts.append(start)
        chunks, rest = divmod(tensor.numel(), _CHUNK)
        if tensor.numel() <= _CHUNK:
            norms.append(next(of_small).reshape(1))
            start += 1
            continue
        norms.append(torch.linalg.vector_norm(tensor.as_strided((chunks, _CHUNK), (_CHUNK, 1)), dim=1))
        start += chunks
        if rest:
            place = tensor.storage_offset() + chunks * _CHUNK
            norms.append(torch.linalg.vector_norm(tensor.as_strided((1, rest), (rest, 1), place), dim=1))
            start += 1
    return torch.cat(norms).numpy().astype(np.float64), starts
