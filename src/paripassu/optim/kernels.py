"""The arithmetic of the fast path on a CPU: flat runs of float32 memory, compiled by numba, in place.

Tensors come as rows of addresses and are walked chunk by chunk, so that one call serves any number of
tensors. Squares are summed in float64, where those of float32 numbers neither over- nor underflow. The
formulas are those of `paripassu.rules`, which the tests hold them to.
"""

# numba compiles these functions: plain loops are its idiom, and it infers all types.
# pyright: basic

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import (
    carray,  # pyright: ignore[reportPrivateImportUsage]
    float32,
    float64,
    int64,
    njit,
    types,
    void,
)
from numba.extending import intrinsic

# Columns of the table of addresses; 0 where a tensor has no such array.
PARAMETER, GRADIENT, BUFFER, FIRST, SECOND, STEP = range(6)
# Columns of the table of squares.
SGD, ADAM = range(2)

_WIDTH = 4  # bytes in a float32
# Sums may be reordered into vector instructions; NaN and infinities must stay what they are.
_SUMMING: dict[str, Any] = {"fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy", "nogil": True}
# A product of three must be taken as written: two of its factors alone may leave float32.
_FLAGS: dict[str, Any] = _SUMMING | {"fastmath": {"contract"}}
_CHUNKS = _ADDRESSES = int64[:, ::1]
_PER_TENSOR = float32[::1]
_SUMS = float64[:, ::1]


