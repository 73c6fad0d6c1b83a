"""The arithmetic of the fast way on CUDA: compiled by Triton, over any number of tensors in two launches.

Tensors are addresses in a table and are cut into chunks, one for each program. Squares are summed in float64,
chunk by chunk and then in order, so that results do not depend on which program ends first. The formulas are
those of `paripassu.rules`, and tests compare the two.

The table holds words of 64 bits, for ``n`` tensors in ``chunks`` chunks:

===========  ========  ====================================================================
from word    words     what
===========  ========  ====================================================================
0            n + 1     the first chunk of each tensor, and the number of chunks
n + 1        n         elements
2n + 1       6n        addresses, in the rows of `paripassu.optim.steps.flat`
8n + 1       n         learning rates, float64
9n + 1       n         decay factors, float64
10n + 1      chunks    the tensor of each chunk
...          units     0: counts programs that have ended; a unit is measured together: a tensor, or all
===========  ========  ====================================================================

The scratch holds, in float64, a pair of factors for each unit, by which its directions are multiplied one
after the other, and then the chunks' sums of squares: those of the direction, then those of the magnitude.
"""

# Triton compiles these functions, infers all types, and is not everywhere.
# pyright: basic, reportMissingImports=false, reportCallIssue=false, reportArgumentType=false
# pyright: reportAttributeAccessIssue=false, reportOperatorIssue=false
# ruff: noqa: ARG001, D417, FBT003

import triton
import triton.language as tl

from paripassu.optim.steps.flat import ROWS

PARAMETER, GRADIENT, BUFFER, FIRST, SECOND, STEP = map(tl.constexpr, ROWS)

_SUMS: tl.constexpr = tl.constexpr(1024)  # sums of chunks that are added at once
_EXPONENT: tl.constexpr = tl.constexpr(0x7FF0000000000000)  # of a float64


@triton.jit
def _floats(table, n, row: tl.constexpr, tensor, ALIGNED: tl.constexpr):
    """Pointer to a tensor's array, from its address in the table."""
    address = tl.load(table + 2 * n + 1 + row * n + tensor)
    pointer = address.to(tl.pointer_type(tl.float32))
    if ALIGNED:
        pointer = tl.multiple_of(pointer, 16)
    return pointer


@triton.jit
def _place(table, n, CHUNK: tl.constexpr):
    """This program's tensor, the tensor's first chunk, and the range of the program's elements in it."""
    chunk = tl.program_id(0)
    tensor = tl.load(table + 10 * n + 1 + chunk)
    first_chunk = tl.load(table + tensor)
    begin = (chunk - first_chunk) * CHUNK
    return tensor, first_chunk, begin, tl.minimum(begin + CHUNK, tl.load(table + n + 1 + tensor))


@triton.jit
def _number(word):
    return tl.load(word).to(tl.float64, bitcast=True)


@triton.jit
def _rest(steps, log):
    """1 - beta^steps from the logarithm of beta, to float32's precision even if the power is near one."""
    x = steps * log
    near = 1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6 * (1 + x / 7 * (1 + x / 8))))))
    return tl.where(x > -0.5, -x * near, 1 - tl.exp(x))


@triton.jit
def _corrections(steps, log1, log2):
    """Adam's bias corrections, 1/(1-b1^t) and (1-b2^t)^-1/2."""
    return 1 / _rest(steps, log1), 1 / tl.sqrt_rn(_rest(steps, log2))


@triton.jit
def _adam(numerator, second, r1, r2, eps):
    return tl.div_rn(numerator * r1, tl.sqrt_rn(second) * r2 + eps)


