"""The columns of the dissection, and what is measured in the runs of those that no other study measures."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paripassu.evidence.dissection import Column
from paripassu.theory import NoisyQuadratic, Problem, Trajectories

FREQUENCY, NOISE, MODES = "irrelevant frequency", "memorised noise", "modes of the framework"
"""Columns with a prediction."""

COLUMNS = (
    Column(
        FREQUENCY, "distance that the weights on a frequency which no input contains have moved, over the "
        "norm of the target", "frequencies", "moved",
        good=1e-9, bad=1e-3, margin=3.0, log=True, floor=1e-12, study="frequencies",
    ),
    Column(
        NOISE, "error on new images of a network that fits its noisy training images", "patches",
        "test_error", good=0.1, bad=0.5, margin=0.25, study="patches",
    ),
    Column(
        "fixed point", "distance between the point around which weights settle and the mean of noisy data "
        "(ten coins that show 1 with probability 0.3), a coordinate", "coin", "distance",
        good=0.02, bad=0.1, margin=0.05, study="quadratics",
    ),
    Column(
        "floor", "power of the rate that the distance from that point falls with, where the rate falls to a "
        "quarter: 1 in proportion to the rate, 1/2 to its root", "falling rate", "power",
        good=0.9, bad=0.25, margin=0.1, study="quadratics",
    ),
    Column(
        "stable area", "share of 10 x 10 pairs of rates at which the kernel game comes to rest",
        "kernel game", "comes to rest", good=0.5, bad=0.1, margin=0.15, study="kernel-game",
    ),
    Column(
        "scales", "loss above the least, where start and loss are 100 times larger than where the rate was "
        "chosen", "scales", "excess",
        good=0.01, bad=0.1, margin=0.3, log=True, study="scale-invariance",
    ),
    Column(
        MODES, "share of both modes that the generator has at the end (d = 100)", "modes", "found",
        good=0.9, bad=0.5, margin=0.2, study="collapse",
    ),
    Column(
        "pace", "decades between the relative steps of both players, in the same runs", "modes", "pace",
        good=0.5, bad=2.0, margin=0.5, study="collapse",
    ),
    Column(
        "ring", "share of Adam's mode-overlap that a GAN reaches on a ring of eight Gaussians, each rule at "
        "its best settings, on fresh seeds", "", "",
        good=0.9, bad=0.5, margin=0.2, study="grafting", game="ring8-plain",
    ),
    Column(
        "digits", "Adam's Fréchet distance over the rule's, of a WGAN-GP on digits, each rule at its best "
        "settings, on fresh seeds", "", "",
        good=0.9, bad=0.5, margin=0.2, study="grafting", game="digits-wgan-gp",
    ),
    Column(
        "CIFAR-10", "Adam's Fréchet distance on EfficientNet-Lite0's features over the rule's, of a WGAN-GP "
        "on CIFAR-10, each rule at its best settings, on fresh seeds", "", "",
        good=0.9, bad=0.5, margin=0.2, study="grafting", game="cifar10-wgan-gp", scale="short",
        data="cifar10",
    ),
)  # fmt: skip


def measure_fixed_point(problem: Problem, paths: Trajectories) -> Mapping[str, ArrayLike]:
    """Root mean square, over coordinates, of the mean of θ over the records less the mean of X."""
    assert isinstance(problem, NoisyQuadratic)
    bias = (paths.observed["theta"] - problem.law.mean).mean(axis=1)
    return {"distance": np.sqrt((bias**2).mean(axis=1))}


@dataclass(frozen=True)
class FallsOnce:
    """Learning rates that fall to a share of themselves after some updates."""

    after: int
    to: float = 0.25

    def __call__(self, update: int) -> float:
        """The factor at an update, counted from 1."""
        return self.to if update > self.after else 1.0


def measure_floor(problem: Problem, paths: Trajectories) -> Mapping[str, ArrayLike]:
    """Power of the rate that the distance from the fixed point falls with, at rates that fall to a quarter.

    The first half of the records is at the whole rate, the second at a quarter. Each half has a fixed point
    of its own, which is the mean over all runs.
    """
    del problem
    distances: list[NDArray[np.float64]] = []
    for theta in np.split(np.asarray(paths.observed["theta"], np.float64), 2, axis=1):
        apart = theta - theta.mean(axis=(0, 1))
        distances.append(np.sqrt((apart**2).mean(axis=(1, 2))))
    before, after = distances
    return {"power": np.log(before / after) / math.log(4.0)}


def measure_modes(problem: Problem, paths: Trajectories) -> Mapping[str, ArrayLike]:
    """Share of the modes that are found at the end, and decades between both players' relative steps."""
    discriminator, generator = problem.players
    has_diverged = np.isfinite(paths.diverged_at)
    found = np.where(has_diverged, math.nan, paths.observed["recovered"][:, -1].mean(axis=1))
    relative = {player: paths.lengths[player] / paths.norms[player] for player in problem.players}
    with np.errstate(divide="ignore", invalid="ignore"):
        decades = abs(np.log10(relative[discriminator] / relative[generator])).mean(axis=1)
    return {"found": found, "missing": 1 - found, "pace": decades}


def measure_excess(problem: Problem, paths: Trajectories) -> Mapping[str, ArrayLike]:
    """Mean loss above its least value over the records."""
    del problem
    return {"excess": paths.observed["loss"].mean(axis=1)}
