"""Networks from a function, for those who do not want to write a class."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from paripassu.models.architecture import Architecture, Pair
from paripassu.sizes import check_sizes

Function = Callable[..., tuple[nn.Module, nn.Module]]


@dataclass(frozen=True)
class FromFunction(Architecture):
    """The two networks that a function returns.

    Args:
        function: of the samples' shape and the length of z; returns a generator ``[B, latent] ->
            [B, *shape]`` and a discriminator ``[B, *shape] -> [B]``, initialised from torch's global
            generator. If it has a parameter ``classes``, its networks may be conditional: that many
            classes, or 0 for networks that take no labels.
        latent: length of z, >= 1.

    Example:
        >>> def linear(shape, latent):
        ...     return nn.Linear(latent, *shape), nn.Sequential(nn.Linear(*shape, 1), nn.Flatten(0))
        >>> FromFunction(linear, 2).build((5,)).generator
        Linear(in_features=2, out_features=5, bias=True)
    """

    function: Function
    latent: int = 64

    def __post_init__(self) -> None:
        check_sizes(1, latent=self.latent)

    @property
    def name(self) -> str:
        """The function's."""
        return self.function.__name__

    def build(self, shape: tuple[int, ...]) -> Pair:
        """What the function returns for ``shape``.

        Raises:
            ValueError: these are not two networks.
        """
        return self._made(self.function(shape, self.latent))

    @property
    def has_conditional(self) -> bool:
        """Whether the function has a parameter ``classes``."""
        return "classes" in inspect.signature(self.function).parameters

    def build_conditional(self, shape: tuple[int, ...], classes: int) -> Pair:
        """What the function returns for ``shape`` and ``classes``.

        Raises:
            ValueError: these are not two networks, or the function takes no ``classes``.
        """
        if not self.has_conditional:
            raise ValueError(
                f"{self.name} has no conditional form for {classes} classes: give it a parameter classes=0, "
                "or leave --conditional out"
            )
        return self._made(self.function(shape, self.latent, classes=classes))

    def _made(self, made: Any) -> Pair:
        if not (
            isinstance(made, tuple | list)
            and len(made) == 2  # pyright: ignore[reportUnknownArgumentType] - whatever a person returns
            and all(isinstance(network, nn.Module) for network in made)
        ):
            raise ValueError(
                f"{self.name} returned {type(made).__name__}, not two networks: "
                "return the generator and the discriminator"
            )
        return Pair(*made)
