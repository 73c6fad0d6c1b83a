"""A GAN of two perceptrons on digits without one frequency: does its discriminator look at that frequency?"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import grad

from paripassu.classifiers.frequency import Frequency, amount, pattern, without_frequency
from paripassu.data.digits import SIDE, labelled_digits
from paripassu.games import non_saturating
from paripassu.sizes import check_sizes
from paripassu.theory.connected import connected, connected_start
from paripassu.theory.problem import Array, Data, Problem, Weights

_WATCHED = 200  # images on which slopes are observed


@dataclass(frozen=True)
class DigitsGan(Problem):
    """Non-saturating GAN whose real images, and perhaps fakes too, have nothing of one frequency.

    If fakes lack it too, the discriminator's first layer has no gradient there, so that a rule whose
    direction is the raw gradient never moves its weights on it.

    Observed are ``share``, the mean square of the discriminator's slope along the frequency over that of its
    whole slope, on 200 real images (1/64 for slopes without a preference), and ``fake_amount``, the root mean
    square of the frequency in generated images.

    Args:
        without: the frequency.
        fakes_lack_it: whether it is projected out of generated images too.
        latent: length of z, >= 1.
        width: of both hidden layers, >= 1.
        batch: images a step, >= 1.

    Raises:
        ValueError: a setting out of its range.

    Example:
        >>> from paripassu.classifiers import DigitsGan
        >>> from paripassu.rules import Adam
        >>> from paripassu.theory import play
        >>> gan = DigitsGan(width=4, latent=2, batch=2)
        >>> paths = play(gan, Adam((0.0, 0.9)), 1e-3, 2, [0], updates="alternating", record=[2])
        >>> bool(0 < paths.observed["share"][0, 0] < 1)
        True
    """

    without: Frequency = (7, 1)
    fakes_lack_it: bool = True
    latent: int = 16
    width: int = 64
    batch: int = 32
    players = ("discriminator", "generator")
    steps_per_draw = 64

    def __post_init__(self) -> None:
        check_sizes(1, latent=self.latent, width=self.width, batch=self.batch)
        pattern(self.without)

    @cached_property
    def real(self) -> Tensor:
        """All digits without the frequency, ``[1797, 8, 8]``."""
        return without_frequency(labelled_digits()[0], self.without)

    def start(self, rng: np.random.Generator) -> Mapping[str, list[Array]]:
        """He's weights and zero biases."""
        return {
            "discriminator": connected_start(rng, [SIDE**2, self.width, 1]),
            "generator": connected_start(rng, [self.latent, self.width, SIDE**2]),
        }

    def step_data(self, rng: np.random.Generator, steps: int) -> Mapping[str, NDArray[np.generic]]:
        """``batch [steps, batch]``, which digits, and ``z [steps, batch, latent]``, normal."""
        return {
            "batch": rng.integers(len(self.real), size=(steps, self.batch)),
            "z": rng.standard_normal((steps, self.batch, self.latent)),
        }

    def generate(self, weights: Weights, z: Tensor) -> Tensor:
        """Images ``[B, 8, 8]`` of latents ``[B, latent]``."""
        images = connected(weights["generator"], z).sigmoid().unflatten(1, (SIDE, SIDE))
        return without_frequency(images, self.without) if self.fakes_lack_it else images

    def losses(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """Goodfellow et al. 2014, Sec. 3, with the generator's non-saturating loss."""
        fake = self.generate(weights, data["z"])
        of_real, of_fake = (self._logits(weights, images) for images in (self.real[data["batch"]], fake))
        return {
            "discriminator": non_saturating.discriminator(of_real, of_fake),
            "generator": non_saturating.generator(of_fake),
        }

    def observe(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """``share`` and ``fake_amount``, see the class."""
        del data
        slopes = grad(lambda images: self._logits(weights, images).sum())(self.real[:_WATCHED])
        z = torch.from_numpy(np.random.default_rng(0).standard_normal((_WATCHED, self.latent)))
        return {
            "share": amount(slopes, self.without).square().sum() / slopes.square().sum(),
            "fake_amount": amount(self.generate(weights, z), self.without).square().mean().sqrt(),
        }

    def _logits(self, weights: Weights, images: Tensor) -> Tensor:
        return connected(weights["discriminator"], images.flatten(1)).squeeze(1)