def _cached(signature: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile for one signature, from numba's cache where it has one."""

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return njit(signature, cache=True, **_FLAGS)(function)
        except RuntimeError:  # nowhere to write: neither beside this file nor in the user's home
            return njit(signature, **_FLAGS)(function)

    return compiled


@intrinsic
def _pointer(_typing, _address):
    kind = types.CPointer(types.float32)

    def generate(context, builder, _signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(kind))

    return kind(types.int64), generate


@njit(inline="always")
def _run(address, start, length):
    """A chunk's memory as an array."""
    return carray(_pointer(address + _WIDTH * start), length)  # pyright: ignore[reportCallIssue]


@njit(**_SUMMING)
def _square(x):
    # Four runs side by side: one alone leaves a core waiting for memory a quarter of the time.
    n = len(x) // 4
    total, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        total += float64(x[i]) * float64(x[i])
        second += float64(x[n + i]) * float64(x[n + i])
        third += float64(x[2 * n + i]) * float64(x[2 * n + i])
        fourth += float64(x[3 * n + i]) * float64(x[3 * n + i])
    for i in range(4 * n, len(x)):
        total += float64(x[i]) * float64(x[i])
    return total + second + third + fourth


@njit(**_SUMMING)
def _accumulate(gradient, buffer, momentum):
    """SGD's momentum; the sum of squares of the new buffer."""
    total = 0.0
    for i in range(len(gradient)):
        b = momentum * buffer[i] + gradient[i]
        buffer[i] = b
        total += float64(b) * float64(b)
    return total


@njit(**_SUMMING)
def _advance(gradient, second, b2, rest2, r1, r2, eps):
    """Adam's second moment; the sums of squares of the gradient and of Adam's update without a first."""
    plain, adam = 0.0, 0.0
    for i in range(len(gradient)):
        g = gradient[i]
        v = b2 * second[i] + rest2 * (g * g)
        second[i] = v
        u = g * r1 / (np.sqrt(v) * r2 + eps)
        plain += float64(g) * float64(g)
        adam += float64(u) * float64(u)
    return plain, adam


@njit(**_SUMMING)
def _advance_both(gradient, first, second, b1, rest1, b2, rest2, r1, r2, eps):
    """Adam's moments; the sums of squares of the gradient and of Adam's update."""
    plain, adam = 0.0, 0.0
    for i in range(len(gradient)):
        g = gradient[i]
        m = b1 * first[i] + rest1 * g
        v = b2 * second[i] + rest2 * (g * g)
        first[i] = m
        second[i] = v
        u = m * r1 / (np.sqrt(v) * r2 + eps)
        plain += float64(g) * float64(g)
        adam += float64(u) * float64(u)
    return plain, adam


@njit(**_FLAGS)
def _descend(parameter, direction, keep, shrink, factor):
    for i in range(len(parameter)):
        parameter[i] = keep * parameter[i] - direction[i] * shrink * factor


@njit(**_FLAGS)
def _descend_adam(parameter, numerator, second, r1, r2, eps, keep, shrink, factor):
    for i in range(len(parameter)):
        u = numerator[i] * r1 / (np.sqrt(second[i]) * r2 + eps)
        parameter[i] = keep * parameter[i] - u * shrink * factor


@_cached(void(_ADDRESSES, float64, float64, _PER_TENSOR, _PER_TENSOR))
def tick(addresses, b1, b2, r1, r2):
    """Count a step of Adam for every tensor and write its bias corrections, 1/(1-b1^t) and (1-b2^t)^-1/2."""
    for tensor in range(len(addresses)):
        step = _run(addresses[tensor, STEP], 0, 1)
        step[0] += float32(1)
        r1[tensor] = 1 / (1 - b1 ** float64(step[0]))
        r2[tensor] = 1 / np.sqrt(1 - b2 ** float64(step[0]))


@_cached(
    void(
        _CHUNKS, _ADDRESSES, float32, float64, float64, float32, _PER_TENSOR, _PER_TENSOR, _SUMS,
        int64, int64,
    )
)  # fmt: skip
def advance(chunks, addresses, momentum, b1, b2, eps, r1, r2, squares, start, stop):
    """Take gradients into the states and leave each chunk's squares: SGD's update, Adam's update.

    Momentum is kept where there are buffers, moments where there are second ones.
    """
    for k in range(start, stop):
        tensor, begin, length = chunks[k]
        row = addresses[tensor]
        gradient = _run(row[GRADIENT], begin, length)
        if row[SECOND] == 0:
            if row[BUFFER] == 0:
                squares[k, SGD] = _square(gradient)
        elif row[FIRST] == 0:
            squares[k, SGD], squares[k, ADAM] = _advance(
                gradient,
                _run(row[SECOND], begin, length),
                float32(b2), float32(1 - b2), r1[tensor], r2[tensor], eps,
            )  # fmt: skip
        else:
            squares[k, SGD], squares[k, ADAM] = _advance_both(
                gradient,
                _run(row[FIRST], begin, length),
                _run(row[SECOND], begin, length),
                float32(b1), float32(1 - b1), float32(b2), float32(1 - b2), r1[tensor], r2[tensor], eps,
            )  # fmt: skip
        if row[BUFFER] != 0:
            squares[k, SGD] = _accumulate(gradient, _run(row[BUFFER], begin, length), momentum)


@_cached(void(_CHUNKS, _SUMS, _SUMS, float64[::1], int64, int64, types.boolean, _PER_TENSOR, _PER_TENSOR))
def rescale(chunks, squares, sums, rates, own, length, as_one, shrink, factor):
    """Write two factors per tensor whose product is rate * length / own length; 0 where that is 0.

    The first is a power of two that brings the direction near one, so that neither the product with it nor
    the second factor leaves float32, however large or small gradients are. ``own`` and ``length`` are columns
    of ``squares``, a ``length`` below 0 is one; ``as_one`` takes all tensors for one. ``sums`` is zeros, a
    row per tensor.
    """
    for k in range(len(chunks)):
        tensor = 0 if as_one else chunks[k, 0]
        sums[tensor, SGD] += squares[k, SGD]
        sums[tensor, ADAM] += squares[k, ADAM]
    for tensor in range(len(rates)):
        measured = 0 if as_one else tensor
        norm = math.sqrt(sums[measured, own])
        wanted = 1.0 if length < 0 else math.sqrt(sums[measured, length])
        # The bounds keep it a normal float32; NaN and inf have some exponent and stay what they are.
        shrink[tensor] = math.ldexp(1.0, -min(max(math.frexp(norm)[1], -126), 126))
        factor[tensor] = 0.0 if norm == 0.0 else rates[tensor] * wanted / norm / shrink[tensor]


@_cached(
    void(
        _CHUNKS, _ADDRESSES, int64, types.boolean, float32, _PER_TENSOR, _PER_TENSOR, _PER_TENSOR,
        _PER_TENSOR, _PER_TENSOR, int64, int64,
    )
)  # fmt: skip
def descend(chunks, addresses, source, adam, eps, r1, r2, keep, shrink, factor, start, stop):
    """Subtract ``shrink * factor`` times the direction from ``keep`` times the parameters, in place.

    The direction is the array of column ``source``, or, with ``adam``, Adam's update with it on top.
    """
    for k in range(start, stop):
        tensor, begin, length = chunks[k]
        row = addresses[tensor]
        parameter = _run(row[PARAMETER], begin, length)
        direction = _run(row[source], begin, length)
        if adam:
            _descend_adam(
                parameter,
                direction,
                _run(row[SECOND], begin, length),
                r1[tensor], r2[tensor], eps, keep[tensor], shrink[tensor], factor[tensor],
            )  # fmt: skip
        else:
            _descend(parameter, direction, keep[tensor], shrink[tensor], factor[tensor])
