"""Is it Adam's length or Adam's direction that makes a network generalise worse from few labels?

Claim under test: networks that Adam fits to their training images generalise worse than those of gradient
descent (arXiv:2108.11371); and the cause is Adam's direction, not its length.

Two networks, a convolutional one and a perceptron, learn five digits of each class, all fifty at every step.
The fifty are drawn for each seed. Every arm plays four rates in its own unit on the seeds 0 and 1. Among the
rates at which all training digits are fitted, the one with the smallest validation error is chosen, the
smallest of several that are equal. Fresh seeds at that rate are judged by the error on 500 other digits. No
arm has momentum.

The verdict rule is the dissection's, with a margin of 0.03 for the test error. The prediction for both
networks is *direction*, with more error by Adam's. *Supported* if that is the word and the sign.
*Contradicted* if another word is decided, or the sign is the other. Otherwise *undecided*. It is
*undecided* too unless the training error is 0 in every run of the four rows of halves. The rule was fixed
before the first run.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paripassu.classifiers import Classifier, Convolutional, Network, Perceptron
from paripassu.evidence.dissection import HALVES, Column, dissect
from paripassu.protocol import CUT_ALL, Judgement, Scale, Study
from paripassu.protocol.sweeps import DissectionSweep, SweepDesign, Tables
from paripassu.records import Finding
from paripassu.studies.classifier_arms import harm, last, tuned_sweep
from paripassu.theory import Problem, Trajectories

_NETWORKS: Mapping[str, Network] = {
    "convolutional network": Convolutional(),
    "perceptron": Perceptron((32,)),
}
COLUMNS = tuple(
    Column(
        f"test error, {name}", "share of 500 test digits, by a network that fits five digits of each class",
        name, "test_error", good=0.15, bad=0.25, margin=0.03, study="generalisation",
    )
    for name in _NETWORKS
)  # fmt: skip


def measure(problem: Problem, paths: Trajectories) -> Mapping[str, NDArray[np.float64]]:
    """All errors and the training loss, at the end."""
    del problem
    return last(paths)


def verdict(sweep: DissectionSweep, tables: Tables) -> Judgement:
    """The rule in this module's docstring."""
    table = dissect(sweep.columns, tables.outcomes)
    halves = tables.outcomes.filter(pl.col("part") == "fresh", pl.col("arm").is_in(HALVES))
    findings: list[Finding] = []
    for column in sweep.columns:
        errors = halves.filter(condition=column.condition)["train_error"].fill_nan(1.0).fill_null(1.0)
        misfit = int((errors > 0).sum())
        blocked = f"{misfit} of {len(errors)} runs do not fit their training digits. " if misfit else ""
        findings.append(harm(column, table.effects[column.name], blocked))
    return Judgement(findings)


def _scale(steps: int, seeds: int, networks: Mapping[str, Network] = _NETWORKS) -> SweepDesign:
    problems = {
        name: (Classifier(network, per_class=5, batch=None), measure, steps)
        for name, network in networks.items()
    }
    return SweepDesign(tuned_sweep(problems, COLUMNS, seeds), verdict)


_TINY = {"convolutional network": Convolutional((1, 2)), "perceptron": Perceptron((2,))}
_SMALL_NETS = (
    "Digits of 8 x 8 and networks of a few thousand weights, at constant rates, without weight decay or "
    "augmentation."
)
_SHORT = "Runs have 200 steps and 8 fresh seeds instead of 3,000 and 64."

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(_scale(2, 2, _TINY), cut=(CUT_ALL,), decides=False),
        "small": Scale(_scale(200, 8), cut=(_SMALL_NETS, _SHORT)),
        "paper": Scale(_scale(3000, 64), cut=(_SMALL_NETS,)),
    },
)
