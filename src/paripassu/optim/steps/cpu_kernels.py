"""The arithmetic of the fast path on a CPU: flat runs of float32 memory, compiled by numba, in place.

Tensors come as rows of addresses and are walked chunk by chunk, so that one call serves any number of
tensors. Squares are summed in float32 over a block and in float64 over blocks; a block whose squares leave
float32 is summed again in float64. The formulas are those of `paripassu.rules`, which the tests hold them to.
"""

# numba compiles these functions: plain loops are its idiom, and it infers all types.
# pyright: basic, reportCallIssue=false

import math
import os
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

from paripassu.optim.steps.flat import BUFFER, FIRST, GRADIENT, PARAMETER, SECOND, STEP
from paripassu.optim.steps.schedule import ADVANCE, MOVE

# Columns of the table of squares.
SGD, ADAM = range(2)

_WIDTH = 4  # bytes in a float32
# Looks at whether other threads are done, before a thread gives way to them: where there are more threads
# than cores, as in a container that may use a few of many, they may be waiting for the core it looks on.
_LOOKS = 1000
_BLOCK = 1024  # elements whose squares are summed in float32: few enough for seven digits
# Sums may be reordered into vector instructions; NaN and infinities must stay what they are.
_SUMMING: dict[str, Any] = {"fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy", "nogil": True}
# A product of three must be taken as written: two of its factors alone may leave float32.
_FLAGS: dict[str, Any] = _SUMMING | {"fastmath": {"contract"}}


def _in_c(function: Callable[..., Any]) -> Any:
    """Compile to a C function of an address, from numba's cache where it has one.

    Threads can call it without Python, and Python with less ado than what takes numpy's arrays.
    """
    signature, options = void(types.voidptr), {"fastmath": {"contract"}, "error_model": "numpy"}
    try:
        return cfunc(signature, cache=True, **options)(function)
    except Exception:  # nowhere to write, no room there, or what is there is damaged: do without
        return cfunc(signature, **options)(function)


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


if os.name == "posix":
    _give_way = types.ExternalFunction("sched_yield", types.int32())
else:

    @njit
    def _give_way():
        """Nothing: other systems have no such function that needs no library."""


@intrinsic
def _add(_typing, _counters, _place, _count):
    """One counter, which is then higher by ``count``.

    No two threads get the same, and who reads what another has counted sees all that it did before.
    """

    def generate(context, builder, signature, arguments):
        counters = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.atomic_rmw("add", builder.gep(counters, [arguments[1]]), arguments[2], "acq_rel")

    return types.int64(types.Array(types.int64, 1, "C"), types.int64, types.int64), generate


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


@njit(**_FLAGS)
def _length(squares, column):
    """Length of what the rows of ``squares`` are of; 1 where the column is below 0."""
    if column < 0:
        return 1.0
    total = 0.0
    for k in range(len(squares)):
        total += squares[k, column]
    return math.sqrt(total)


@njit(**_FLAGS)
def _factors(own, wanted, rate):
    """Two factors whose product is rate * wanted / own; 0 where ``own`` is 0.

    The first is a power of two that brings the direction near one, so that neither the product with it nor
    the second factor leaves float32, however large or small gradients are.
    """
    # The bounds keep it a normal float32; NaN and inf have some exponent and stay what they are.
    shrink = math.ldexp(1.0, -min(max(math.frexp(own)[1], -126), 126))
    factor = 0.0 if own == 0.0 else rate * wanted / own / shrink
    return float32(shrink), float32(factor)


# What `walk` is told, by place in an array of int64: addresses of arrays, their lengths, and switches.
(
    NEXT, VISITS, CHUNKS, UNITS, DONE, ADDRESSES, SQUARES, FACTORS, SETTINGS, VISIT_COUNT, CHUNK_COUNT,
    UNIT_COUNT, TENSOR_COUNT, SOURCE, BY_ADAM, RESCALE, OWN, WANTED,
) = range(LENGTH := 18)  # fmt: skip
# Rows of the array of factors, a column a tensor: Adam's bias corrections, what weight decay leaves, and the
# learning rate.
R1, R2, KEEP, RATE = range(4)


