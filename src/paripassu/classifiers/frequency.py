r"""Frequencies of digits: the cosine transform, and images without one frequency.

With orthonormal cosines, :math:`c_i(x) = s_i \cos(\pi (2x + 1) i / 16)`, an image is a sum of 64 patterns
:math:`c_i(x) c_j(y)`. Digits have a little of each. The least is at (7, 1), 0.09 of a mean length of 3.5.
"""

from functools import cache

import torch
from torch import Tensor

from paripassu.data.digits import SIDE

Frequency = tuple[int, int]
"""How often the pattern changes its sign from top to bottom, and from left to right; each in 0..7."""


@cache
def cosines() -> Tensor:
    """``[8, 8]``: orthonormal rows, row i with i changes of sign; float64."""
    i, x = torch.arange(SIDE, dtype=torch.float64).unsqueeze(1), torch.arange(SIDE, dtype=torch.float64)
    rows = torch.cos(torch.pi * (2 * x + 1) * i / (2 * SIDE))
    return rows / rows.norm(dim=1, keepdim=True)


def pattern(frequency: Frequency) -> Tensor:
    """The image ``[8, 8]`` of length 1 of a frequency.

    Raises:
        ValueError: not two whole numbers in 0..7.

    Example:
        >>> from paripassu.classifiers import pattern
        >>> float((pattern((7, 1)) * pattern((7, 2))).sum().abs()) < 1e-15
        True
    """
    if len(frequency) != 2 or not all(number in range(SIDE) for number in frequency):
        raise ValueError(f"a frequency is two numbers in 0..{SIDE - 1}, got {frequency}")
    down, across = map(int, frequency)
    return torch.outer(cosines()[down], cosines()[across])


def amount(images: Tensor, frequency: Frequency) -> Tensor:
    """How much of a frequency images ``[..., 8, 8]`` have, ``[...]``; it may be negative.

    Example:
        >>> import torch
        >>> from paripassu.classifiers import amount
        >>> round(float(amount(torch.ones(8, 8), (0, 0))), 6)
        8.0
    """
    return (images * pattern(frequency).to(images.dtype)).sum(dim=(-2, -1))


def without_frequency(images: Tensor, frequency: Frequency) -> Tensor:
    """Images ``[..., 8, 8]`` with the frequency projected out, so that `amount` is 0 up to rounding.

    Example:
        >>> import torch
        >>> from paripassu.classifiers import amount, without_frequency
        >>> images = without_frequency(torch.rand(5, 8, 8, dtype=torch.float64), (7, 1))
        >>> bool(amount(images, (7, 1)).abs().max() < 1e-15)
        True
    """
    own = pattern(frequency).to(images.dtype)
    return images - amount(images, frequency)[..., None, None] * own
