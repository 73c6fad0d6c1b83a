r"""LD-GAN, small: a GAN on the latents of an autoencoder, with a term for the generator's diversity.

.. math:: \ell_G = \operatorname{softplus}(-D(G(z))) - \lambda R(G(z))

Martinez et al. 2023, arXiv:2305.00132. From the paper: an autoencoder first, then a GAN on its latents, and
the term R (`paripassu.games.deviation`). Ours: two-layer networks instead of DCGAN's, and 6 x 6 images of
synthetic materials.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import grad
from torch.nn.functional import leaky_relu

from paripassu.data import Spectra
from paripassu.games import BatchDeviation, batch_deviation, non_saturating
from paripassu.games.deviation import Variance
from paripassu.metrics import Moments, frechet_distance
from paripassu.models.latent import Autoencoder, Coder, psnr
from paripassu.sizes import check_sizes
from paripassu.theory import Problem, Trajectories
from paripassu.theory.connected import connected, connected_start
from paripassu.theory.problem import Array, Data, Weights

_COMPONENTS = 16  # principal components that the Fréchet distance is of
_CPU = torch.device("cpu")
_SPECTRA = Spectra(size=6)
_AUTOENCODER = Autoencoder(widths=(16,), kernel=1, steps=400, batch=16, lr=1e-2)


class Quality(NamedTuple):
    """What samples are worth, each ``[R]``.

    Attributes:
        distance: Fréchet distance on principal components of spectral images, as a share of the data's
            variance on them.
        diversity: R of decoded samples, as a share of the data's.
    """

    distance: Array
    diversity: Array


@dataclass(frozen=True)
class LatentGan(Problem):
    """A discriminator and a generator of two layers each, on latents or on the spectra themselves.

    Args:
        spectra: the data.
        autoencoder: trained first.
        space: what the pair plays on.
        weight: λ of the generator's term, >= 0.
        coder_weight: of the same term in the autoencoder's loss, >= 0.
        coder_variance: whether that term raises or lowers the latents' deviation.
        images: in the training set, >= batch.
        data_seed: of those images and of the autoencoder, which all runs share, >= 0.
        batch: >= 2.
        latent: length of z, >= 1.
        width: of the hidden layers, >= 1.

    Raises:
        ValueError: a setting out of its range.
    """

    spectra: Spectra = _SPECTRA
    autoencoder: Autoencoder = _AUTOENCODER
    space: Literal["latents", "spectra"] = "latents"
    weight: float = 0.0
    coder_weight: float = 0.0
    coder_variance: Variance = "max"
    images: int = 512
    data_seed: int = 0
    batch: int = 16
    latent: int = 8
    width: int = 32

    players = ("discriminator", "generator")

    def __post_init__(self) -> None:
        for name, weight in (("weight", self.weight), ("coder_weight", self.coder_weight)):
            if not 0 <= weight < math.inf:
                raise ValueError(f"{name} must be finite and >= 0, got {weight}")
        if self.space not in ("latents", "spectra"):
            raise ValueError(f"space must be latents or spectra, got {self.space!r}")
        if self.coder_weight and self.space == "spectra":
            raise ValueError("coder_weight is for latents: leave it out, or play on them")
        check_sizes(0, data_seed=self.data_seed)
        check_sizes(1, images=self.images, batch=self.batch, latent=self.latent, width=self.width)
        if not 2 <= self.batch <= self.images:
            raise ValueError(f"batch must be within 2..images ({self.images}), got {self.batch}")

    @property
    def positions(self) -> int:
        """Numbers of one sample."""
        channels = self.autoencoder.latent if self.space == "latents" else self.spectra.bands
        return channels * self.spectra.size**2

    def start(self, rng: np.random.Generator) -> Mapping[str, Sequence[Array]]:
        """He's weights and zero biases."""
        return {
            "discriminator": connected_start(rng, [self.positions, self.width, 1]),
            "generator": connected_start(rng, [self.latent, self.width, self.positions]),
        }

    def run_data(self, rng: np.random.Generator) -> Mapping[str, NDArray[np.generic]]:
        """Latents for `observe`, ``observed [batch, latent]``. The autoencoder is trained by then."""
        _ = self._samples  # before runs share a step, where nothing may be drawn
        return {"observed": rng.standard_normal((self.batch, self.latent))}

    def step_data(self, rng: np.random.Generator, steps: int) -> Mapping[str, NDArray[np.generic]]:
        """Which samples a step sees, ``chosen [steps, batch]``, and ``z [steps, batch, latent]``."""
        return {
            "chosen": rng.integers(self.images, size=(steps, self.batch)),
            "z": rng.standard_normal((steps, self.batch, self.latent)),
        }

    def losses(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """The non-saturating pair, and the generator's term."""
        fake = generate(weights["generator"], data["z"])
        on_fake = discriminate(weights["discriminator"], fake)
        on_real = discriminate(weights["discriminator"], self._samples[data["chosen"]])
        fooling = non_saturating.generator(on_fake)
        return {
            "discriminator": non_saturating.discriminator(on_real, on_fake),
            "generator": fooling + BatchDeviation(self.weight)(fake) if self.weight else fooling,
        }

    def observe(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """Deviation of samples, and λR's share of the generator's gradient.

        Both gradients are measured twice, by the samples and by the generator's weights. A share is the norm
        of λR's gradient over the sum of both norms.
        """
        own, z = weights["generator"], data["observed"]

        def fooling(fake: Tensor) -> Tensor:
            return non_saturating.generator(discriminate(weights["discriminator"], fake))

        def share(of_term: Sequence[Tensor], of_rest: Sequence[Tensor]) -> Tensor:
            term, rest = (
                torch.linalg.vector_norm(torch.cat([each.flatten() for each in of]))
                for of in (of_term, of_rest)
            )
            return self.weight * term / (self.weight * term + rest)

        fake = generate(own, z)
        by_weights = [
            grad(lambda tensors, f=f: f(generate(tensors, z)))(own) for f in (batch_deviation, fooling)
        ]
        return {
            "deviation": batch_deviation(fake),
            "share by samples": share([grad(batch_deviation)(fake)], [grad(fooling)(fake)]),
            "share by weights": share(*by_weights),
        }

    def quality(self, paths: Trajectories, count: int = 512) -> Quality:
        """Of ``count`` samples of each run's final generator, against as many fresh images.

        A run that diverged has NaN.
        """
        values = np.full((2, len(paths.seeds)), np.nan)
        for run in np.flatnonzero(np.isinf(paths.diverged_at)):
            rng = torch.Generator().manual_seed(self.data_seed + 1)
            real = self.spectra.load(_CPU).draw(count, rng)
            z = torch.randn((count, self.latent), generator=rng, dtype=torch.float64)
            own = [torch.from_numpy(tensor[run]) for tensor in paths.weights["generator"]]
            fake = generate(own, z).float()
            if self.space == "latents":
                size = self.spectra.size
                latents = fake.view(count, self.autoencoder.latent, size, size)
                fake = self.trained[1].decoder(latents)
            fake = fake.reshape(real.shape)
            values[0, run] = spectral_distance(real, fake)
            values[1, run] = float(batch_deviation(fake) / batch_deviation(real))
        return Quality(*values)

    def coder_psnr(self) -> float:
        """DB of the autoencoder on fresh images."""
        _, coder = self.trained
        fresh = self.spectra.load(_CPU).draw(self.images, torch.Generator().manual_seed(self.data_seed + 1))
        return psnr(fresh, coder.decoder(coder.encoder(fresh)))

    @property
    def trained(self) -> tuple[Tensor, Coder]:
        """The training images ``[images, bands, size, size]``, and the autoencoder of these images."""
        return _trained(
            self.spectra,
            self.autoencoder,
            self.images,
            self.data_seed,
            self.coder_weight,
            self.coder_variance,
        )

    @cached_property
    def _samples(self) -> Tensor:
        images, coder = self.trained
        samples = images if self.space == "spectra" else coder.encoder(images)
        return samples.flatten(1).double()


def generate(own: Sequence[Tensor], z: Tensor) -> Tensor:
    """Samples ``[B, P]`` in (-1, 1) of a generator's four tensors at ``z [B, latent]``."""
    return torch.tanh(connected(own, z))


def discriminate(own: Sequence[Tensor], samples: Tensor) -> Tensor:
    """Logits ``[B]`` of a discriminator's four tensors at samples ``[B, P]``."""
    return connected(own, samples, partial(leaky_relu, negative_slope=0.2)).squeeze(-1)


def spectral_distance(real: Tensor, fake: Tensor) -> float:
    """Fréchet distance on the first principal components of ``real``, as a share of its variance there.

    Args:
        real: ``[N, ...]``.
        fake: ``[N, ...]``.
    """
    flat = real.flatten(1).double()
    centre = flat.mean(dim=0)
    _, _, axes = torch.linalg.svd(flat - centre, full_matrices=False)
    on_axes = [(each.flatten(1).double() - centre) @ axes[:_COMPONENTS].T for each in (real, fake)]
    moments = [Moments.of(each) for each in on_axes]
    return frechet_distance(*moments) / float(moments[0].covariance().trace())


@lru_cache(maxsize=8)
def _trained(
    spectra: Spectra, autoencoder: Autoencoder, images: int, seed: int, weight: float, variance: Variance
) -> tuple[Tensor, Coder]:
    drawn = spectra.load(_CPU).draw(images, torch.Generator().manual_seed(seed))
    term = BatchDeviation(weight, variance) if weight else None
    return drawn, autoencoder.fit(drawn, seed, term)
