"""What the study of scale invariance plays under several scales, and two networks on digits to play."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn.functional import cross_entropy

from paripassu.classifiers import Classifier, ScaleInvariantAttention, ScaleInvariantPerceptron
from paripassu.protocol.sweeps import Measure
from paripassu.theory import Problem, Trajectories
from paripassu.theory.problem import Data, Weights


class Game(NamedTuple):
    """What is played under several scales.

    Attributes:
        name: for findings and conditions; empty for conditions of the only game.
        problem: for a scale of the start and one of the loss.
        measure: of its runs.
        rates: of each arm that plays it.
        scales: of start and loss, the first being 1 and 1.
    """

    name: str
    problem: Callable[[float, float], Problem]
    measure: Measure
    rates: Mapping[str, Sequence[float]]
    scales: Sequence[tuple[float, float]]

    def condition(self, norm: float, scale: float) -> str:
        """In words."""
        return f"{self.name}{', ' * bool(self.name)}start x {norm:g}, loss x {scale:g}"


def measure_network(problem: Problem, paths: Trajectories) -> dict[str, ArrayLike]:
    """``excess``, the mean loss over the records, and ``turn``, whose square is a mean over pairs of them.

    The angle of a step follows from the lengths of the weights before and after it, and its own.
    """
    del problem
    before, after = paths.norms["net"][:, ::2], paths.norms["net"][:, 1::2]
    cosine = (before**2 + after**2 - paths.lengths["net"][:, ::2] ** 2) / (2 * before * after)
    angles = np.arccos(np.clip(cosine, -1.0, 1.0))
    return {
        "excess": paths.observed["loss"].mean(axis=1),
        "turn": np.sqrt((angles**2).mean(axis=1)),
    }


@dataclass(frozen=True)
class Watched(Classifier):
    """A classifier of which the loss on 200 training images is observed, and nothing else."""

    def observe(self, weights: Weights, data: Data) -> Mapping[str, Tensor]:
        """``loss``."""
        del data
        images, labels = self.training.images[:200], self.training.labels[:200]
        return {"loss": cross_entropy(self.network.logits(weights["net"], images), labels)}


def _perceptron(norm: float, scale: float) -> Classifier:
    return Watched(ScaleInvariantPerceptron(), start_scale=norm, loss_scale=scale)


def _attention(norm: float, scale: float) -> Classifier:
    return Watched(ScaleInvariantAttention(), start_scale=norm, loss_scale=scale)


_CROSS = ((1.0, 1.0), (0.1, 1.0), (10.0, 1.0), (1.0, 0.01), (1.0, 100.0))  # of start and loss
# ln(400) / (lr weight_decay) is 3,000 steps or fewer. At a rate of 0.2 and more, angles of 0.2 lose all.
_QUICK = (0.02, 0.03, 0.05)
NETWORKS = (
    Game(
        "perceptron", _perceptron, measure_network,
        {
            "SGD": (0.03, 0.1, 0.3, 1.0), "SGD, decay": _QUICK, "Adam": (0.003, 0.01, 0.03),
            "NSGD": (0.1, 0.3, 1.0), "NSGD, decay": _QUICK,
        },
        _CROSS,
    ),
    Game(
        "attention", _attention, measure_network,
        {"SGD": (0.03, 0.1, 0.3, 1.0), "SGD, decay": _QUICK, "NSGD, decay": _QUICK}, _CROSS[::2],
    ),
)  # fmt: skip
