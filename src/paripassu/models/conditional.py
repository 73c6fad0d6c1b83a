"""Networks that also take the class of each sample.

A conditional network is called with a batch and its labels ``[B]``, int64 in 0..C-1. `given` fixes the
labels, so that losses and penalties need not know of them.

A generator takes the class by its batch normalisation (Dumoulin et al. 2017, arXiv:1610.07629; de Vries et
al. 2017, arXiv:1707.00683) or beside z (Mirza & Osindero 2014, arXiv:1411.1784). A discriminator takes it by
a projection (Miyato & Koyama 2018, arXiv:1802.05637).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


def given(network: nn.Module, labels: Tensor | None) -> Callable[[Tensor], Tensor]:
    """``network`` at fixed labels: a function of samples or latents alone.

    Args:
        network: conditional, or any other.
        labels: ``[B]`` of the batch that it will see; None for a network that takes none.

    Example:
        >>> network = BesideLatent(nn.Linear(2 + 3, 1), classes=3)
        >>> given(network, torch.tensor([0, 2]))(torch.zeros(2, 2)).shape
        torch.Size([2, 1])
    """
    return network if labels is None else lambda batch: network(batch, labels)


class TakesLabels(nn.Module):
    """A layer or network that is called with a batch and its labels."""


class Chain(TakesLabels):
    """Layers in a row; those that take labels get them."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Through every layer."""
        for layer in self.layers:
            x = layer(x, labels) if isinstance(layer, TakesLabels) else layer(x)
        return x


class BesideLatent(TakesLabels):
    """A generator whose latents have C more numbers, which are 0 but for the class's.

    That one is the length that a latent is expected to have, so that the class weighs as much as z.
    """

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network = network
        self._classes = classes

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Latents ``[B, latent]`` to samples."""
        # Not torch's one_hot, which looks at values on the host and so cannot be part of a CUDA graph.
        one_hot = labels[:, None] == torch.arange(self._classes, device=labels.device)
        return self.network(torch.cat([z, one_hot.to(z.dtype) * math.sqrt(z.shape[1])], dim=1))


class ConditionalBatchNorm(TakesLabels):
    """Batch normalisation whose scale and shift are the class's; all begin as 1 and 0."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale = nn.Embedding(classes, channels)
        self.shift = nn.Embedding(classes, channels)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """``[B, channels, H, W]`` to the same."""
        scale, shift = (embedding(labels)[:, :, None, None] for embedding in (self.scale, self.shift))
        return self.norm(x) * scale + shift


class Projection(TakesLabels):
    r"""A discriminator with the logit :math:`\psi(\phi(x)) + v_y \cdot \phi(x)`.

    Args:
        features: :math:`\phi`, samples to ``[B, ...]``.
        last: :math:`\psi`, features to ``[B]``.
        embedding: :math:`v`, a row for each class, as long as the features of one sample.
    """

    def __init__(self, features: nn.Module, last: nn.Module, embedding: nn.Module) -> None:
        super().__init__()
        self.features, self.last, self.embedding = features, last, embedding

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Samples to logits ``[B]``."""
        features = self.features(x)
        return self.last(features) + (self.embedding(labels) * features.flatten(start_dim=1)).sum(dim=1)
