"""Mixtures of Gaussians in the plane, where the modes that a generator reaches can be counted.

Protocols of VEEGAN (Srivastava et al. 2017, arXiv:1705.07761) and PacGAN (Lin et al. 2018, arXiv:1712.04086).
"""

import math
from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from paripassu.data.source import Modes, Samples, Source
from paripassu.sizes import check_sizes


@dataclass(frozen=True)
class MixtureSamples(Samples):
    """Equally likely isotropic Gaussians.

    Attributes:
        centres: ``[K, 2]``.
        std: standard deviation of each coordinate of a mode.
    """

    centres: Tensor
    std: float

    @property
    def shape(self) -> tuple[int, ...]:
        """``[2]``."""
        return (2,)

    @property
    def modes(self) -> Modes:
        """The Gaussians."""
        return Modes(self.centres, self.std)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """``[count, 2]`` points."""
        device = self.centres.device
        modes = torch.randint(len(self.centres), (count,), generator=generator, device=device)
        return self.centres[modes] + self.std * torch.randn((count, 2), generator=generator, device=device)


class Mixture(Source):
    """A mixture by its centres and its spread."""

    std: float

    @abstractmethod
    def centres(self) -> Tensor:
        """``[K, 2]``, float32."""

    def load(self, device: torch.device) -> MixtureSamples:
        """The mixture on ``device``; nothing is read."""
        return MixtureSamples(self.centres().to(device), self.std)


@dataclass(frozen=True)
class Ring(Mixture):
    """Modes on a circle.

    Args:
        modes: how many, >= 1.
        radius: of the circle, > 0.
        std: of each coordinate of a mode, > 0.
    """

    modes: int = 8
    radius: float = 2.0
    std: float = 0.02

    def __post_init__(self) -> None:
        _check(self.modes, "modes", self.radius, "radius", self.std)

    @property
    def name(self) -> str:
        """``"ring8"`` for eight modes."""
        return f"ring{self.modes}"

    def centres(self) -> Tensor:
        """``[modes, 2]``, from angle 0 counter-clockwise."""
        angles = torch.arange(self.modes) * (2 * math.pi / self.modes)
        return self.radius * torch.stack([angles.cos(), angles.sin()], dim=1)


@dataclass(frozen=True)
class Grid(Mixture):
    """Modes on a square grid around the origin.

    Args:
        side: modes along each axis, >= 1.
        spacing: between neighbours, > 0.
        std: of each coordinate of a mode, > 0.
    """

    side: int = 5
    spacing: float = 2.0
    std: float = 0.05

    def __post_init__(self) -> None:
        _check(self.side, "side", self.spacing, "spacing", self.std)

    @property
    def name(self) -> str:
        """``"grid25"`` for five by five."""
        return f"grid{self.side**2}"

    def centres(self) -> Tensor:
        """``[side * side, 2]``, row by row."""
        axis = self.spacing * (torch.arange(self.side) - (self.side - 1) / 2)
        return torch.cartesian_prod(axis, axis)


def _check(count: int, count_name: str, length: float, length_name: str, std: float) -> None:
    check_sizes(1, **{count_name: count})
    for name, value in ((length_name, length), ("std", std)):
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name} must be finite and > 0, got {value}")
