"""An autoencoder of spectral images, whose latents a small GAN can make.

Convolutions without stride bring the bands of each pixel down to a few, and mirrored ones bring them back.
LD-GAN (arXiv:2305.00132) has seven 3 x 3 layers down to 3 bands; depth, widths and the last function of the
decoder are ours, because our images are in [-1, 1].
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from paripassu.sizes import check_sizes

Term = Callable[[Tensor], Tensor]
"""A term of the autoencoder's loss, of latents ``[B, latent, H, W]``."""


class Coder(NamedTuple):
    """Both halves of an autoencoder.

    Attributes:
        encoder: ``[B, bands, H, W]`` to latents ``[B, latent, H, W]`` in (-1, 1).
        decoder: latents to ``[B, bands, H, W]`` in (-1, 1).
    """

    encoder: nn.Module
    decoder: nn.Module


@dataclass(frozen=True)
class Autoencoder:
    """Settings of an autoencoder and of its training.

    Args:
        latent: bands of the latents, >= 1.
        widths: channels of the layers between, each >= 1.
        kernel: pixels along each side of a convolution, odd; 1 codes each pixel by itself.
        steps: of Adam, >= 1.
        batch: images a step, >= 2.
        lr: of Adam, > 0.

    Raises:
        ValueError: a setting out of its range.

    Example:
        >>> coder = Autoencoder(latent=2, widths=(4,)).build(31)
        >>> coder.encoder(torch.zeros(5, 31, 8, 8)).shape
        torch.Size([5, 2, 8, 8])
    """

    latent: int = 3
    widths: tuple[int, ...] = (16, 8)
    kernel: int = 3
    steps: int = 1000
    batch: int = 32
    lr: float = 1e-3

    def __post_init__(self) -> None:
        check_sizes(1, latent=self.latent, kernel=self.kernel, steps=self.steps)
        for width in self.widths:
            check_sizes(1, widths=width)
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, got {self.kernel}")
        if self.batch < 2:
            raise ValueError(f"batch must be >= 2, got {self.batch}")
        if not 0 < self.lr < float("inf"):
            raise ValueError(f"lr must be finite and > 0, got {self.lr}")

    def build(self, bands: int) -> Coder:
        """Fresh halves, initialised from torch's global generator."""
        down = [bands, *self.widths, self.latent]
        return Coder(self._layers(down), self._layers(down[::-1]))

    def _layers(self, channels: list[int]) -> nn.Sequential:
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(channels):
            layers += [nn.Conv2d(fan_in, fan_out, self.kernel, padding=self.kernel // 2), nn.ReLU()]
        return nn.Sequential(*layers[:-1], nn.Tanh())

    def fit(self, images: Tensor, seed: int, term: Term | None = None) -> Coder:
        """A trained autoencoder: least mean squared error, plus ``term`` of the latents.

        Args:
            images: ``[N, bands, H, W]`` in [-1, 1], float32.
            seed: of the initial weights and of the batches.
            term: added to the loss of each batch.

        Returns:
            Both halves, without gradients.
        """
        draws = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            coder = self.build(images.shape[1])
        both = [*coder.encoder.parameters(), *coder.decoder.parameters()]
        optimizer = torch.optim.Adam(both, self.lr)
        for _ in range(self.steps):
            batch = images[torch.randint(len(images), (self.batch,), generator=draws)]
            latents = coder.encoder(batch)
            loss = (coder.decoder(latents) - batch).square().mean()
            if term is not None:
                loss = loss + term(latents)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        for half in coder:
            half.requires_grad_(requires_grad=False)
        return coder


def psnr(images: Tensor, decoded: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of images in [-1, 1], whose peak is 2; infinite for equal images.

    Example:
        >>> round(psnr(torch.zeros(2, 2), torch.full((2, 2), 0.02)), 6)
        40.0
    """
    error = (images - decoded).detach().square().mean().item()
    return 10 * math.log10(4 / error) if error else math.inf
