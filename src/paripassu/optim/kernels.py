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
    cfunc,
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
_IN_C: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy"}  # C knows no interpreter's lock
_CHUNKS = _ADDRESSES = int64[:, ::1]
_PER_TENSOR = float32[::1]
_SUMS = float64[:, ::1]


def _cached(compile_for: Callable[..., Any], signature: Any, **options: Any) -> Callable[[Any], Any]:
    """Compile for one signature, from numba's cache where it has one."""

    def compiled(function: Callable[..., Any]) -> Any:
        try:
            return compile_for(signature, cache=True, **options)(function)
        except Exception:  # nowhere to write, no room there, or what is there is damaged: do without
            return compile_for(signature, **options)(function)

    return compiled


def _pointer_to(element: Any) -> Any:
    kind = types.CPointer(element)

    @intrinsic
    def pointer(_typing, _address):
        def generate(context, builder, _signature, arguments):
            return builder.inttoptr(arguments[0], context.get_value_type(kind))

        return kind(types.int64), generate

    return pointer


_floats, _doubles, _integers = (_pointer_to(element) for element in (float32, float64, int64))


@intrinsic
def _wide(_typing):
    """Let the loops of the function that calls this use the widest vectors there are."""

    def generate(context, builder, _signature, _arguments):
        # LLVM halves them by itself, for processors that slowed down when they were new. llvmlite knows no
        # attributes with values, but writes what its set holds.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.none(), generate


@njit
def _run(address, start, length):
    """A chunk's memory as an array."""
    return carray(_floats(address + _WIDTH * start), length)


@njit
def _holds(total):
    """Whether float32 held a block's sum of squares: nothing overflowed, nothing that counts vanished."""
    return 1e-25 < total < np.inf


@njit(**_SUMMING)
def _square(w, x, y, z):
    """Sum of squares in float32, of a block in four runs: memory gives more to who reads several places."""
    of_w, of_x, of_y, of_z = float32(0), float32(0), float32(0), float32(0)
    for i in range(len(w)):
        of_w += w[i] * w[i]
        of_x += x[i] * x[i]
        of_y += y[i] * y[i]
        of_z += z[i] * z[i]
    return (of_w + of_x) + (of_y + of_z)


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


@_cached(njit, void(_ADDRESSES, float64, float64, _PER_TENSOR, _PER_TENSOR), **_FLAGS)
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
def _square_chunk(address, begin, length):
    """Sum of squares of a chunk."""
    quarter = length // 4
    total = _square_widely(_run(address, begin + 4 * quarter, length - 4 * quarter))
    for start in range(begin, begin + quarter, _BLOCK // 4):
        size = min(_BLOCK // 4, begin + quarter - start)
        w, x = _run(address, start, size), _run(address, start + quarter, size)
        y, z = _run(address, start + 2 * quarter, size), _run(address, start + 3 * quarter, size)
        block = _square(w, x, y, z)
        if _holds(block):
            total += block
        else:
            total += _square_widely(w) + _square_widely(x) + _square_widely(y) + _square_widely(z)
    return total


@njit(**_FLAGS)
def _advance_chunk(row, begin, end, momentum, b1, b2, r, squares):
    """Take a chunk of a gradient into its states; add the squares of SGD's update and of Adam's."""
    if row[SECOND] == 0 and row[BUFFER] == 0:
        squares[SGD] += _square_chunk(row[GRADIENT], begin, end - begin)
        return
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
        if row[BUFFER] == 0:
            squares[SGD] += plain if _holds(plain) else _square_widely(gradient)
        else:
            buffer = _run(row[BUFFER], start, size)
            total = _accumulate(gradient, buffer, momentum)
            squares[SGD] += total if _holds(total) else _square_widely(buffer)


@_cached(
    njit,
    void(_CHUNKS, _SUMS, _SUMS, float64[::1], int64, int64, types.boolean, _PER_TENSOR, _PER_TENSOR),
    **_FLAGS,
)
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


# What `walk` is told, by place in an array of int64: addresses of arrays, their lengths, and switches.
(
    NEXT, CHUNKS, ADDRESSES, SQUARES, FACTORS, SETTINGS, CHUNK_COUNT, TENSOR_COUNT, ADVANCE, DESCEND, SOURCE,
    BY_ADAM,
) = range(LENGTH := 12)  # fmt: skip
# Rows of the array of factors, a column a tensor: Adam's bias corrections, and the terms of a step.
R1, R2, KEEP, SHRINK, FACTOR = range(5)


@_cached(cfunc, void(types.voidptr), **_IN_C)
def walk(told):
    """Walk all chunks, together with the other threads that were given the same ``told``.

    A C function of the address of ``told``, so that threads can call it without Python: an array of int64, by
    the names above. ``NEXT`` is 0 at the start and counts the chunks that are taken. ``SETTINGS`` are
    SGD's momentum, Adam's two decay rates and its epsilon, in float64.

    With ``ADVANCE``, gradients are taken into the states, and each chunk leaves its squares: of SGD's update
    and of Adam's. Momentum is kept where there are buffers, moments where there are second ones.

    With ``DESCEND``, ``SHRINK * FACTOR`` times the direction is subtracted from ``KEEP`` times the
    parameters. The direction is the array of column ``SOURCE``, or, with ``BY_ADAM``, Adam's update with
    that on top.
    """
    told = carray(told, LENGTH, np.int64)
    chunk_count, tensor_count = told[CHUNK_COUNT], told[TENSOR_COUNT]
    chunks = carray(_integers(told[CHUNKS]), (chunk_count, 3))
    addresses = carray(_integers(told[ADDRESSES]), (tensor_count, 6))
    squares = carray(_doubles(told[SQUARES]), (chunk_count, 2))
    factors = carray(_floats(told[FACTORS]), (5, tensor_count))
    settings = carray(_doubles(told[SETTINGS]), 4)
    momentum, b1, b2, eps = float32(settings[0]), settings[1], settings[2], float32(settings[3])
    _wide()
    while True:
        first = _claim(told, _PIECE)
        for taken in range(first, min(first + _PIECE, chunk_count)):
            # A second pass goes backwards: what the first read last is what caches still hold.
            k = taken if told[ADVANCE] != 0 else chunk_count - 1 - taken
            tensor, begin, length = chunks[k]
            row = addresses[tensor]
            r = (factors[R1, tensor], factors[R2, tensor], eps)
            if told[ADVANCE] != 0:
                _advance_chunk(row, begin, begin + length, momentum, b1, b2, r, squares[k])
            if told[DESCEND] != 0:
                parameter = _run(row[PARAMETER], begin, length)
                direction = _run(row[told[SOURCE]], begin, length)
                step = (factors[KEEP, tensor], factors[SHRINK, tensor], factors[FACTOR, tensor])
                if told[BY_ADAM] != 0:
                    _descend_adam(parameter, direction, _run(row[SECOND], begin, length), *r, *step)
                else:
                    _descend(parameter, direction, *step)
        if first >= chunk_count:
            return
