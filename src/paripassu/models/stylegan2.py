"""StyleGAN2 in plain torch: a mapping network, modulated convolutions, noise; a residual discriminator.

Karras et al. 2020, arXiv:1912.04958; mapping, mixing and noise from StyleGAN (arXiv:1812.04948), minibatch
standard deviation from progressive GANs (arXiv:1710.10196); sizes and constants as in StyleGAN2-ADA
(arXiv:2006.06676), its plain discriminator for CIFAR-10 among them. Left out: its adaptive augmentation, half
precision and the truncation of styles.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from paripassu.models.architecture import Architecture, Pair
from paripassu.models.equalized import EqualConv, EqualLinear, LowPass, modulated_convolution, rectify
from paripassu.sizes import check_sizes

_START = 4  # px of the generator's first and of the discriminator's last feature maps
_CHANNELS_TIMES_PX = 32768
_MAPPING_LR = 0.01
_EPS = 1e-8


@dataclass(frozen=True)
class StyleGAN2(Architecture):
    """Skip generator, residual or plain discriminator, one channel of minibatch standard deviation.

    At R px a layer has ``min(32768 fmaps / R, width)`` channels.

    Args:
        latent: length of z and of styles, >= 1.
        width: most channels of a layer, >= 1.
        fmaps: scale of the channels that fall with the resolution, > 0; 1 for 1024 px, 0.5 for 256 px.
        mapping_depth: linear layers from z to the style, >= 1.
        mixing: probability, in [0, 1], that a training sample takes its later layers' styles from another z.
        deviation_group: samples, >= 1, whose standard deviation the discriminator sees; where they do not
            divide the batch, as many as divide both.
        residual: whether the discriminator's blocks have shortcuts.
    """

    resolutions: ClassVar = tuple(2**i for i in range(3, 11))
    latent: int = 512
    width: int = 512
    fmaps: float = 0.5
    mapping_depth: int = 8
    mixing: float = 0.9
    deviation_group: int = 4
    residual: bool = True

    def __post_init__(self) -> None:
        check_sizes(1, latent=self.latent, width=self.width, mapping_depth=self.mapping_depth)
        check_sizes(1, deviation_group=self.deviation_group)
        if not (self.fmaps > 0 and math.isfinite(self.fmaps)):
            raise ValueError(f"fmaps must be finite and > 0, got {self.fmaps}")
        if not 0.0 <= self.mixing <= 1.0:
            raise ValueError(f"mixing must be in [0, 1], got {self.mixing}")

    @property
    def name(self) -> str:
        """``"stylegan2"``."""
        return "stylegan2"

    @property
    def has_styles(self) -> bool:
        """Always."""
        return True

    def build(self, shape: tuple[int, ...]) -> Pair:
        """Networks for square images of 8, 16, 32, ..., 1024 px."""
        channels, resolution = self.square(shape)
        sizes = [_START * 2**i for i in range((resolution // _START).bit_length())]
        widths = [max(1, min(int(_CHANNELS_TIMES_PX * self.fmaps) // size, self.width)) for size in sizes]
        return Pair(
            StyleGenerator(self.latent, self.mapping_depth, widths, channels, self.mixing),
            _discriminator(widths[::-1], channels, self.deviation_group, residual=self.residual),
        )


class StyleGenerator(nn.Module):
    """z to a style for each layer to an image.

    Attributes:
        mean_path_length: running mean that path length regularisation keeps here, so that it is saved with
            the weights; 0 at the start.
    """

    mean_path_length: Tensor

    def __init__(self, latent: int, depth: int, widths: list[int], channels: int, mixing: float) -> None:
        """``widths`` are the channels at 4, 8, ... px."""
        super().__init__()
        self._latent, self._mixing = latent, mixing
        linear = [EqualLinear(latent, latent, lr_multiplier=_MAPPING_LR) for _ in range(depth)]
        self.mapping = nn.Sequential(*[part for layer in linear for part in (layer, _Rectified())])
        self.constant = nn.Parameter(torch.randn(widths[0], _START, _START))
        low_pass = LowPass()
        self.first = _Layer(latent, widths[0], widths[0])
        self.up = nn.ModuleList(_Layer(latent, *pair, low_pass) for pair in pairwise(widths))
        self.level = nn.ModuleList(_Layer(latent, width, width) for width in widths[1:])
        self.to_image = nn.ModuleList(_ToImage(latent, width, channels) for width in widths)
        self.low_pass = low_pass
        self.register_buffer("mean_path_length", torch.zeros([]))

    def forward(self, z: Tensor) -> Tensor:
        """``[B, latent]`` to ``[B, channels, R, R]``, about in [-1, 1]."""
        return self.synthesise(self.styles(z))

    def styles(self, z: Tensor) -> Tensor:
        """``[B, latent]`` to a style for each layer, ``[B, layers, latent]``; in training some are mixed."""
        layers = 2 * len(self.to_image)
        styles = self._style(z)[:, None].expand(-1, layers, -1)
        if not (self.training and self._mixing):
            return styles
        other = self._style(torch.randn_like(z))[:, None]
        mixed = torch.rand(len(z), 1, device=z.device) < self._mixing
        crossover = torch.randint(1, layers, (len(z), 1), device=z.device)
        late = torch.arange(layers, device=z.device) >= crossover
        return torch.where((mixed & late)[:, :, None], other, styles)

    def synthesise(self, styles: Tensor) -> Tensor:
        """Styles ``[B, layers, latent]`` to images."""
        each = styles.unbind(dim=1)
        x = self.first(self.constant.expand(len(styles), -1, -1, -1), each[0])
        image = self.to_image[0](x, each[1])
        # An image layer shares its style with the next block's first layer.
        blocks = zip(self.up, self.level, self.to_image[1:], strict=True)
        for i, (up, level, to_image) in enumerate(blocks, start=1):
            x = level(up(x, each[2 * i - 1]), each[2 * i])
            image = self.low_pass.upsample(image) + to_image(x, each[2 * i + 1])
        return image

    def _style(self, z: Tensor) -> Tensor:
        return self.mapping(z * (z.square().mean(dim=1, keepdim=True) + _EPS).rsqrt())


class _Layer(nn.Module):
    """A modulated convolution, noise, a bias, a rectifier."""

    def __init__(self, latent: int, fan_in: int, fan_out: int, up: LowPass | None = None) -> None:
        super().__init__()
        self.affine = EqualLinear(latent, fan_in, bias=1.0)
        # Not equalized: demodulation undoes any scale.
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in, 3, 3))
        self.bias = nn.Parameter(torch.zeros(fan_out))
        self.noise = nn.Parameter(torch.zeros([]))
        self._up = up

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        y = modulated_convolution(x, self.weight, self.affine(style), demodulate=True, up=self._up)
        noise = torch.randn(len(y), 1, *y.shape[2:], dtype=y.dtype, device=y.device)
        return rectify(y + self.noise * noise + self.bias[:, None, None])


class _ToImage(nn.Module):
    """A modulated 1 x 1 convolution to image channels, not demodulated."""

    def __init__(self, latent: int, fan_in: int, channels: int) -> None:
        super().__init__()
        self.affine = EqualLinear(latent, fan_in, bias=1.0)
        self.weight = nn.Parameter(torch.randn(channels, fan_in, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))
        self._gain = 1 / math.sqrt(fan_in)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        weight = self.weight * self._gain
        y = modulated_convolution(x, weight, self.affine(style), demodulate=False)
        return y + self.bias[:, None, None]


def _discriminator(widths: list[int], channels: int, group: int, *, residual: bool) -> nn.Module:
    # ``widths`` from the image down to 4 px.
    low_pass = LowPass()
    blocks = [_Down(fan_in, fan_out, low_pass, residual=residual) for fan_in, fan_out in pairwise(widths)]
    last = widths[-1]
    return nn.Sequential(
        *[EqualConv(channels, widths[0], 1), _Rectified(), *blocks],
        *[_MinibatchStd(group), EqualConv(last + 1, last, 3), _Rectified(), nn.Flatten()],
        *[EqualLinear(last * _START**2, last), _Rectified(), EqualLinear(last, 1), nn.Flatten(0)],
    )


class _Down(nn.Module):
    """Two convolutions to half the resolution, and a shortcut beside them, summed at unit variance."""

    def __init__(self, fan_in: int, fan_out: int, low_pass: LowPass, *, residual: bool) -> None:
        super().__init__()
        self.level = EqualConv(fan_in, fan_in, 3)
        self.down = EqualConv(fan_in, fan_out, 3, down=low_pass)
        self.shortcut = EqualConv(fan_in, fan_out, 1, bias=False, down=low_pass) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        y = rectify(self.down(rectify(self.level(x))))
        return y if self.shortcut is None else (y + self.shortcut(x)) * math.sqrt(0.5)


class _MinibatchStd(nn.Module):
    """Appends the mean standard deviation within groups of samples."""

    def __init__(self, group: int) -> None:
        super().__init__()
        self._group = group

    def forward(self, x: Tensor) -> Tensor:
        grouped = x.unflatten(0, (math.gcd(len(x), self._group), -1))
        deviation = (grouped.var(dim=0, correction=0) + _EPS).sqrt().mean(dim=(1, 2, 3))
        each = deviation.repeat(len(grouped))[:, None, None, None]
        return torch.cat([x, each.expand(-1, -1, *x.shape[2:])], dim=1)


class _Rectified(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return rectify(x)
