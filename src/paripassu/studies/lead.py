"""Is normalised SGDA ahead of tuned Adam if it takes the rates that were tuned for Adam?

Claim under test: Beyond the paper: at the learning rates tuned for Adam, SGDA normalised in Adam's unit, with
Adam's momentum, is ahead of Adam.

The study grafting suggested it on CIFAR-10 with R1, and at first on the ring of 8: of 28 pairs of arms this
one had an interval above zero, and tuning had chosen the same pair of rates for both. One pair of 28 may be
ahead by chance, so this study asks again, on seeds that were used for nothing else. On digits with R1 both
were level, each at rates of its own. So they were on the ring, once the best trials ran again at full length.
Adam has the rates and the decay that were tuned for it. nSGDA takes both unchanged, and nothing is tuned for
it. Its arms differ by momentum. Momentum 0.5 was in the study grafting, and has the verdict; the others show
what momentum is worth.

Verdict rule. The lead is the difference in mean score between nsgda rms 0.5 and Adam, paired by seed. Its
interval is a bootstrap 95 % interval. *Supported* if all of it is above zero, *contradicted* if all of it is
below zero, *undecided* otherwise.

Data by path: cifar10, a folder of its binary batches, with the non-saturating loss and R1.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

from paripassu.protocol import Arm, Comparison, Evidence, Game, Study, decide, untuned_scales
from paripassu.records import Effect, Settings, Verdict
from paripassu.rules import SGD, Normalize
from paripassu.studies import games
from paripassu.studies.arms import ADAM, HEAVY, arms
from paripassu.studies.games import DIGITS, RING8

# For Adam, by the study grafting: at scale small, and on CIFAR-10 with R1 at scale short.
TUNED_ON_RING = Settings(2.4e-3, 3.1e-3, "cosine")
TUNED_ON_DIGITS = Settings(0.014, 0.11, "linear")
TUNED_ON_CIFAR10 = Settings(1.6e-3, 4.7e-3, "linear")

_JUDGED = "nsgda rms 0.5"


def _normalised(momentum: float) -> Arm:
    rule = Normalize(SGD(momentum), "layer", "rms")
    return Arm(
        f"nsgda rms {momentum:g}", f"√n b / ‖b‖ per layer of n weights, momentum {momentum:g}", rule, HEAVY
    )


_ARMS = (*(arm for arm in arms(ADAM) if arm.family == HEAVY), *(_normalised(m) for m in (0.0, 0.5, 0.9)))


def _at_adams_rates(game: Game, tuned: Settings) -> Game:
    """``game`` with every arm at the settings that were tuned for Adam."""
    return replace(game, chosen={arm.name: tuned for arm in _ARMS})


def cifar10(path: Path) -> tuple[Game]:
    """CIFAR-10's training images with R1, at the rates that the study grafting tuned for Adam at scale short.

    Args:
        path: a folder of its binary batches.
    """
    with_r1, *_ = games.cifar10(path)
    return (_at_adams_rates(with_r1, TUNED_ON_CIFAR10),)


def judge(evidence: Evidence) -> Verdict:
    """The rule in this module's docstring."""
    lead = evidence.lead(_JUDGED, ADAM)
    word = decide(supported=lead.low > 0, contradicted=lead.high < 0)
    return Verdict(
        word, f"{_JUDGED} leads Adam by {lead}.", Effect("lead over Adam, on the scale of scores", *lead)
    )


_compare = partial(
    Comparison,
    arms=_ARMS,
    games=(
        _at_adams_rates(RING8, TUNED_ON_RING),
        _at_adams_rates(DIGITS, TUNED_ON_DIGITS),
    ),
    verdict=judge,
    first_seed=2000,
    by_path={"cifar10": cifar10},
)

STUDY = Study.from_file(__file__, untuned_scales(_compare))
