"""The samples and random numbers of a round, drawn before it into memory that stays where it is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from paripassu.data import Batch, Samples
from paripassu.games import Draws

Drawn = tuple[Tensor, ...]


class _Input(NamedTuple):
    draw: Callable[[torch.Generator], Drawn]
    memory: Drawn


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
            for place, values in zip(memory, draw(generator), strict=True):
                place.copy_(values)

    def take(self, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
        """The next input; drawn now if no earlier round had it."""
        return self.take_all(lambda generator: (draw(generator),))[0]

    def take_all(self, draw: Callable[[torch.Generator], Drawn]) -> Drawn:
        """As `take`, of tensors that are drawn together."""
        if self._used == len(self._inputs):
            assert self._generator is not None
            # A copy: a draw may be a view of the data.
            self._inputs.append(_Input(draw, tuple(each.clone() for each in draw(self._generator))))
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

    @property
    def classes(self) -> tuple[str, ...]:
        """The data's."""
        return self.real.classes

    def batch(self, count: int, generator: torch.Generator) -> Batch:
        """The next inputs, of ``count`` samples and, where the data have labels, as many labels."""
        if not self.classes:
            return Batch(self.draw(count, generator))

        def both(numbers: torch.Generator) -> Drawn:
            samples, labels = self.real.batch(count, numbers)
            assert labels is not None
            return samples, labels

        return Batch(*self.inputs.take_all(both))

    def draw_labels(self, count: int, generator: torch.Generator) -> Tensor | None:  # noqa: ARG002 - inputs have one
        """The next input, of ``count`` labels; None without labels."""
        if not self.classes:
            return None

        def labels(numbers: torch.Generator) -> Tensor:
            drawn = self.real.draw_labels(count, numbers)
            assert drawn is not None
            return drawn

        return self.inputs.take(labels)


@dataclass(frozen=True)
class InputDraws(Draws):
    """Random numbers that are inputs."""

    inputs: Inputs = field(default_factory=Inputs)

    def _drawn(self, draw: Callable[..., Tensor], shape: tuple[int, ...], options: dict[str, Any]) -> Tensor:
        return self.inputs.take(lambda numbers: draw(shape, generator=numbers, **options))
