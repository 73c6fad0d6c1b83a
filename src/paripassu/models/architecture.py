"""What every architecture is: settings that build a generator and a discriminator for a sample shape."""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple, Self

from torch import nn


class Pair(NamedTuple):
    """A generator ``[B, latent] -> [B, *shape]`` and a discriminator ``[B, *shape] -> [B]``.

    Whatever they draw beyond the latents, such as noise, comes from torch's global generator, which the
    trainer seeds for every step.
    """

    generator: nn.Module
    discriminator: nn.Module


class Architecture(ABC):
    """A generator and a discriminator that are tuned as a pair: a frozen dataclass of settings.

    Subclasses set `latent` and write `build`. The other properties say which options of a run the networks
    support; their defaults fit plain convolutional or linear networks.

    Attributes:
        resolutions: in px, rising, of the square images that it makes and nothing else; empty for samples of
            any shape.
        latent: length of z, the generator's input.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Linear(Architecture):
        ...     latent: int = 2
        ...     def build(self, shape):
        ...         discriminator = nn.Sequential(nn.Linear(*shape, 1), nn.Flatten(0))
        ...         return Pair(nn.Linear(self.latent, *shape), discriminator)
        >>> Linear().build((5,)).generator
        Linear(in_features=2, out_features=5, bias=True)
    """

    resolutions: ClassVar[tuple[int, ...]] = ()
    latent: int

    @property
    def name(self) -> str:
        """A short name for tables and files; by default the class's in lower case."""
        return type(self).__name__.lower()

    @property
    def has_styles(self) -> bool:
        """Whether the generator is a `paripassu.games.StyleBased`, whose path length can be regularised."""
        return False

    @property
    def has_channels(self) -> bool:
        """Whether there are images inside the networks, whose channels may come last in memory."""
        return True

    @property
    def mixes_samples(self) -> bool:
        """Whether a logit depends on other samples of the batch too, as under batch normalisation.

        A gradient penalty needs a discriminator that does not.
        """
        return False

    def unmixed(self) -> Self:
        """The same networks with a discriminator that does not mix samples.

        Raises:
            ValueError: there are none.
        """
        if self.mixes_samples:
            raise ValueError(f"{self.name}'s discriminator mixes samples: leave the gradient penalty out")
        return self

    @property
    def has_conditional(self) -> bool:
        """Whether `build_conditional` makes networks for data with labels."""
        return type(self).build_conditional is not Architecture.build_conditional

    def build_conditional(self, shape: tuple[int, ...], classes: int) -> Pair:  # noqa: ARG002 - the interface's
        """Fresh networks that also take labels ``[B]``, int64 in 0..classes-1, as their second argument.

        Args:
            shape: as for `build`.
            classes: how many, >= 2.

        Raises:
            ValueError: as for `build`, or the architecture has no conditional form.
        """
        raise ValueError(
            f"{self.name} has no conditional form for {classes} classes: choose --model dcgan or sngan, "
            "or leave --conditional out"
        )

    @abstractmethod
    def build(self, shape: tuple[int, ...]) -> Pair:
        """Fresh networks for samples of ``shape``, initialised from torch's global generator.

        Raises:
            ValueError: the architecture cannot make this shape; the message says which it can.
        """

    def square(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Channels and resolution of square images, for architectures that make nothing else.

        Raises:
            ValueError: ``shape`` is no image's, or its resolution is not among the `resolutions`.
        """
        if len(shape) != 3:
            raise ValueError(f"{self.name} makes images, not points: choose --model mlp for this data")
        channels, height, width = shape
        if height != width or height not in self.resolutions:
            *most, last = map(str, self.resolutions)
            listed = f"{', '.join(most)} or {last}" if most else last
            raise ValueError(f"{self.name} makes square images of {listed} px, not {height} x {width}")
        return channels, height
