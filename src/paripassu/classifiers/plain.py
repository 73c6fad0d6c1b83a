"""Networks of linear layers and ReLU without normalisation: a perceptron, a small convolutional network."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.nn.functional import conv2d

from paripassu.classifiers.network import Network, matrix_of
from paripassu.data.digits import CLASSES, SIDE
from paripassu.sizes import check_sizes
from paripassu.theory.connected import connected, connected_start, he_normal
from paripassu.theory.problem import Array


@dataclass(frozen=True)
class Perceptron(Network):
    """Fully connected layers with biases and ReLU between them.

    Its first layer sees images as vectors. So a rule whose direction is the raw gradient never moves that
    layer's weight on a frequency which no image has.

    Args:
        widths: of the hidden layers, each >= 1; none for a linear model.
        side: pixels along each side of an image, >= 1.

    Raises:
        ValueError: a width or side below 1.

    Example:
        >>> import torch
        >>> Perceptron((32,)).logits(Perceptron((32,)).first(0), torch.zeros(3, 8, 8)).shape
        torch.Size([3, 10])
    """

    widths: tuple[int, ...] = (64, 64)
    side: int = SIDE

    def __post_init__(self) -> None:
        check_sizes(1, side=self.side, **{f"width {n + 1}": width for n, width in enumerate(self.widths)})

    def start(self, rng: np.random.Generator) -> list[Array]:
        """He's weights ``[inputs, outputs]`` and zero biases, layer by layer."""
        return connected_start(rng, [self.side**2, *self.widths, CLASSES])

    def logits(self, weights: Sequence[Tensor], images: Tensor) -> Tensor:
        """``[B, 10]``."""
        return connected(weights, images.flatten(1))

    def layers(self, weights: Sequence[Tensor]) -> list[Tensor]:
        """The weights, transposed."""
        return [weight.mT for weight in weights[::2]]


@dataclass(frozen=True)
class Convolutional(Network):
    """Two convolutions of stride 2, 4 x 4 with zero padding and 2 x 2, ReLU after each, and a linear layer.

    Args:
        channels: of both convolutions, each >= 1.
        side: pixels along each side of an image, a multiple of 4.

    Raises:
        ValueError: a number of channels below 1, or another side.

    Example:
        >>> import torch
        >>> Convolutional((2, 4)).logits(Convolutional((2, 4)).first(0), torch.zeros(3, 8, 8)).shape
        torch.Size([3, 10])
    """

    channels: tuple[int, int] = (4, 16)
    side: int = SIDE

    def __post_init__(self) -> None:
        if self.side < 4 or self.side % 4:
            raise ValueError(f"side must be a multiple of 4, got {self.side}")
        check_sizes(1, **{f"channels {n + 1}": count for n, count in enumerate(self.channels)})

    def start(self, rng: np.random.Generator) -> list[Array]:
        """He's weights and zero biases: two filters' tensors, then the linear layer's ``[inputs, 10]``."""
        first, second = self.channels
        size = second * (self.side // 4) ** 2
        return [
            he_normal(rng, first, 1, 4, 4, inputs=16),
            np.zeros(first),
            he_normal(rng, second, first, 2, 2, inputs=4 * first),
            np.zeros(second),
            he_normal(rng, size, CLASSES, inputs=size),
            np.zeros(CLASSES),
        ]

    def logits(self, weights: Sequence[Tensor], images: Tensor) -> Tensor:
        """``[B, 10]``."""
        filters, bias, more, more_bias, last, last_bias = weights
        hidden = conv2d(images.unsqueeze(1), filters, bias, stride=2, padding=1).relu()
        hidden = conv2d(hidden, more, more_bias, stride=2).relu()
        return hidden.flatten(1) @ last + last_bias

    def layers(self, weights: Sequence[Tensor]) -> list[Tensor]:
        """Both convolutions as the matrices that they are for images of this side, and the linear layer."""
        filters, _, more, _, last, _ = (weight.double() for weight in weights)
        whole, half = (1, self.side, self.side), (self.channels[0], self.side // 2, self.side // 2)
        return [
            matrix_of(lambda x: conv2d(x.unsqueeze(0), filters, stride=2, padding=1), whole),
            matrix_of(lambda x: conv2d(x.unsqueeze(0), more, stride=2), half),
            last.mT,
        ]
