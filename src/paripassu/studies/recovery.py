"""Does normalised SGDA recover the performance of Adam?

Claim under test: C3: normalised SGDA recovers Adam's performance on several datasets (arXiv:2210.04319).

The paper has two normalisations, per layer and per player, and either may recover it. With two attempts,
recovery by chance alone is up to twice as likely as with one.

Verdict rule, per game, from the confirmation runs. A, N and S are mean values (higher is better) of adam,
of one nsgda arm and of sgda; every interval is a bootstrap 95 % interval over seeds. An nsgda arm

- *recovers* if N - A is above zero with its whole interval, or if A - S is, and the share (N - S) / (A - S)
  of Adam's advantage over SGDA is above 0.8 with its whole interval;
- *fails* if N - A is below zero, and either that share is below 0.8 or A - S is not above zero, the first two
  with their whole interval, the last with any of it.

1. *Supported* if nsgda layer or nsgda global recovers.
2. *Contradicted* if both fail.
3. Otherwise *undecided*.

When this rule was written the results of the study grafting were known. Both studies confirm on the same
seeds. Where both chose the same rate for an arm on digits or ring8, the runs are the same, and no second
evidence.

Data by path: cifar10, a folder of its binary batches; cifar10-resnet, the same folder for WGAN-GP's ResNet
as published, which needs a GPU; mnist, its train-images-idx3-ubyte.gz; photographs, a folder, a zip or a
Parquet file.
"""

from collections.abc import Sequence
from functools import partial

from paripassu.evidence.intervals import bootstrap_interval
from paripassu.protocol import CUT_PHOTOGRAPHS, Comparison, Evidence, Study, standard_scales
from paripassu.records import Effect, Verdict
from paripassu.studies.arms import ADAM, ADAM_MAGNITUDE, NSGDA_GLOBAL, NSGDA_LAYER, SGDA
from paripassu.studies.games import BY_PATH, DIGITS, GRID25, RING8

_RECOVERED = 0.8
_RESNET = "cifar10-resnet"
_CUT_RESNET = f"Runs on {_RESNET} are a tenth as long as the published one."


def _attempt(adam: Sequence[float], nsgda: Sequence[float], sgda: Sequence[float]) -> tuple[str, str]:
    """The outcome of one normalisation, and the figures behind it in words."""
    lead = bootstrap_interval(lambda n, a: n - a, nsgda, adam)
    gain = bootstrap_interval(lambda a, s: a - s, adam, sgda)
    share = bootstrap_interval(lambda n, a, s: (n - s) / (a - s), nsgda, adam, sgda)
    has_gain = gain.low > 0
    figures = f"is {lead} ahead of adam" + (
        f" and has {share} of its advantage over sgda" if has_gain else ""
    )
    if lead.low > 0 or (has_gain and share.low > _RECOVERED):
        return "recovers", figures
    if lead.high < 0 and (share.high < _RECOVERED or not has_gain):
        return "fails", figures
    return "undecided", figures


def verdict(evidence: Evidence) -> Verdict:
    """The rule in this module's docstring."""
    values = evidence.scores
    adam, layer, whole, sgda = (values[a] for a in ("adam", "nsgda layer", "nsgda global", "sgda"))
    attempts = {
        "nsgda layer": _attempt(adam, layer, sgda),
        "nsgda global": _attempt(adam, whole, sgda),
    }
    lead = bootstrap_interval(lambda n, m, a: (n + m) / 2 - a, layer, whole, adam)
    effect = Effect(f"nSGDA's lead over Adam in {evidence.game.metric}, higher is better", *lead)
    reason = "; ".join(f"{arm} {figures}" for arm, (_, figures) in attempts.items()) + "."
    outcomes = {outcome for outcome, _ in attempts.values()}
    if "recovers" in outcomes:
        return Verdict("supported", reason, effect)
    return Verdict("contradicted" if outcomes == {"fails"} else "undecided", reason, effect)


_compare = partial(
    Comparison,
    arms=(ADAM, NSGDA_LAYER, NSGDA_GLOBAL, ADAM_MAGNITUDE, SGDA),
    games=(DIGITS, RING8, GRID25),
    verdict=verdict,
    by_path=BY_PATH,
)

STUDY = Study.from_file(__file__, standard_scales(_compare, cut=(CUT_PHOTOGRAPHS, _CUT_RESNET)))
