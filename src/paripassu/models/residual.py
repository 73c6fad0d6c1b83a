"""Residual networks between images and one number, as WGAN-GP and SNGAN share them.

A block adds a shortcut to two 3 x 3 convolutions; the generator's double the resolution (nearest neighbour),
the discriminator's halve it (mean of 2 x 2). Nearest upsampling and mean pooling commute with 1 x 1
convolutions, so shortcuts convolve at the lower resolution, whatever the order in the sources: the same
function at a quarter of the cost.

Gulrajani et al. 2017, arXiv:1704.00028, App. F; Miyato et al. 2018, arXiv:1802.05957, App. B.4. Conditional:
Miyato & Koyama 2018, arXiv:1802.05637.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from paripassu.models.conditional import Chain, ConditionalBatchNorm, Projection, TakesLabels

Pool = Literal["mean", "sum"]
Wrap = Callable[[nn.Module], nn.Module]


class Residual(nn.Module):
    """The sum of two paths."""

    def __init__(self, main: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.main = main
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """``main(x) + shortcut(x)``."""
        return self.main(x) + self.shortcut(x)


class ConditionalResidual(TakesLabels):
    """The sum of two paths, of which the first takes labels."""

    def __init__(self, main: Chain, shortcut: nn.Module) -> None:
        super().__init__()
        self.main = main
        self.shortcut = shortcut

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """``main(x, labels) + shortcut(x)``."""
        return self.main(x, labels) + self.shortcut(x)


class _Pooled(nn.Module):
    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self.pool: Pool = pool

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3)) if self.pool == "mean" else x.sum(dim=(2, 3))


def generator(latent: int, start: int, widths: Sequence[int], channels: int, classes: int = 0) -> nn.Module:
    """``[B, latent]`` to ``[B, channels, R, R]`` in [-1, 1].

    Args:
        latent: length of z.
        start: resolution of the first feature maps; each block doubles it.
        widths: channels of the first feature maps and of each block's output.
        channels: of the images.
        classes: of the labels that it takes, by the batch normalisation of its blocks; 0 for none.
    """
    first = _initialised(nn.Linear(latent, start**2 * widths[0]))
    blocks = [_up(fan_in, fan_out, classes) for fan_in, fan_out in pairwise(widths)]
    last = _convolution(widths[-1], channels, 3, gain=1.0)
    unflat = nn.Unflatten(1, (widths[0], start, start))
    layers = [first, unflat, *blocks, nn.BatchNorm2d(widths[-1]), nn.ReLU(), last, nn.Tanh()]
    return Chain(*layers) if classes else nn.Sequential(*layers)


def discriminator(
    channels: int,
    widths: Sequence[int],
    halvings: int,
    pool: Pool,
    wrap: Wrap = lambda layer: layer,
    classes: int = 0,
) -> nn.Module:
    """``[B, channels, R, R]`` to ``[B]``.

    Args:
        channels: of the images.
        widths: channels of each block's output.
        halvings: how many blocks, from the first, halve the resolution.
        pool: how the last feature maps become one number each.
        wrap: applied to each convolution, linear layer and embedding.
        classes: of the labels that it takes, by a projection; 0 for none.
    """
    blocks = [
        _down(fan_in, fan_out, halve=i < halvings, first=i == 0, wrap=wrap)
        for i, (fan_in, fan_out) in enumerate(pairwise([channels, *widths]))
    ]
    last = wrap(_initialised(nn.Linear(widths[-1], 1)))
    if classes:
        embedding = nn.Embedding(classes, widths[-1])
        nn.init.xavier_uniform_(embedding.weight)
        features = nn.Sequential(*blocks, nn.ReLU(), _Pooled(pool))
        return Projection(features, nn.Sequential(last, nn.Flatten(0)), wrap(embedding))
    return nn.Sequential(*blocks, nn.ReLU(), _Pooled(pool), last, nn.Flatten(0))


def _up(fan_in: int, fan_out: int, classes: int) -> nn.Module:
    double = nn.Upsample(scale_factor=2)
    norm = partial(ConditionalBatchNorm, classes) if classes else nn.BatchNorm2d
    main = [
        *[norm(fan_in), nn.ReLU(), double, _convolution(fan_in, fan_out, 3)],
        *[norm(fan_out), nn.ReLU(), _convolution(fan_out, fan_out, 3)],
    ]
    shortcut = nn.Sequential(_convolution(fan_in, fan_out, 1), double)
    if classes:
        return ConditionalResidual(Chain(*main), shortcut)
    return Residual(nn.Sequential(*main), shortcut)


def _down(fan_in: int, fan_out: int, *, halve: bool, first: bool, wrap: Wrap) -> Residual:
    halving = [nn.AvgPool2d(2)] if halve else []
    hidden = fan_out if first else fan_in
    main = nn.Sequential(
        *([] if first else [nn.ReLU()]),  # images are not rectified
        *[wrap(_convolution(fan_in, hidden, 3)), nn.ReLU(), wrap(_convolution(hidden, fan_out, 3)), *halving],
    )
    learned = [wrap(_convolution(fan_in, fan_out, 1))] if halve or fan_in != fan_out else []
    return Residual(main, nn.Sequential(*halving, *learned))


def _convolution(fan_in: int, fan_out: int, size: int, gain: float | None = None) -> nn.Module:
    # He's gain before a rectifier; 1 x 1 shortcuts have none behind them.
    gain = gain or (math.sqrt(2) if size > 1 else 1.0)
    return _initialised(nn.Conv2d(fan_in, fan_out, size, padding=size // 2), gain)


def _initialised(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> nn.Module:
    nn.init.xavier_uniform_(layer.weight, gain)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
