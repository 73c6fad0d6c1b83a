"""The arithmetic of the fast way on a CPU: flat runs of float32 memory, compiled by numba, in place.

Tensors are rows of addresses and are processed chunk by chunk, so that one call is enough for any number of
tensors. Squares are summed in float32 over a block and in float64 over blocks. A block whose squares leave
float32 is summed again in float64. The formulas are those of `paripassu.rules`, and tests compare the two.
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
SGD, ADAM, WEIGHTS = range(3)

_WIDTH = 4  # bytes in a float32
# How often a thread polls before it yields. With more threads than cores, as in a container with few of
# many cores, the thread it waits for may need its core.
_POLLS = 1000
_BLOCK = 1024  # elements whose squares are summed in float32: few enough for seven digits
# Sums may be reordered into vector instructions; NaN and infinities must not change.
_SUMMING: dict[str, Any] = {"fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy", "nogil": True}
# A product of three must be computed in the order of the code: two of its factors alone may leave float32.
_FLAGS: dict[str, Any] = _SUMMING | {"fastmath": {"contract"}}


def _compile_to_c(function: Callable[..., Any]) -> Any:
    """Compile to a C function of an address, or load it from numba's cache.

    Threads can call it without Python, and Python calls it faster than a function of numpy's arrays.
    """
    signature, options = void(types.voidptr), {"fastmath": {"contract"}, "error_model": "numpy"}
    try:
        return cfunc(signature, cache=True, **options)(function)
    except Exception:  # the cache is read-only, full or damaged: compile without it
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
    """Allow the widest vectors in the loops of the function that calls this."""

    def generate(context, builder, _signature, _arguments):
        # By default LLVM uses half of them, because early processors slowed down. llvmlite has no function
        # for attributes with values, but prints all that are in its set.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.none(), generate


@njit
def _run(address, start, length):
    """A chunk's memory as an array."""
    return carray(_floats(address + _WIDTH * start), length)


@njit
def _is_exact(total):
    """Whether a block's float32 sum of squares is right: nothing overflowed, nothing that counts vanished."""
    return 1e-25 < total < np.inf


@njit(**_SUMMING)
def _square(w, x, y, z):
    """Sum of squares in float32, of a block in four runs: memory is faster when several places are read."""
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
def _descend(parameter, direction, decay, shrink, factor):
    _wide()
    for i in range(len(parameter)):
        parameter[i] = decay * parameter[i] - direction[i] * shrink * factor


@njit(**_FLAGS)
def _descend_adam(parameter, numerator, second, r1, r2, eps, decay, shrink, factor):
    _wide()
    for i in range(len(parameter)):
        u = numerator[i] * r1 / (np.sqrt(second[i]) * r2 + eps)
        parameter[i] = decay * parameter[i] - u * shrink * factor


if os.name == "posix":
    _yield_core = types.ExternalFunction("sched_yield", types.int32())
else:

    @njit
    def _yield_core():
        """Do nothing: other systems have no such function without a library."""


@intrinsic
def _add(_typing, _counters, _place, _count):
    """Return a counter and increase it by ``count``.

    No two threads get the same count. A thread that reads another's count sees all that it wrote before.
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
        if _is_exact(block):
            total += block
        else:
            total += _square_widely(w) + _square_widely(x) + _square_widely(y) + _square_widely(z)
    return total


@njit(**_FLAGS)
def _advance_chunk(row, begin, end, momentum, b1, b2, r, squares):
    """Advance a chunk's states by its gradient; add the squares of SGD's update and of Adam's."""
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
            squares[ADAM] += adam if _is_exact(adam) else _square_adam_widely(moved, second, *r)
        if row[BUFFER] == 0:
            squares[SGD] += plain if _is_exact(plain) else _square_widely(gradient)
        else:
            buffer = _run(row[BUFFER], start, size)
            total = _accumulate(gradient, buffer, momentum)
            squares[SGD] += total if _is_exact(total) else _square_widely(buffer)


@njit(**_FLAGS)
def _length(squares, column):
    """Length from the chunks' squares in a column; 1 for a column below 0."""
    if column < 0:
        return 1.0
    total = 0.0
    for k in range(len(squares)):
        total += squares[k, column]
    return math.sqrt(total)


@njit(**_FLAGS)
def _floor(chunks, floor):
    """Length of a unit whose elements have the root mean square ``floor``."""
    elements = 0
    for k in range(len(chunks)):
        elements += chunks[k, 2]
    return floor * math.sqrt(elements)


@njit(**_FLAGS)
def _factors(own, wanted, rate):
    """Two factors whose product is rate * wanted / own; 0 where ``own`` is 0.

    The first is a power of two that brings the direction near one, so that neither the product with it nor
    the second factor leaves float32, however large or small gradients are.
    """
    # The bounds make it a normal float32; NaN and inf have some exponent and do not change.
    shrink = math.ldexp(1.0, -min(max(math.frexp(own)[1], -126), 126))
    factor = 0.0 if own == 0.0 else rate * wanted / own / shrink
    return float32(shrink), float32(factor)


