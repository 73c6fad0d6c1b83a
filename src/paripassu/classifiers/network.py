"""What every classifier's network is: first weights, drawn by a generator, and a pure function to logits.

A network holds no weights. So `paripassu.theory.play` maps it over runs, and an attack differentiates it by
its images.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.func import vmap

from paripassu.data.digits import SIDE
from paripassu.theory.problem import Array


class Network(ABC):
    """A classifier of digits: a frozen dataclass of settings.

    Attributes:
        side: pixels along each side of an image.

    Example:
        >>> import numpy as np, torch
        >>> class Linear(Network):
        ...     def start(self, rng):
        ...         return [rng.standard_normal((64, 10))]
        ...     def logits(self, weights, images):
        ...         return images.flatten(1) @ weights[0]
        >>> Linear().logits(Linear().first(0), torch.zeros(3, 8, 8)).shape
        torch.Size([3, 10])
    """

    side: int = SIDE

    @abstractmethod
    def start(self, rng: np.random.Generator) -> list[Array]:
        """First weights of one run."""

    @abstractmethod
    def logits(self, weights: Sequence[Tensor], images: Tensor) -> Tensor:
        """Logits ``[B, 10]`` of images ``[B, side, side]``, in the precision of both."""

    def layers(self, weights: Sequence[Tensor]) -> list[Tensor]:
        """Its linear maps as matrices ``[outputs, inputs]``, biases left out, in order.

        Raises:
            ValueError: the network is no chain of linear maps and functions of one number.
        """
        del weights
        raise ValueError(f"{type(self).__name__} is no chain of linear layers, so it has no product of norms")

    def first(self, seed: int) -> list[Tensor]:
        """First weights as tensors in float32, to try a network by itself."""
        rng = np.random.Generator(np.random.Philox(seed))
        return [torch.from_numpy(weight).float() for weight in self.start(rng)]


def matrix_of(linear: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> Tensor:
    """The matrix ``[outputs, inputs]`` of a linear map of tensors of a ``shape``.

    Args:
        linear: of one tensor of this shape; it may be a convolution.
        shape: of the inputs.

    Example:
        >>> import torch
        >>> matrix_of(lambda x: x.cumsum(0), (3,)).tolist()
        [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]
    """
    size = int(np.prod(shape))
    columns = vmap(linear)(torch.eye(size, dtype=torch.float64).reshape(size, *shape))
    return columns.reshape(size, -1).mT


def lipschitz_bound(network: Network, weights: Sequence[Tensor]) -> float:
    """Product of the layers' spectral norms: no logits move further, for an image that moves by 1.

    Example:
        >>> import numpy as np, torch
        >>> from paripassu.classifiers import Perceptron
        >>> one = [torch.eye(64, 64), torch.zeros(64), 3 * torch.eye(64, 10), torch.zeros(10)]
        >>> round(lipschitz_bound(Perceptron((64,)), one), 9)
        3.0
    """
    norms = [torch.linalg.matrix_norm(layer.double(), 2).item() for layer in network.layers(weights)]
    return float(np.prod(norms))
