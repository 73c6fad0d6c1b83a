"""Eight float64 side by side: the same arithmetic on eight runs at once, in vector registers.

numba has no vector type, and its compiler does not find these vectors by itself. Written as loops over eight,
the kernel runs five times slower. Lanes never mix, so a run's numbers do not depend on its neighbours.
Compilers for narrower processors split a vector into as many registers as it needs.

numba's cache checks the file `kernel` alone. After a change here or in `gradients`, run `make clean-cache`.
"""

# numba compiles these, or they write instructions for it; numba and llvmlite carry no useful types.
# pyright: basic, reportCallIssue=false, reportArgumentType=false
# An intrinsic's parameters are for numba to read.
# ruff: noqa: ARG001

import operator

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, models, overload, register_model

WIDTH = 8  # float64 in the widest registers there are (AVX-512)

_VECTOR = ir.VectorType(ir.DoubleType(), WIDTH)
_BITS = ir.VectorType(ir.IntType(64), WIDTH)


class _LanesType(types.Type):
    def __init__(self) -> None:
        super().__init__("Lanes")


_lanes = _LanesType()


@register_model(_LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, kind) -> None:
        super().__init__(manager, kind, _VECTOR)


def _pointer(context, builder, signature, args):
    data = context.make_array(signature.args[0])(context, builder, args[0]).data
    return builder.bitcast(
        builder.gep(data, [builder.mul(args[1], args[1].type(WIDTH))]), _VECTOR.as_pointer()
    )


@intrinsic
def load(_, array, index):
    """Lanes number ``index`` of a contiguous array whose last axis has length ``WIDTH``."""

    def generate(context, builder, signature, args):
        loaded = builder.load(_pointer(context, builder, signature, args))
        loaded.align = 8
        return loaded

    return _lanes(array, types.int64), generate


@intrinsic
def store(_, array, index, value):
    """Write lanes where `load` reads them."""

    def generate(context, builder, signature, args):
        builder.store(args[2], _pointer(context, builder, signature, args)).align = 8
        return context.get_dummy_value()

    return types.none(array, types.int64, _lanes), generate


@intrinsic
def splat(_, number):
    """The same number in every lane."""

    def generate(_context, builder, _signature, args):
        first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), args[0], ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
        return builder.shuffle_vector(first, ir.Constant(_VECTOR, ir.Undefined), zeros)

    return _lanes(types.float64), generate


def _binary(instruction):
    @intrinsic
    def operate(_, x, y):
        def generate(_context, builder, _signature, args):
            # contract: a product and a sum may become one instruction with one rounding.
            return getattr(builder, instruction)(*args, flags=("contract",))

        return _lanes(_lanes, _lanes), generate

    return operate


def _define(symbol, operate) -> None:
    @overload(symbol)
    def _(x, y):
        if x is _lanes and y is _lanes:
            return lambda x, y: operate(x, y)
        if x is _lanes and isinstance(y, types.Float):
            return lambda x, y: operate(x, splat(y))
        if isinstance(x, types.Float) and y is _lanes:
            return lambda x, y: operate(splat(x), y)
        return None


for _symbol, _name in (("add", "fadd"), ("sub", "fsub"), ("mul", "fmul"), ("truediv", "fdiv")):
    _define(getattr(operator, _symbol), _binary(_name))


@intrinsic
def where_less(_, x, y, yes, no):
    """Per lane ``yes`` if x < y else ``no``, also where one of them is NaN."""

    def generate(_context, builder, _signature, args):
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

    return _lanes(_lanes, _lanes, _lanes, _lanes), generate


@intrinsic
def square_root(_, x):
    """Per lane; NaN of a negative."""

    def generate(_context, builder, _signature, args):
        # Named for its vector type, which llvmlite's own table of intrinsics leaves out.
        kind = ir.FunctionType(_VECTOR, [_VECTOR])
        name = f"llvm.sqrt.v{WIDTH}f64"
        function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        return builder.call(function, args)

    return _lanes(_lanes), generate


@intrinsic
def _power_of_two(_, shifted):
    """2**n for the whole number n that sits in the last bits of ``shifted``."""

    def generate(_context, builder, _signature, args):
        bits = builder.bitcast(args[0], _BITS)
        exponent = builder.shl(bits, ir.Constant(_BITS, [52] * WIDTH))
        return builder.bitcast(builder.add(exponent, ir.Constant(_BITS, [1023 << 52] * WIDTH)), _VECTOR)

    return _lanes(_lanes), generate


_LOG2E = 1.4426950408889634
_LN2_HIGH = 0.693147180369123816490  # its last 21 bits are zero: n times it is exact
_LN2_LOW = 1.90821492927058770002e-10
_SHIFT = 1.5 * 2.0**52  # added to a small number, it leaves the nearest whole number in the last bits
_LEAST = -300.0  # a factor of exp of less makes subnormal products, a hundred times slower and as good as 0


@njit
def exp_negative(x):
    """exp(x) for x <= 0, within 2 units in the last place; 0 below -300.

    2**n exp(r), abs(r) <= ln(2) / 2, by the Taylor polynomial of degree 13: its remainder is below 5e-18.
    """
    least = splat(_LEAST)
    clamped = where_less(x, least, least, x)
    shifted = clamped * _LOG2E + _SHIFT
    n = shifted - _SHIFT
    r = clamped - n * _LN2_HIGH - n * _LN2_LOW
    total = r * (1 / 6227020800) + 1 / 479001600
    total = total * r + 1 / 39916800
    total = total * r + 1 / 3628800
    total = total * r + 1 / 362880
    total = total * r + 1 / 40320
    total = total * r + 1 / 5040
    total = total * r + 1 / 720
    total = total * r + 1 / 120
    total = total * r + 1 / 24
    total = total * r + 1 / 6
    total = total * r + 0.5
    total = total * r + 1.0
    total = total * r + 1.0
    return where_less(x, least, splat(0.0), total * _power_of_two(shifted))


@njit
def lanes_array(rows, columns):
    """``[rows, columns, WIDTH]`` of zeros at the start of a cache line. Elsewhere a load would touch two."""
    room = np.zeros((rows * columns + 1) * WIDTH)
    skip = (-room.ctypes.data // 8) % WIDTH
    return room[skip : skip + rows * columns * WIDTH].reshape((rows, columns, WIDTH))
