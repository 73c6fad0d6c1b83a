"""The arithmetic of the fast path on a CPU: flat runs of float32 memory, compiled by numba, in place.

Tensors come as rows of addresses and are walked chunk by chunk, so that one call serves any number of
tensors. Squares are summed in float32 over a block and in float64 over blocks; a block whose squares leave
float32 is summed again in float64. The formulas are those of `paripassu.rules`, which the tests hold them to.
"""

# numba compiles these functions: plain loops are its idiom, and it infers all types.
# pyright: basic, reportCallIssue=false

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
_PIECE = 4  # chunks a thread claims at a time
_BLOCK = 1024  # elements whose squares are summed in float32: few enough for seven digits
# Sums may be reordered into vector instructions; NaN and infinities must stay what they are.
_SUMMING: dict[str, Any] = {"fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy", "nogil": True}
# A product of three must be taken as written: two of its factors alone may leave float32.
_FLAGS: dict[str, Any] = _SUMMING | {"fastmath": {"contract"}}
_CHUNKS = _ADDRESSES = int64[:, ::1]
_COUNTER = int64[::1]
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


@intrinsic
def _wide(_typing):
    """Let the loops of the function that calls this use the widest vectors there are."""

    def generate(context, builder, _signature, _arguments):
        # LLVM halves them by itself, for processors that slowed down when they were new. llvmlite knows no
        # attributes with values, but writes what its set holds.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.none(), generate


@njit(inline="always")
def _run(address, start, length):
    """A chunk's memory as an array."""
    return carray(_pointer(address + _WIDTH * start), length)


@njit
def _holds(total):
    """Whether float32 held a block's sum of squares: nothing overflowed, nothing that counts vanished."""
    return 1e-25 < total < np.inf


@njit(**_SUMMING)
def _square(x):
    """Sum of squares in float32, of a block."""
    total = float32(0)
    for i in range(len(x)):
        total += x[i] * x[i]
    return total


@njit(**_SUMMING)
def _square_widely(x):
    total = 0.0
    for i in range(len(x)):
        total += float64(x[i]) * float64(x[i])
    return total


@njit(**_SUMMING)
def _square_adam_widely(numerator, second, r1, r2, eps):
    total = 0.0
    for i in range(len(numerator)):
        u = numerator[i] * r1 / (np.sqrt(second[i]) * r2 + eps)
        total += float64(u) * float64(u)
    return total


@njit(**_SUMMING)
def _accumulate(gradient, buffer, momentum):
    """SGD's momentum; the sum of squares of the new buffer."""
    total = float32(0)
    for i in range(len(gradient)):
        b = momentum * buffer[i] + gradient[i]
        buffer[i] = b
        total += b * b
    return total


@njit(**_SUMMING)
def _advance(gradient, second, b2, rest2, r1, r2, eps):
    """Adam's second moment; the sums of squares of the gradient and of Adam's update without a first."""
    plain, adam = float32(0), float32(0)
    for i in range(len(gradient)):
        g = gradient[i]
        v = b2 * second[i] + rest2 * (g * g)
        second[i] = v
        u = g * r1 / (np.sqrt(v) * r2 + eps)
        plain += g * g
        adam += u * u
    return plain, adam


@njit(**_SUMMING)
def _advance_both(gradient, first, second, b1, rest1, b2, rest2, r1, r2, eps):
    """Adam's moments; the sums of squares of the gradient and of Adam's update."""
    plain, adam = float32(0), float32(0)
    for i in range(len(gradient)):
        g = gradient[i]
        m = b1 * first[i] + rest1 * g
        v = b2 * second[i] + rest2 * (g * g)
        first[i] = m
        second[i] = v
        u = m * r1 / (np.sqrt(v) * r2 + eps)
        plain += g * g
        adam += u * u
    return plain, adam


@njit(**_FLAGS)
def _descend(parameter, direction, keep, shrink, factor):
    _wide()
    for i in range(len(parameter)):
        parameter[i] = keep * parameter[i] - direction[i] * shrink * factor


@njit(**_FLAGS)
def _descend_adam(parameter, numerator, second, r1, r2, eps, keep, shrink, factor):
    _wide()
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


@intrinsic
def _claim(_typing, _counter, _count):
    """The counter, which is then higher by ``count``: no two threads get the same."""

    def generate(context, builder, signature, arguments):
        pointer = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.atomic_rmw("add", pointer, arguments[1], "monotonic")

    return types.int64(types.Array(types.int64, 1, "C"), types.int64), generate


@njit(**_FLAGS)
def _advance_chunk(row, begin, end, momentum, b1, b2, r, squares):
    """Take a chunk of a gradient into its states; add the squares of SGD's update and of Adam's."""
    for start in range(begin, end, _BLOCK):
        size = min(_BLOCK, end - start)
        gradient = _run(row[GRADIENT], start, size)
        if row[SECOND] != 0:
            second = _run(row[SECOND], start, size)
            if row[FIRST] == 0:
                moved = gradient
                plain, adam = _advance(gradient, second, float32(b2), float32(1 - b2), *r)
            else:
                moved = _run(row[FIRST], start, size)
                rest = (float32(b1), float32(1 - b1), float32(b2), float32(1 - b2))
                plain, adam = _advance_both(gradient, moved, second, *rest, *r)
            squares[ADAM] += adam if _holds(adam) else _square_adam_widely(moved, second, *r)
        elif row[BUFFER] == 0:
            plain = _square(gradient)
        if row[BUFFER] == 0:
            squares[SGD] += plain if _holds(plain) else _square_widely(gradient)
        else:
            buffer = _run(row[BUFFER], start, size)
            total = _accumulate(gradient, buffer, momentum)
            squares[SGD] += total if _holds(total) else _square_widely(buffer)


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
        _COUNTER, _CHUNKS, _ADDRESSES, types.boolean, types.boolean, int64, types.boolean, float32, float64,
        float64, float32, _PER_TENSOR, _PER_TENSOR, _SUMS, _PER_TENSOR, _PER_TENSOR, _PER_TENSOR,
    )
)  # fmt: skip
def walk(
    counter, chunks, addresses, advance, descend, source, adam, momentum, b1, b2, eps, r1, r2, squares, keep,
    shrink, factor,
):  # fmt: skip
    """Walk all chunks, together with the other threads that have the same ``counter``; it starts at 0.

    With ``advance``, gradients are taken into the states, and each chunk leaves its squares: of SGD's update
    and of Adam's. Momentum is kept where there are buffers, moments where there are second ones.

    With ``descend``, ``shrink * factor`` times the direction is subtracted from ``keep`` times the
    parameters. The direction is the array of column ``source``, or, with ``adam``, Adam's update with it on
    top.
    """
    _wide()
    while True:
        first = _claim(counter, _PIECE)
        for k in range(first, min(first + _PIECE, len(chunks))):
            tensor, begin, length = chunks[k]
            row = addresses[tensor]
            r = (r1[tensor], r2[tensor], eps)
            if advance:
                _advance_chunk(row, begin, begin + length, momentum, b1, b2, r, squares[k])
            if descend:
                parameter = _run(row[PARAMETER], begin, length)
                direction = _run(row[source], begin, length)
                step = (keep[tensor], shrink[tensor], factor[tensor])
                if adam:
                    _descend_adam(parameter, direction, _run(row[SECOND], begin, length), *r, *step)
                else:
                    _descend(parameter, direction, *step)
        if first >= len(chunks):
            return
