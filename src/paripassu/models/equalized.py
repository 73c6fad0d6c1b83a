"""Layers with an equalized learning rate, and the low-pass filter of StyleGAN2.

Weights start as N(0, 1) and are divided by the root of their fan-in when used, so that an optimizer which
steps equally far in every weight (Adam, layer-wise nSGDA) changes every layer equally fast.

Karras et al. 2018, arXiv:1710.10196, Sec. 4.1; the filter and modulated convolutions: Karras et al. 2020,
arXiv:1912.04958, Sec. 2.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_SLOPE = 0.2
_EPS = 1e-8


def rectify(x: Tensor) -> Tensor:
    """Leaky ReLU that keeps second moments of about normal inputs."""
    return math.sqrt(2) * functional.leaky_relu(x, _SLOPE)


class EqualLinear(nn.Module):
    """``x W^T gain + b``.

    Args:
        fan_in: length of inputs.
        fan_out: length of outputs.
        bias: its value at the start.
        lr_multiplier: how fast the layer learns: parameters are kept larger by its inverse.
    """

    def __init__(self, fan_in: int, fan_out: int, *, bias: float = 0.0, lr_multiplier: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((fan_out,), bias / lr_multiplier))
        self._multiplier = lr_multiplier
        self._gain = lr_multiplier / math.sqrt(fan_in)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, fan_in]`` to ``[B, fan_out]``."""
        return functional.linear(x, self.weight * self._gain, self.bias * self._multiplier)


class EqualConv(nn.Module):
    """A convolution at one resolution, or through the filter to half of it.

    Args:
        fan_in: input channels.
        fan_out: output channels.
        size: of the kernel, 1 or 3.
        bias: whether there is one; it starts at 0.
        down: the filter in front of a stride of 2; None keeps the resolution.
    """

    def __init__(
        self, fan_in: int, fan_out: int, size: int, *, bias: bool = True, down: "LowPass | None" = None
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in, size, size))
        self.bias = nn.Parameter(torch.zeros(fan_out)) if bias else None
        self._gain = 1 / math.sqrt(fan_in * size**2)
        self._down = down

    def forward(self, x: Tensor) -> Tensor:
        """``[B, fan_in, R, R]`` to ``[B, fan_out, R, R]`` or half the resolution."""
        weight = self.weight * self._gain
        size = weight.shape[-1]
        if self._down is None:
            return functional.conv2d(x, weight, self.bias, padding=size // 2)
        if size == 1:
            return functional.conv2d(self._down.downsample(x), weight, self.bias)
        return functional.conv2d(self._down.blur(x, 2), weight, self.bias, stride=2)


def modulated_convolution(
    x: Tensor, weight: Tensor, style: Tensor, *, demodulate: bool, up: "LowPass | None" = None
) -> Tensor:
    """Convolve each sample with its own weights ``w'_oik = s_i w_oik``.

        w″_oik = w′_oik / √(Σ_ik w′_oik² + ε)

    Scaling inputs by ``s_i`` and outputs by the root is the same map with one weight for the whole batch.

    Args:
        x: ``[B, I, R, R]``.
        weight: ``[O, I, k, k]``.
        style: ``[B, I]``.
        demodulate: whether each sample's weights are brought to unit norm per output channel.
        up: the filter behind a transposed convolution of stride 2; None keeps the resolution.

    Returns:
        ``[B, O, R, R]``, or twice the resolution.

    Source: Karras et al. 2020, arXiv:1912.04958, Eqs. 1 and 3.
    """
    y = x * style[:, :, None, None]
    if up is None:
        y = functional.conv2d(y, weight, padding=weight.shape[-1] // 2)
    else:
        y = up.blur(functional.conv_transpose2d(y, weight.transpose(0, 1), stride=2), 1, gain=4.0)
    if demodulate:
        squares = style.square() @ weight.square().sum(dim=(2, 3)).T
        y = y * (squares + _EPS).rsqrt()[:, :, None, None]
    return y


class LowPass(nn.Module):
    """The separable filter [1, 3, 3, 1] / 8, and resampling by 2 through it."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("kernel", torch.outer(taps, taps)[None, None], persistent=False)

    def blur(self, x: Tensor, padding: int, gain: float = 1.0) -> Tensor:
        """Filtered ``[B, C, R, R]`` with zeros around: ``R + 2 padding - 3`` px."""
        return functional.conv2d(x, self._each(x, gain), padding=padding, groups=x.shape[1])

    def downsample(self, x: Tensor) -> Tensor:
        """Half the resolution."""
        return functional.conv2d(x, self._each(x), stride=2, padding=1, groups=x.shape[1])

    def upsample(self, x: Tensor) -> Tensor:
        """Twice the resolution: zeros between the pixels, then the filter at four times its weight."""
        return functional.conv_transpose2d(x, self._each(x, 4.0), stride=2, padding=1, groups=x.shape[1])

    def _each(self, x: Tensor, gain: float = 1.0) -> Tensor:
        return (self.kernel * gain).expand(x.shape[1], -1, -1, -1)
