"""What is lost if Adam is replaced by a rule without state at Adam's own rates, with nothing tuned?

Claim under test: Beyond the paper: SGDA normalised in Adam's unit does what Adam does at Adam's own learning
rates.

Every game is a published recipe, as it is but for the width of its networks. Adam has the recipe's betas. The
other arms have no momentum and no state, and take the recipe's rates unchanged. Nothing is tuned, and every
run has a seed of its own.

An arm *recovers* Adam's result if its lead over Adam in mean score, paired by seed, is above minus the
game's margin with its whole bootstrap 95 % interval. It *loses* it if the lead is below that with its whole
interval.

Verdict rule, per game.

1. *Undecided* unless Adam's lead over sgda is above the margin with its whole interval. Otherwise there is
   nothing to recover.
2. *Supported* if nsgda rms recovers Adam's result, *contradicted* if it loses it.
3. Otherwise *undecided*.

The page shows every arm. Unit-length steps at Adam's rate are far too short, which is what a person finds who
pastes the paper's rule in.

Data by path: cifar10, a folder of its binary batches.
"""

from dataclasses import replace
from functools import partial

from paripassu.protocol import CUT_ALL, Arm, Comparison, Scale, Study
from paripassu.studies.arms import ADAM, HEAVY, NSGDA_GLOBAL, NSGDA_LAYER, NSGDA_RMS, PLAIN, SGDA, arms
from paripassu.studies.games import PASTED_DIGITS, pasted_cifar10
from paripassu.studies.grafting import judge_recovery_in_adams_unit


def _arms() -> tuple[Arm, ...]:
    """Adam of each family, and the arms without momentum in both."""
    stateless = [arm for arm in arms(NSGDA_RMS, NSGDA_LAYER, NSGDA_GLOBAL, SGDA) if arm.family == PLAIN]
    return (*arms(ADAM), *(replace(arm, family=family) for family in (PLAIN, HEAVY) for arm in stateless))


_compare = partial(
    Comparison,
    arms=_arms(),
    games=PASTED_DIGITS,
    verdict=judge_recovery_in_adams_unit,
    tuning=None,
    by_path={"cifar10": pasted_cifar10},
)
_SMOKE = _compare(size="smoke", confirmation_seeds=2)

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(_SMOKE, cut=(CUT_ALL,), decides=False),
        "small": Scale(_compare(size="small", confirmation_seeds=8)),
        "paper": Scale(_compare(size="paper", confirmation_seeds=20)),
    },
)
