"""Damage to images of digits, in five severities: noise, blur, contrast, occlusion, shift.

After the idea of Hendrycks & Dietterich 2019, arXiv:1903.12261; kinds and sizes are ours.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

SEVERITIES = (1, 2, 3, 4, 5)
Corruption = Callable[[Tensor, int, torch.Generator], Tensor]


def noise(images: Tensor, severity: int, rng: torch.Generator) -> Tensor:
    """Normal noise of standard deviation 0.08 times the severity."""
    return images + 0.08 * severity * torch.randn(images.shape, generator=rng, dtype=images.dtype)


def blur(images: Tensor, severity: int, rng: torch.Generator) -> Tensor:
    """A fifth of the way to the mean over 3 x 3 pixels for each severity."""
    del rng
    mean = avg_pool2d(images.unsqueeze(1), 3, stride=1, padding=1).squeeze(1)
    return torch.lerp(images, mean, severity / 5)


def contrast(images: Tensor, severity: int, rng: torch.Generator) -> Tensor:
    """0.17 times the severity of the way to each image's mean."""
    del rng
    return torch.lerp(images, images.mean(dim=(1, 2), keepdim=True).expand_as(images), 0.17 * severity)


def occlusion(images: Tensor, severity: int, rng: torch.Generator) -> Tensor:
    """As many random rows as the severity, halved and rounded up, are black."""
    rows = torch.rand(images.shape[:2], generator=rng).argsort(dim=1) < (severity + 1) // 2
    return images * (~rows).unsqueeze(2)


def shift(images: Tensor, severity: int, rng: torch.Generator) -> Tensor:
    """To the left or right by 0.4 pixels for each severity, between pixels linearly."""
    pixels = 0.4 * severity
    whole = int(pixels)
    wide = pad(images, (3, 3))
    side = images.shape[2]

    def moved(by: int) -> Tensor:
        return wide[:, :, 3 + by : 3 + by + side]

    right, left = (
        torch.lerp(moved(sign * whole), moved(sign * (whole + 1)), pixels - whole) for sign in (-1, 1)
    )
    to_right = torch.rand((len(images), 1, 1), generator=rng) < 0.5
    return torch.where(to_right, right, left)


CORRUPTIONS: Mapping[str, Corruption] = {
    "noise": noise, "blur": blur, "contrast": contrast, "occlusion": occlusion, "shift": shift,
}  # fmt: skip
"""Each takes images ``[N, 8, 8]`` in [0, 1], a severity in 1..5 and a generator, and returns images."""
