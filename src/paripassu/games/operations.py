"""Operations whose gradients are cheap to differentiate: convolutions, rectifiers, mean pooling.

The backward pass of each is made of operations that torch differentiates as it does any others. Nothing in it
depends on the input, except for a convolution's gradient by its weight.
"""

# ruff: noqa: A002, FBT001, FBT002 - replacements have the signatures of what they replace
# pyright: reportIncompatibleMethodOverride=false, reportPrivateUsage=false

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

_aten = torch.ops.aten


class _Geometry(NamedTuple):
    """All that a convolution needs beside its tensors, in the order of ``aten::convolution``."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool
    output_padding: tuple[int, ...]
    groups: int

    def adjoint(self, x: Tensor, y: Tensor, weight: Tensor) -> "_Geometry":
        """Of the convolution by the same weight that takes the output's shape to the input's."""
        more = (0,) * len(self.stride)
        if not self.transposed:
            sizes = (x.shape[2:], y.shape[2:], weight.shape[2:], self.stride, self.padding, self.dilation)
            rows = zip(*sizes, strict=True)
            more = tuple(m - ((n - 1) * s - 2 * p + d * (k - 1) + 1) for m, n, k, s, p, d in rows)
        return self._replace(transposed=not self.transposed, output_padding=more)


class _Convolution(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, geometry: _Geometry) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = geometry
        return _aten.convolution(x, weight, bias, *geometry)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        geometry: _Geometry = ctx.geometry
        by_x = by_weight = by_bias = None
        if _wanted(ctx, 0):
            # A convolution to torch, so that its own derivatives are first ones.
            adjoint = geometry.adjoint(x, gradient, weight)
            by_x = _aten.convolution(gradient, weight, None, *adjoint)
        mask = [False, _wanted(ctx, 1), _wanted(ctx, 2)]
        if any(mask):
            channels = [gradient.shape[1]]
            found = _aten.convolution_backward(gradient, x, weight, channels, *geometry, mask)
            _, by_weight, by_bias = found
        return by_x, by_weight, by_bias, None


def _wanted(ctx: Any, i: int) -> bool:
    """Whether the running gradient is by the ``i``-th input, or through it."""
    # Weights need a gradient, but a penalty's first gradient is by the images alone. The engine knows.
    if not ctx.needs_input_grad[i]:
        return False
    try:
        return torch._C._will_engine_execute_node(ctx.next_functions[i][0])  # noqa: SLF001 - has no other name
    except RuntimeError:  # it refuses the leaves by which autograd.grad differentiates
        return True


def _convolve(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor | None:
    n = weight.ndim - 2
    dilation = _each(dilation, n)
    if padding == "same":
        around = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        if any(pixels % 2 for pixels in around) or max(_each(stride, n)) > 1:
            return None  # torch refuses strides here
        padding = [pixels // 2 for pixels in around]
    elif padding == "valid":
        padding = 0
    elif isinstance(padding, str):
        return None  # torch refuses other words
    geometry = _Geometry(_each(stride, n), _each(padding, n), dilation, False, (0,) * n, groups)  # noqa: FBT003
    return _convolution(input, weight, bias, geometry)


def _convolve_transposed(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
) -> Tensor | None:
    n = weight.ndim - 2
    stride, more = _each(stride, n), _each(output_padding, n)
    if any(pixels >= step for pixels, step in zip(more, stride, strict=True)):
        return None  # its adjoint would return more pixels
    geometry = _Geometry(stride, _each(padding, n), _each(dilation, n), True, more, groups)  # noqa: FBT003
    return _convolution(input, weight, bias, geometry)


def _convolution(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: _Geometry) -> Tensor | None:
    if x.ndim != weight.ndim or not x.is_floating_point():
        return None
    kind = x.device.type
    if torch.is_autocast_enabled(kind):
        low = torch.get_autocast_dtype(kind)
        x, weight = _lower(x, low), _lower(weight, low)
        bias = None if bias is None else _lower(bias, low)
    return cast(Tensor, _Convolution.apply(x, weight, bias, geometry))


def _lower(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x if x.dtype == torch.float64 else x.to(dtype)  # as autocast does


def _each(value: int | Sequence[int], n: int) -> tuple[int, ...]:
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * n if len(values) == 1 else values


class _Rectifier(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float, inplace: bool) -> Tensor:
        if inplace:
            ctx.mark_dirty(x)
        y = functional.leaky_relu(x, slope, inplace) if slope else functional.relu(x, inplace)
        ctx.save_for_backward(y)
        ctx.slope = slope
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        # Outputs have the signs of inputs. Detached, for the derivative by them is zero.
        y = ctx.saved_tensors[0].detach()
        if not ctx.slope:
            return _aten.threshold_backward(gradient, y, 0), None, None
        of_output = True
        return _aten.leaky_relu_backward(gradient, y, ctx.slope, of_output), None, None


def _leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor | None:
    if negative_slope < 0 or not input.is_floating_point():
        return None
    return cast(Tensor, _Rectifier.apply(input, negative_slope, inplace))


def _relu(input: Tensor, inplace: bool = False) -> Tensor | None:
    return _leaky_relu(input, 0.0, inplace)


class _MeanPool(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, window: tuple[Any, ...]) -> Tensor:
        ctx.save_for_backward(x)
        ctx.window = window
        return _aten.avg_pool2d(x, *window)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        x = ctx.saved_tensors[0].detach()  # only its shape matters
        return _aten.avg_pool2d_backward(gradient, x, *ctx.window), None


def _mean_pool(
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor | None:
    kernel = _each(kernel_size, 2)
    steps = kernel if stride is None else _each(stride, 2)
    window = (kernel, steps, _each(padding, 2), ceil_mode, count_include_pad, divisor_override)
    return cast(Tensor, _MeanPool.apply(input, window))


# Each has the signature of what it replaces, and returns None where it does not serve.
REPLACEMENTS: dict[Any, Callable[..., Tensor | None]] = {
    torch.conv1d: _convolve,
    torch.conv2d: _convolve,
    torch.conv3d: _convolve,
    torch.conv_transpose1d: _convolve_transposed,
    torch.conv_transpose2d: _convolve_transposed,
    torch.conv_transpose3d: _convolve_transposed,
    functional.leaky_relu: _leaky_relu,
    functional.leaky_relu_: partial(_leaky_relu, inplace=True),
    functional.relu: _relu,
    torch.relu: _relu,
    torch.relu_: partial(_relu, inplace=True),
    Tensor.relu: _relu,
    Tensor.relu_: partial(_relu, inplace=True),
    functional.avg_pool2d: _mean_pool,
}
