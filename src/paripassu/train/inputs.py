"""The samples and random numbers of a round, drawn before it into memory that stays where it is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from paripassu.data import Samples
from paripassu.games import Draws


class _Input(NamedTuple):
    draw: Callable[[torch.Generator], Tensor]
    memory: Tensor


class Inputs:
    """What the rounds of one kind draw, in the order of its use.

    Each of these rounds draws the same sizes. So all can be drawn before a round, in its order, and are what
    the round would draw itself.

    Example:
        >>> inputs = Inputs()
        >>> places = set()
        >>> for seed in range(3):
        ...     inputs.begin(torch.Generator().manual_seed(seed))
        ...     drawn = InputDraws(torch.Generator(), inputs=inputs).uniform((4,))
        ...     places.add(drawn.data_ptr())
        >>> len(places), torch.equal(drawn, torch.rand(4, generator=torch.Generator().manual_seed(2)))
        (1, True)
    """

    def __init__(self) -> None:
        self._inputs: list[_Input] = []
        self._used = 0
        self._generator: torch.Generator | None = None

    def begin(self, generator: torch.Generator) -> None:
        """Draw all inputs that are known from earlier rounds."""
        self._used, self._generator = 0, generator
        for draw, memory in self._inputs:
            memory.copy_(draw(generator))

    def take(self, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
        """The next input; drawn now if no earlier round had it."""
        if self._used == len(self._inputs):
            assert self._generator is not None
            # A copy: a draw may be a view of the data.
            self._inputs.append(_Input(draw, draw(self._generator).clone()))
        self._used += 1
        return self._inputs[self._used - 1].memory


@dataclass(frozen=True)
class InputSamples(Samples):
    """Data whose draws are inputs."""

    real: Samples
    inputs: Inputs

    @property
    def shape(self) -> tuple[int, ...]:
        """The data's."""
        return self.real.shape

    def draw(self, count: int, generator: torch.Generator) -> Tensor:  # noqa: ARG002 - inputs have one
        """The next input, of ``count`` samples."""
        return self.inputs.take(lambda numbers: self.real.draw(count, numbers))


@dataclass(frozen=True)
class InputDraws(Draws):
    """Random numbers that are inputs."""

    inputs: Inputs = field(default_factory=Inputs)

    def _drawn(self, draw: Callable[..., Tensor], shape: tuple[int, ...], options: dict[str, Any]) -> Tensor:
        return self.inputs.take(lambda numbers: draw(shape, generator=numbers, **options))
