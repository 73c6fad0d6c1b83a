r"""PDE+'s noise in a discriminator: its size is learned, while the discriminator plays a generator.

.. math:: \tilde h = h(x) + \sigma \odot \varepsilon, \qquad \sigma = g_\phi(h(x)), \qquad D(x) = f(\tilde h)

A third player, the *scale* φ, maximises the likelihood of a changed real example's features, without noise,
under the normal law that the noise makes around the example's own (`paripassu.related.diffusion`). A changed
example is the example with noise of its own mode's size. Discriminator and generator play the non-saturating
game through the noise. It is instance noise inside of the discriminator, whose size nobody chooses. The data
are Gaussians on a circle, all equally frequent. Ours; the paper has no GAN.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import leaky_relu

from paripassu.data import Ring
from paripassu.games import non_saturating
from paripassu.related.diffusion import Noise, Reading, check_noise, first_scale, log_loss, scale
from paripassu.related.prioritised_gan import PrioritisedGan, Shares
from paripassu.sizes import check_sizes
from paripassu.theory import Problem, Trajectories
from paripassu.theory.connected import connected, connected_start
from paripassu.theory.problem import Array, Data, Weights

_RING = Ring(std=0.2)
_slope = partial(leaky_relu, negative_slope=0.2)


@dataclass(frozen=True)
class DiffusionGan(Problem):
    """Two perceptrons in the non-saturating game, with noise after the discriminator's first layer.

    Args:
        noise: none, of the ``fixed`` scale, or learned.
        sigma_is: what g's output is, as in `paripassu.related.diffusion.Diffusion`.
        fixed: standard deviation of fixed noise, > 0.
        ring: the modes, at least three.
        examples: in the data set, >= 1.
        batch: >= 1.
        latent: length of z, >= 1.
        width: of two hidden layers, >= 1.

    Raises:
        ValueError: a setting out of its range.

    Example:
        >>> from paripassu.related.diffusion_gan import DiffusionGan
        >>> DiffusionGan(noise="fixed").players
        ('scale', 'discriminator', 'generator')
    """

    noise: Noise = "learned"
    sigma_is: Reading = "std"
    fixed: float = 0.3
    ring: Ring = _RING
    examples: int = 256
    batch: int = 64
    latent: int = 4
    width: int = 32

    players = ("scale", "discriminator", "generator")

    def __post_init__(self) -> None:
        check_noise(self.noise, self.sigma_is, self.fixed)
        check_sizes(1, examples=self.examples, batch=self.batch, latent=self.latent, width=self.width)
        _ = self._data

    @cached_property
    def _data(self) -> PrioritisedGan:
        """The data and measures of a ring without rare modes."""
        return PrioritisedGan(self.ring, rarity=1 / self.ring.modes, examples=self.examples)

    def start(self, rng: np.random.Generator) -> Mapping[str, Sequence[Array]]:
        """He's weights and zero biases, and a small scale."""
        return {
            "discriminator": connected_start(rng, [2, self.width, self.width, 1]),
            "generator": connected_start(rng, [self.latent, self.width, self.width, 2]),
            "scale": first_scale(rng, self.width),
        }

    def run_data(self, rng: np.random.Generator) -> Mapping[str, NDArray[np.generic]]:
        """``real [examples, 2]``, with as many of each mode."""
        return self._data.run_data(rng)

    def step_data(self, rng: np.random.Generator, steps: int) -> Mapping[str, NDArray[np.generic]]:
        """Which real examples, how they are changed, ``z``, and the noise on real and generated ones."""
        return {
            "chosen": rng.integers(self.examples, size=(steps, self.batch)),
            "grain": self.ring.std * rng.standard_normal((steps, self.batch, 2)),
            "z": rng.standard_normal((steps, self.batch, self.latent)),
            "noise": rng.standard_normal((steps, 2, self.batch, self.width)),
        }

    def logits(self, weights: Weights, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """``[B]`` at points ``[B, 2]``.

        Args:
            weights: of the discriminator and the scale.
            x: the points.
            noise: normal numbers ``[B, width]``; no noise without them.
        """
        h = self._features(weights, x)
        if noise is not None and self.noise != "none":
            h = h + (scale(weights["scale"], h) if self.noise == "learned" else self.fixed) * noise
        return connected(weights["discriminator"][2:], h, _slope).squeeze(-1)

    def _features(self, weights: Weights, x: Tensor) -> Tensor:
        first, bias = weights["discriminator"][:2]
        return _slope(x @ first + bias)

    def losses(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """φ's likelihood of changed examples' features, and the non-saturating pair through the noise."""
        real = data["real"][data["chosen"]]
        fake = connected(weights["generator"], data["z"], _slope)
        on_real, on_fake = (
            self.logits(weights, x, noise) for x, noise in zip((real, fake), data["noise"], strict=True)
        )
        likelihood = 0 * weights["scale"][0].sum()  # nothing to learn
        if self.noise == "learned":
            h, seen = self._features(weights, real), self._features(weights, real + data["grain"])
            sigma = scale(weights["scale"], h)
            likelihood = log_loss(h, sigma.square() if self.sigma_is == "std" else sigma, seen)
        return {
            "scale": likelihood,
            "discriminator": non_saturating.discriminator(on_real, on_fake),
            "generator": non_saturating.generator(on_fake),
        }

    def observe(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """``sigma``, the mean of g's outputs on the real examples."""
        return {"sigma": scale(weights["scale"], self._features(weights, data["real"])).mean()}

    def quality(self, paths: Trajectories, count: int = 4000) -> Shares:
        """Of ``count`` samples of each run's final generator; NaN for a run that diverged."""
        return self._data.quality(paths, count)