@_in_c
def tick(told):
    """Count a step of Adam for every tensor and write its bias corrections, 1/(1-b1^t) and (1-b2^t)^-1/2.

    ``told`` is what `walk` is told next.
    """
    told = carray(told, LENGTH, np.int64)
    addresses = carray(_integers(told[ADDRESSES]), (6, told[TENSOR_COUNT]))
    factors = carray(_doubles(told[FACTORS]), (4, told[TENSOR_COUNT]))
    settings = carray(_doubles(told[SETTINGS]), 4)
    for tensor in range(told[TENSOR_COUNT]):
        step = _run(addresses[STEP, tensor], 0, 1)
        step[0] += float32(1)
        factors[R1, tensor] = 1 / (1 - settings[1] ** float64(step[0]))
        factors[R2, tensor] = 1 / np.sqrt(1 - settings[2] ** float64(step[0]))


@_in_c
def walk(told):
    """Take a step, together with the other threads that were given the same ``told``.

    ``told`` is an array of int64, by the names above. ``NEXT`` is 0 at the start and counts the visits that
    are taken, in their order.

    A visit is of the chunks from its second number to before its third, one after the other, and its first
    says for what. `ADVANCE`: a chunk's gradients are taken into the states, and its squares left, of SGD's
    update and of Adam's; momentum is kept where there are buffers, moments where there are second ones.
    `MOVE`: a multiple of the direction is subtracted from ``KEEP`` times the parameters. The direction is the
    array of column ``SOURCE``, or, with ``BY_ADAM``, Adam's update with that on top; the multiple is the
    tensor's rate, with ``RESCALE`` times the length in column ``WANTED`` of the squares over that in column
    ``OWN``, both of the chunk's unit: rows ``UNITS[u]`` to ``UNITS[u + 1]`` of the chunks. That waits until
    all of the unit's chunks have been advanced; their visits must come before it. `BOTH`: each chunk is moved
    when it is advanced, which must not be asked with ``RESCALE``.

    ``SETTINGS`` are SGD's momentum, Adam's two decay rates and its epsilon, in float64.
    """
    told = carray(told, LENGTH, np.int64)
    visits = carray(_integers(told[VISITS]), (told[VISIT_COUNT], 3))
    chunks = carray(_integers(told[CHUNKS]), (told[CHUNK_COUNT], 4))
    units = carray(_integers(told[UNITS]), told[UNIT_COUNT] + 1)
    done = carray(_integers(told[DONE]), told[UNIT_COUNT])
    addresses = carray(_integers(told[ADDRESSES]), (6, told[TENSOR_COUNT]))
    squares = carray(_doubles(told[SQUARES]), (told[CHUNK_COUNT], 2))
    factors = carray(_doubles(told[FACTORS]), (4, told[TENSOR_COUNT]))
    settings = carray(_doubles(told[SETTINGS]), 4)
    momentum, b1, b2, eps = float32(settings[0]), settings[1], settings[2], float32(settings[3])
    by_adam, rescale = told[BY_ADAM] != 0, told[RESCALE] != 0
    known, own, wanted = -1, 1.0, 1.0
    _wide()
    while True:
        visit = _add(told, NEXT, 1)
        if visit >= len(visits):
            return
        what, first, last = visits[visit]
        for k in range(first, last):
            tensor, begin, length, unit = chunks[k]
            row = addresses[:, tensor]
            r = (float32(factors[R1, tensor]), float32(factors[R2, tensor]), eps)
            if what != MOVE:
                squares[k, SGD] = squares[k, ADAM] = 0.0
                _advance_chunk(row, begin, begin + length, momentum, b1, b2, r, squares[k])
                _add(done, unit, 1)
            if what == ADVANCE:
                continue
            shrink, factor = float32(1), float32(factors[RATE, tensor])
            if rescale:
                if unit != known:
                    looks = 0
                    while _add(done, unit, 0) < units[unit + 1] - units[unit]:
                        looks += 1
                        if looks > _LOOKS:
                            _give_way()
                    measured = squares[units[unit] : units[unit + 1]]
                    own, wanted = _length(measured, told[OWN]), _length(measured, told[WANTED])
                    known = unit
                shrink, factor = _factors(own, wanted, factors[RATE, tensor])
            parameter = _run(row[PARAMETER], begin, length)
            direction = _run(row[told[SOURCE]], begin, length)
            step = (float32(factors[KEEP, tensor]), shrink, factor)
            if by_adam:
                _descend_adam(parameter, direction, _run(row[SECOND], begin, length), *r, *step)
            else:
                _descend(parameter, direction, *step)
