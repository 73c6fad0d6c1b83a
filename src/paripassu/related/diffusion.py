r"""PDE+, small: noise between the blocks of a residual network, whose size the network learns.

.. math:: \tilde h_l = h_l + \sigma_l \odot \varepsilon, \qquad \sigma_l = g_\phi(h_l),
    \qquad h_{l+1} = \tilde h_l + B_l(\tilde h_l)

Steps of a residual network are steps of a transport equation, and the noise adds diffusion to it. Two players
take turns. The *scale* φ maximises the likelihood of a transformed image's features, without noise, under the
normal law that the noise makes around the image's own. Then the *network* minimizes the cross-entropy with
noise, on the image and on its transform.

Yuan et al. 2023, arXiv:2305.15835. From the paper and its code: the equation, g that ends in a rectifier, the
two losses, evaluation without noise, and both readings of σ. Ours: perceptrons on digits instead of ResNet-18
on photographs, shifts and noise instead of AugMix, no batch normalisation, no label smoothing. In the paper's
code the second loss moves φ too; ``both`` adds it to φ's loss.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, relu

from paripassu.data.digits import CLASSES, SIDE, labelled_digits
from paripassu.sizes import check_sizes
from paripassu.theory import Problem
from paripassu.theory.connected import connected, connected_start, he_normal
from paripassu.theory.problem import Array, Data, Weights

Noise = Literal["none", "fixed", "learned"]
Reading = Literal["std", "code"]

TRAINING = 1300
LEAST_VARIANCE = 1e-6
_MOST = 120  # training images of the rarest digit


class Digits(NamedTuple):
    """Images ``[N, 64]`` in [0, 1], float64, and labels ``[N]``."""

    images: Tensor
    labels: Tensor


@cache
def parts() -> tuple[Digits, Digits]:
    """The digits for training and for the test, divided once."""
    images, labels = labelled_digits()
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(images)))
    flat = images.flatten(1).double()
    training, test = order[:TRAINING], order[TRAINING:]
    return Digits(flat[training], labels[training]), Digits(flat[test], labels[test])


def log_loss(mean: Tensor, variance: Tensor, seen: Tensor) -> Tensor:
    """Mean of ½ (log v + (seen - mean)² / v) over all numbers, with v at least 1e-6.

    It is smallest where v is the squared distance d², and ½ (log d² + 1) there.

    Args:
        mean: of the normal law.
        variance: >= 0, of the same shape. Where it is below 1e-6 it gets no gradient.
        seen: the observation.
    """
    v = variance.clamp(min=LEAST_VARIANCE)
    return (v.log() + (seen - mean).square() / v).mean() / 2


def check_noise(noise: str, sigma_is: str, fixed: float) -> None:
    """Raise ``ValueError`` unless these are a kind of noise, a reading of its σ, and a scale > 0."""
    for name, value, kinds in (("noise", noise, Noise), ("sigma_is", sigma_is, Reading)):
        if value not in get_args(kinds):
            raise ValueError(f"{name} must be one of {', '.join(get_args(kinds))}, got {value!r}")
    if sigma_is != "std" and noise != "learned":
        raise ValueError(f"sigma_is is of learned noise: leave it out with {noise!r}")
    if not 0 < fixed < math.inf:
        raise ValueError(f"fixed must be finite and > 0, got {fixed}")


def first_scale(rng: np.random.Generator, width: int) -> list[Array]:
    """First weights of g, two layers: small ones in the last, because a rectifier at 0 has no gradient."""
    last = he_normal(rng, width, width, inputs=width) / 10
    return [*connected_start(rng, [width, width]), last, np.full(width, 0.1)]


def scale(own: Sequence[Tensor], features: Tensor) -> Tensor:
    """Output of g, >= 0, of the shape of ``features``; ``own`` are its four tensors."""
    return relu(connected(own, features))


@dataclass(frozen=True)
class Diffusion(Problem):
    """A residual perceptron on digits, with noise of one kind between its blocks.

    Args:
        noise: none, of the ``fixed`` scale, or learned.
        sigma_is: what g's output is. ``"std"`` takes it as a standard deviation in both steps. ``"code"``
            takes it as a variance in the likelihood and as a standard deviation where noise is added, as the
            authors' code does.
        augment: whether the network learns from transformed images too. Learned noise needs them anyway.
        both: whether φ minimizes the cross-entropy beside its own loss; for learned noise.
        fixed: standard deviation of fixed noise, > 0.
        blocks: residual blocks, >= 1.
        width: of features, >= 1.
        batch: images a step, >= 1.
        per_class: labelled images of each digit, in 1..120.

    Raises:
        ValueError: a setting out of its range.
    """

    noise: Noise = "learned"
    sigma_is: Reading = "std"
    augment: bool = True
    both: bool = False
    fixed: float = 0.3
    blocks: int = 2
    width: int = 32
    batch: int = 32
    per_class: int = 20

    players = ("scale", "network")

    def __post_init__(self) -> None:
        check_noise(self.noise, self.sigma_is, self.fixed)
        if self.noise == "learned" and not self.augment:
            raise ValueError("learned noise is learned from transformed images: leave augment on")
        if self.both and self.noise != "learned":
            raise ValueError(f"both is of learned noise: leave it out with {self.noise!r}")
        check_sizes(1, blocks=self.blocks, width=self.width, batch=self.batch, per_class=self.per_class)
        if self.per_class > _MOST:
            raise ValueError(f"per_class must be in 1..{_MOST}, got {self.per_class}")

    def start(self, rng: np.random.Generator) -> Mapping[str, Sequence[Array]]:
        """He's weights; biases of 0, and of 0.1 where they begin a scale."""
        wide = self.width
        network = connected_start(rng, [SIDE**2, *[wide] * (1 + 2 * self.blocks), CLASSES])
        scales = [tensor for _ in range(self.blocks) for tensor in first_scale(rng, wide)]
        return {"scale": scales, "network": network}

    def run_data(self, rng: np.random.Generator) -> Mapping[str, NDArray[np.generic]]:
        """``labelled [10 per_class]``, which training images the run has."""
        labels = parts()[0].labels.numpy()
        own = [rng.permutation(np.flatnonzero(labels == digit))[: self.per_class] for digit in range(CLASSES)]
        return {"labelled": np.concatenate(own)}

    def step_data(self, rng: np.random.Generator, steps: int) -> Mapping[str, NDArray[np.generic]]:
        """Images, their transforms, and the noise of both views."""
        views = (steps, 2, self.blocks, self.batch, self.width)
        return {
            "chosen": rng.integers(self.per_class * CLASSES, size=(steps, self.batch)),
            "shift": rng.integers(9, size=(steps, self.batch)),
            "grain": 0.1 * rng.standard_normal((steps, self.batch, SIDE**2)),
            "noise": rng.standard_normal(views),
        }

    def scale(self, own: Sequence[Tensor], block: int, features: Tensor) -> Tensor:
        """Output of g, >= 0, before a block, of the shape of ``features``."""
        return scale(own[4 * block : 4 * block + 4], features)

    def features(self, weights: Weights, images: Tensor, noise: Tensor | None = None) -> list[Tensor]:
        """What enters each block before noise is added, and what leaves the last, each ``[B, width]``.

        Args:
            weights: of both players.
            images: ``[B, 64]``.
            noise: normal numbers ``[blocks, B, width]``; no noise without them.
        """
        network = weights["network"]
        h = relu(images @ network[0] + network[1])
        all_features = [h]
        for block in range(self.blocks):
            if noise is not None and self.noise != "none":
                learned = self.noise == "learned"
                sigma = self.scale(weights["scale"], block, h) if learned else self.fixed
                h = h + sigma * noise[block]
            first, first_bias, last, last_bias = network[2 + 4 * block : 6 + 4 * block]
            h = h + relu(h @ first + first_bias) @ last + last_bias
            all_features.append(h)
        return all_features

    def logits(self, weights: Weights, images: Tensor, noise: Tensor | None = None) -> Tensor:
        """``[B, 10]``, as `features`."""
        last = self.features(weights, images, noise)[-1]
        return last @ weights["network"][-2] + weights["network"][-1]

    def losses(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """φ's likelihood of transformed features, and the network's cross-entropy with noise."""
        chosen = data["labelled"][data["chosen"]]
        images, labels = parts()[0].images[chosen], parts()[0].labels[chosen]
        # Pixels that a shift brings in are black.
        around = torch.nn.functional.pad(images.view(-1, SIDE, SIDE), (1, 1, 1, 1)).flatten(1)
        changed = around.gather(1, _shifts()[data["shift"]]) + data["grain"]
        fit = cross_entropy(self.logits(weights, images, data["noise"][0]), labels)
        if self.augment:
            other = cross_entropy(self.logits(weights, changed, data["noise"][1]), labels)
            fit = (fit + other) / 2
        if self.noise != "learned":
            return {"scale": 0 * weights["scale"][0].sum(), "network": fit}  # nothing to learn
        noisy = self.features(weights, images, data["noise"][0])
        clean = self.features(weights, changed)
        likelihood = torch.zeros_like(fit)
        for block in range(self.blocks):
            sigma = self.scale(weights["scale"], block, noisy[block])
            variance = sigma.square() if self.sigma_is == "std" else sigma
            likelihood = likelihood + log_loss(noisy[block], variance, clean[block]) / self.blocks
        return {"scale": likelihood + fit if self.both else likelihood, "network": fit}

    def observe(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """``train_error`` and ``sigma``, the mean of g's outputs, on the run's images without noise."""
        own = Digits(parts()[0].images[data["labelled"]], parts()[0].labels[data["labelled"]])
        entering = self.features(weights, own.images)
        scales = [self.scale(weights["scale"], n, h) for n, h in enumerate(entering[: self.blocks])]
        wrong = self.logits(weights, own.images).argmax(dim=-1) != own.labels
        return {"train_error": wrong.double().mean(), "sigma": torch.stack(scales).mean()}


@cache
def _shifts() -> Tensor:
    """``[9, 64]``: for each shift by at most one pixel, where in a frame of 10 x 10 its pixels are."""
    frame = torch.arange((SIDE + 2) ** 2).view(SIDE + 2, SIDE + 2)
    return torch.stack(
        [frame[down : down + SIDE, right : right + SIDE].flatten() for down in range(3) for right in range(3)]
    )