@triton.jit
def _advance_chunk(
    parameter, gradient, buffer, first, second, begin, end, momentum, b1, rest1, b2, rest2, r1, r2, eps,
    SGD: tl.constexpr, ADAM: tl.constexpr, MOMENTUM: tl.constexpr, MOMENTS: tl.constexpr,
    WEIGHTS: tl.constexpr, MASKED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Advance a chunk's states by its gradient.

    Returns the sums of squares of SGD's update, of Adam's and of the parameters.
    """
    plain = tl.zeros([BLOCK], tl.float64)
    adaptive = tl.zeros([BLOCK], tl.float64)
    own = tl.zeros([BLOCK], tl.float64)
    for start in range(begin, end, BLOCK):
        at = start + tl.arange(0, BLOCK)
        mask = at < end if MASKED else None
        g = tl.load(gradient + at, mask)
        if MOMENTUM:
            sgd = momentum * tl.load(buffer + at, mask) + g
            tl.store(buffer + at, sgd, mask)
        else:
            sgd = g
        if SGD:
            sgd = tl.where(mask, sgd, 0.0) if MASKED else sgd
            plain += sgd.to(tl.float64) * sgd.to(tl.float64)
        if ADAM:
            if MOMENTS:
                m = b1 * tl.load(first + at, mask) + rest1 * g
                tl.store(first + at, m, mask)
            else:
                m = g
            v = b2 * tl.load(second + at, mask) + rest2 * (g * g)
            tl.store(second + at, v, mask)
            u = _adam(m, v, r1, r2, eps)
            u = tl.where(mask, u, 0.0) if MASKED else u
            adaptive += u.to(tl.float64) * u.to(tl.float64)
        if WEIGHTS:
            w = tl.load(parameter + at, mask)
            w = tl.where(mask, w, 0.0) if MASKED else w
            own += w.to(tl.float64) * w.to(tl.float64)
    return tl.sum(plain), tl.sum(adaptive), tl.sum(own)


@triton.jit
def _length(squares, begin, end):
    """Length from the sums of squares of the chunks from ``begin`` to ``end``."""
    total = tl.zeros([_SUMS], tl.float64)
    for start in range(begin, end, _SUMS):
        at = start + tl.arange(0, _SUMS)
        # Not from the first cache: other programs wrote them.
        total += tl.load(squares + at, at < end, other=0.0, cache_modifier=".cg")
    return tl.sqrt(tl.sum(total))


@triton.jit
def _factors(own, wanted):
    """Two factors whose product is wanted / own; 0 where ``own`` is 0.

    The first is a power of two that brings the direction near one, so that neither the product with it nor
    the second factor leaves float32, however large or small gradients are.
    """
    power = (own.to(tl.int64, bitcast=True) & _EXPONENT).to(tl.float64, bitcast=True)
    # The bounds make it a normal float32; NaN and inf have some exponent and do not change.
    power = tl.minimum(tl.maximum(power, 2.0**-126), 2.0**126)
    return 1 / power, tl.where(own == 0.0, 0.0, wanted / own * power)


@triton.jit
def _tick(table, n, begin, end):
    """Count a step of Adam for the tensors from ``begin`` to ``end``."""
    for start in range(begin, end, _SUMS):
        tensor = start + tl.arange(0, _SUMS)
        mask = tensor < end
        address = tl.load(table + 2 * n + 1 + STEP * n + tensor, mask, other=0)
        steps = address.to(tl.pointer_type(tl.float32))
        tl.store(steps, tl.load(steps, mask) + 1, mask)


@triton.jit(do_not_specialize=["n", "chunks"])
def advance(
    table, scratch, n, chunks, momentum, b1, rest1, log1, b2, rest2, log2, eps, floor,
    SGD: tl.constexpr, ADAM: tl.constexpr, MOMENTUM: tl.constexpr, MOMENTS: tl.constexpr,
    WEIGHTS: tl.constexpr, BY_ADAM: tl.constexpr, RESCALE: tl.constexpr, GLOBAL: tl.constexpr,
    ALIGNED: tl.constexpr, CHUNK: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Advance a chunk's states; the last program of a unit to end writes its factors and counts a step.

    Args:
        table, scratch: see above.
        n, chunks: number of tensors and chunks.
        momentum: SGD's.
        b1, rest1, log1: of the first moment: Adam's decay rate b1, 1 - b1, and log(b1).
        b2, rest2, log2: the same of the second.
        eps: Adam's.
        floor: the least root mean square of a tensor's parameters; with GLOBAL the least length of all.
        SGD, ADAM: which parts the rule has.
        MOMENTUM, MOMENTS: whether states have buffers, and first moments.
        WEIGHTS: whether directions are rescaled to the parameters' length.
        BY_ADAM: whether the direction is Adam's.
        RESCALE: whether directions are rescaled: to the other part's length, or to one without another part.
        GLOBAL: whether all tensors are one unit.
        ALIGNED: whether all arrays begin at multiples of 16 bytes.
        CHUNK: elements of a chunk.
        BLOCK: elements of one pass of the loop over a chunk, a divisor of it.
    """
    tensor, first_chunk, begin, end = _place(table, n, CHUNK)
    parameter = _floats(table, n, PARAMETER, tensor, ALIGNED)
    gradient = _floats(table, n, GRADIENT, tensor, ALIGNED)
    buffer = _floats(table, n, BUFFER, tensor, ALIGNED)
    first = _floats(table, n, FIRST, tensor, ALIGNED)
    second = _floats(table, n, SECOND, tensor, ALIGNED)
    r1, r2 = 1.0, 1.0
    if ADAM:
        steps = tl.load(_floats(table, n, STEP, tensor, False))
        r1, r2 = _corrections(steps + 1, log1, log2)
    # Loads without a mask are wider.
    if end - begin == CHUNK:
        plain, adaptive, own = _advance_chunk(
            parameter, gradient, buffer, first, second, begin, end,
            momentum, b1, rest1, b2, rest2, r1, r2, eps,
            SGD, ADAM, MOMENTUM, MOMENTS, WEIGHTS, False, BLOCK,
        )  # fmt: skip
    else:
        plain, adaptive, own = _advance_chunk(
            parameter, gradient, buffer, first, second, begin, end,
            momentum, b1, rest1, b2, rest2, r1, r2, eps,
            SGD, ADAM, MOMENTUM, MOMENTS, WEIGHTS, True, BLOCK,
        )  # fmt: skip
    chunk = tl.program_id(0)
    units = 1 if GLOBAL else n
    squares = scratch + 2 * units
    if RESCALE:
        tl.store(squares + chunk, adaptive if BY_ADAM else plain)
        if SGD and ADAM:
            tl.store(squares + chunks + chunk, plain if BY_ADAM else adaptive)
        if WEIGHTS:
            tl.store(squares + chunks + chunk, own)
    if GLOBAL:
        unit, from_chunk, to_chunk, from_tensor, to_tensor = 0, 0, chunks, 0, n
    else:
        unit, from_chunk, to_chunk = tensor, first_chunk, tl.load(table + tensor + 1)
        from_tensor, to_tensor = tensor, tensor + 1
    tl.debug_barrier()
    ended = tl.atomic_add(table + 10 * n + 1 + chunks + unit, 1, sem="acq_rel")
    if ended == to_chunk - from_chunk - 1:
        if RESCALE:
            length = _length(squares, from_chunk, to_chunk)
            wanted = length * 0 + 1
            if (SGD and ADAM) or WEIGHTS:
                wanted = _length(squares + chunks, from_chunk, to_chunk)
            if WEIGHTS:
                least = wanted * 0 + floor
                if not GLOBAL:
                    least = floor * tl.sqrt(tl.load(table + n + 1 + tensor).to(tl.float64))
                wanted = tl.where(wanted < least, least, wanted)  # NaN stays
            shrink, factor = _factors(length, wanted)
            tl.store(scratch + 2 * unit, shrink)
            tl.store(scratch + 2 * unit + 1, factor)
        if ADAM:
            _tick(table, n, from_tensor, to_tensor)


@triton.jit
def _move_chunk(
    parameter, direction, second, begin, end, r1, r2, eps, decay, shrink, factor,
    BY_ADAM: tl.constexpr, MASKED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    for start in range(begin, end, BLOCK):
        at = start + tl.arange(0, BLOCK)
        mask = at < end if MASKED else None
        update = tl.load(direction + at, mask)
        if BY_ADAM:
            update = _adam(update, tl.load(second + at, mask), r1, r2, eps)
        moved = decay * tl.load(parameter + at, mask) - update * shrink * factor
        tl.store(parameter + at, moved, mask)


@triton.jit(do_not_specialize=["n", "chunks"])
def move(
    table, scratch, n, chunks, log1, log2, eps,
    SOURCE: tl.constexpr, BY_ADAM: tl.constexpr, RESCALE: tl.constexpr, GLOBAL: tl.constexpr,
    ALIGNED: tl.constexpr, CHUNK: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Subtract a multiple of a chunk's directions from its parameters times their decay factor.

    Args:
        table, scratch: after `advance`.
        n, chunks, log1, log2, eps, RESCALE, GLOBAL, ALIGNED, CHUNK, BLOCK: as there.
        SOURCE: the row of the direction, or of the numerator of Adam's direction.
        BY_ADAM: whether the direction is Adam's.
    """
    tensor, _, begin, end = _place(table, n, CHUNK)
    parameter = _floats(table, n, PARAMETER, tensor, ALIGNED)
    direction = _floats(table, n, SOURCE, tensor, ALIGNED)
    second = _floats(table, n, SECOND, tensor, ALIGNED)
    r1, r2 = 1.0, 1.0
    if BY_ADAM:
        r1, r2 = _corrections(tl.load(_floats(table, n, STEP, tensor, False)), log1, log2)
    rate = _number(table + 8 * n + 1 + tensor)
    decay = _number(table + 9 * n + 1 + tensor).to(tl.float32)
    if RESCALE:
        unit = 0 if GLOBAL else tensor
        shrink = tl.load(scratch + 2 * unit).to(tl.float32)
        factor = (rate * tl.load(scratch + 2 * unit + 1)).to(tl.float32)
    else:
        shrink, factor = 1.0, rate.to(tl.float32)
    if end - begin == CHUNK:
        _move_chunk(
            parameter, direction, second, begin, end, r1, r2, eps, decay, shrink, factor,
            BY_ADAM, False, BLOCK,
        )  # fmt: skip
    else:
        _move_chunk(
            parameter, direction, second, begin, end, r1, r2, eps, decay, shrink, factor,
            BY_ADAM, True, BLOCK,
        )  # fmt: skip
