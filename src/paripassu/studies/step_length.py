"""At Adam's learning rates the steps of normalised SGDA are longer than Adam's. Is that the difference?

Claim under test: Beyond the paper: where SGDA normalised in Adam's unit is ahead of Adam at Adam's learning
rates, or behind, the length of its steps is the reason.

An element of Adam's step moves by less than the learning rate where gradients vary. In the study lead it
moves by 0.62 of it in the generator and 0.42 in the discriminator on CIFAR-10 with R1, by 0.34 and 0.20 on
digits with R1, and by 0.52 and 0.36 on the ring (geometric means over probed steps and seeds). An element of
nSGDA's step moves by the whole of it. So at equal rates both the rule and the length differ. Here each rule
plays at both lengths, at fixed rates and with nothing tuned. *adam* and *nsgda rms* have the rates that were
tuned for Adam. *nsgda rms shorter* has these rates times the factors above, so that its steps are as long as
Adam's. *adam longer* has them divided by the factors, though its steps need not follow its rate. All have
momentum 0.5, Adam as its beta 1. The page shows the mean length of each player's steps.

The lead of nsgda rms over adam has two parts: the length's, which is its lead over nsgda rms shorter, and the
rule's, which is the lead of nsgda rms shorter over adam. Leads are differences in mean score, paired by seed,
and their intervals are bootstrap 95 % intervals.

Verdict rule, per game.

1. *Undecided* unless the lead of nsgda rms over adam is above or below zero with its whole interval.
2. *Supported* if the length's part is on the same side of zero with its whole interval, and the rule's part
   is not. *Contradicted* if the rule's part is, and the length's part is not.
3. Otherwise *undecided*.

The rule was written before its runs. On CIFAR-10 three runs each at the shorter and the longer rates had been
seen, on seeds of the study lead. The ring was added after the result on digits. The seeds here were used for
nothing else.

Data by path: cifar10, a folder of its binary batches, with the non-saturating loss and R1.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

from paripassu.evidence.intervals import Interval
from paripassu.evidence.measures import step_length
from paripassu.protocol import Comparison, Evidence, Game, Study, decide, untuned_scales
from paripassu.records import Effect, Settings, Verdict
from paripassu.studies import games
from paripassu.studies.arms import ADAM, HEAVY, NSGDA_RMS, arms
from paripassu.studies.games import DIGITS, RING8
from paripassu.studies.lead import TUNED_ON_CIFAR10, TUNED_ON_DIGITS, TUNED_ON_RING

ADAM_LONGER, NSGDA_SHORTER = "adam longer", "nsgda rms shorter"

_ADAM, _NSGDA = (arm for arm in arms(ADAM, NSGDA_RMS) if arm.family == HEAVY)
_ARMS = (_ADAM, replace(_ADAM, name=ADAM_LONGER), _NSGDA, replace(_NSGDA, name=NSGDA_SHORTER))


def _at_both_lengths(game: Game, tuned: Settings, generator: float, discriminator: float) -> Game:
    """``game`` with each rule at the settings tuned for Adam, and at the other rule's lengths there.

    Args:
        game: to play.
        tuned: for Adam.
        generator: mean length of Adam's steps over that of nSGDA's, at these settings.
        discriminator: the same of the other player.
    """
    shorter = replace(tuned, lr_g=tuned.lr_g * generator, lr_d=tuned.lr_d * discriminator)
    longer = replace(tuned, lr_g=tuned.lr_g / generator, lr_d=tuned.lr_d / discriminator)
    return replace(game, chosen={ADAM: tuned, ADAM_LONGER: longer, NSGDA_RMS: tuned, NSGDA_SHORTER: shorter})


def cifar10(path: Path) -> tuple[Game]:
    """CIFAR-10's training images with R1.

    Args:
        path: a folder of its binary batches.
    """
    with_r1, *_ = games.cifar10(path)
    return (_at_both_lengths(with_r1, TUNED_ON_CIFAR10, 0.62, 0.42),)


def judge(evidence: Evidence) -> Verdict:
    """The rule in this module's docstring."""
    lead = evidence.lead(NSGDA_RMS, ADAM)
    length, rule = evidence.lead(NSGDA_RMS, NSGDA_SHORTER), evidence.lead(NSGDA_SHORTER, ADAM)
    side = _side(lead)
    by_length, by_rule = (_side(part) == side != 0 for part in (length, rule))
    word = decide(supported=by_length and not by_rule, contradicted=by_rule and not by_length)
    return Verdict(
        word,
        f"{NSGDA_RMS} leads Adam by {lead}. The length's part of this is {length}, the rule's {rule}. "
        f"Adam with longer steps leads Adam by {evidence.lead(ADAM_LONGER, ADAM)}.",
        Effect("the length's part of the lead, on the scale of scores", *length),
    )


def _side(lead: Interval) -> int:
    """1 above zero with the whole interval, -1 below, otherwise 0."""
    return int(lead.low > 0) - int(lead.high < 0)


_compare = partial(
    Comparison,
    arms=_ARMS,
    games=(
        _at_both_lengths(RING8, TUNED_ON_RING, 0.52, 0.36),
        _at_both_lengths(DIGITS, TUNED_ON_DIGITS, 0.34, 0.20),
    ),
    verdict=judge,
    measures={
        f"{player} step": lambda table, _, player=player: step_length(table, player)
        for player in ("generator", "discriminator")
    },
    first_seed=3000,
    by_path={"cifar10": cifar10},
)

STUDY = Study.from_file(__file__, untuned_scales(_compare))