# Arguments of `walk`, by place in an array of int64: addresses of arrays, their lengths, and switches.
(
    NEXT, VISITS, CHUNKS, UNITS, DONE, ADDRESSES, SQUARES, FACTORS, SETTINGS, VISIT_COUNT, CHUNK_COUNT,
    UNIT_COUNT, TENSOR_COUNT, SOURCE, BY_ADAM, RESCALE, OWN, WANTED,
) = range(LENGTH := 18)  # fmt: skip
# Rows of the array of factors, with a column for each tensor: Adam's bias corrections, weight decay's factor,
# and the learning rate.
R1, R2, DECAY, RATE = range(4)


@_compile_to_c
def tick(arguments):
    """Count a step of Adam for every tensor and write its bias corrections, 1/(1-b1^t) and (1-b2^t)^-1/2.

    ``arguments`` are those of the `walk` that follows.
    """
    words = carray(arguments, LENGTH, np.int64)
    addresses = carray(_integers(words[ADDRESSES]), (6, words[TENSOR_COUNT]))
    factors = carray(_doubles(words[FACTORS]), (4, words[TENSOR_COUNT]))
    settings = carray(_doubles(words[SETTINGS]), 5)
    for tensor in range(words[TENSOR_COUNT]):
        step = _run(addresses[STEP, tensor], 0, 1)
        step[0] += float32(1)
        factors[R1, tensor] = 1 / (1 - settings[1] ** float64(step[0]))
        factors[R2, tensor] = 1 / np.sqrt(1 - settings[2] ** float64(step[0]))


@_compile_to_c
def walk(arguments):
    """Carry out a step, together with the other threads that call this with the same ``arguments``.

    ``arguments`` is the address of an array of int64, with the names above. ``NEXT`` starts at 0 and counts
    the visits that threads have begun, in their order.

    A visit has three numbers: what to do, the first chunk, and the chunk after the last.

    - `ADVANCE` advances the states by a chunk's gradients, and writes the sums of squares of SGD's update and
      of Adam's, and of the parameters if they are ``WANTED``. Momentum needs buffers, Adam second moments.
    - `MOVE` subtracts a multiple of the direction from ``DECAY`` times the parameters. The direction is the
      array in row ``SOURCE``, or, with ``BY_ADAM``, Adam's update with that array as its numerator. The
      multiple is the tensor's rate. With ``RESCALE`` it is the rate times the length in column ``WANTED`` of
      the squares over the length in column ``OWN``, both of the chunk's unit: rows ``UNITS[u]`` to
      ``UNITS[u + 1]`` of the chunks. The visit waits until all of the unit's chunks are advanced; their
      visits must come before it.
    - `BOTH` advances and then moves each chunk. It excludes ``RESCALE``.

    ``SETTINGS`` are SGD's momentum, Adam's two decay rates and its epsilon, and the least root mean square
    that parameters count with, in float64.
    """
    words = carray(arguments, LENGTH, np.int64)
    visits = carray(_integers(words[VISITS]), (words[VISIT_COUNT], 3))
    chunks = carray(_integers(words[CHUNKS]), (words[CHUNK_COUNT], 4))
    units = carray(_integers(words[UNITS]), words[UNIT_COUNT] + 1)
    done = carray(_integers(words[DONE]), words[UNIT_COUNT])
    addresses = carray(_integers(words[ADDRESSES]), (6, words[TENSOR_COUNT]))
    squares = carray(_doubles(words[SQUARES]), (words[CHUNK_COUNT], 3))
    factors = carray(_doubles(words[FACTORS]), (4, words[TENSOR_COUNT]))
    settings = carray(_doubles(words[SETTINGS]), 5)
    momentum, b1, b2, eps = float32(settings[0]), settings[1], settings[2], float32(settings[3])
    by_adam, rescale = words[BY_ADAM] != 0, words[RESCALE] != 0
    measured_unit, own, wanted = -1, 1.0, 1.0
    _wide()
    while True:
        visit = _add(words, NEXT, 1)
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
                if words[WANTED] == WEIGHTS:
                    squares[k, WEIGHTS] = _square_chunk(row[PARAMETER], begin, length)
                _add(done, unit, 1)
            if what == ADVANCE:
                continue
            shrink, factor = float32(1), float32(factors[RATE, tensor])
            if rescale:
                if unit != measured_unit:
                    polls = 0
                    while _add(done, unit, 0) < units[unit + 1] - units[unit]:
                        polls += 1
                        if polls > _POLLS:
                            _yield_core()
                    measured = squares[units[unit] : units[unit + 1]]
                    own, wanted = _length(measured, words[OWN]), _length(measured, words[WANTED])
                    if words[WANTED] == WEIGHTS:
                        least = _floor(chunks[units[unit] : units[unit + 1]], settings[4])
                        wanted = least if wanted < least else wanted  # NaN stays
                    measured_unit = unit
                shrink, factor = _factors(own, wanted, factors[RATE, tensor])
            parameter = _run(row[PARAMETER], begin, length)
            direction = _run(row[words[SOURCE]], begin, length)
            step = (float32(factors[DECAY, tensor]), shrink, factor)
            if by_adam:
                _descend_adam(parameter, direction, _run(row[SECOND], begin, length), *r, *step)
            else:
                _descend(parameter, direction, *step)
