"""Does Lion train a GAN through its magnitude or through its direction?

Claim under test: the direction of Lion alone trains a GAN as well as Lion does.

Verdict rule, per game, from the confirmation runs: *supported* if the whole bootstrap 95 % interval of the
direction's lead over Lion is above -0.1, *contradicted* if it is below -0.1, otherwise *undecided*.
"""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from own_rule import Lion

from paripassu.data import Ring
from paripassu.models import MLP
from paripassu.protocol import Arm, Comparison, Evidence, Game, Scale, Study, decide, run_study
from paripassu.records import Settings, Verdict
from paripassu.rules import SGD, Graft, Rule
from paripassu.train import Player, Run

ARMS = (
    Arm("lion", "sign(c)", Lion()),
    Arm("lion magnitude", "‖sign(c)‖ g / ‖g‖ per layer", Graft(magnitude=Lion(), direction=SGD())),
    Arm("lion direction", "‖g‖ sign(c) / ‖sign(c)‖ per layer", Graft(magnitude=SGD(), direction=Lion())),
)


def ring(rule: Rule, settings: Settings, steps: int, seed: int) -> Run:
    generator, discriminator = Player(rule, settings.lr_g), Player(rule, settings.lr_d)
    run = Run(Ring(), MLP(width=64), generator, discriminator, batch=256, steps=steps, seed=seed)
    return replace(run, decay=settings.decay, eval_every=steps)


GAME = Game(
    name="ring8",
    setting="ring of 8 Gaussians, MLP 3 x 64, batch 256",
    run=ring,
    metric="mode-overlap@2500",
    centres={"lion": 3e-4, "lion magnitude": 3e-4, "lion direction": 3e-2},
    steps={"smoke": 5, "small": 2000},
)


def verdict(evidence: Evidence) -> Verdict:
    lead = evidence.lead("lion direction", "lion")
    word = decide(supported=lead.low > -0.1, contradicted=lead.high < -0.1)
    return Verdict(word, f"The direction's lead over Lion is {lead}.")


_compare = partial(Comparison, ARMS, [GAME], verdict)
_SMOKE = _compare(size="smoke", tuning=None, confirmation_seeds=2)
STUDY = Study.from_file(__file__, {"smoke": Scale(_SMOKE, decides=False), "small": Scale(_compare("small"))})

if __name__ == "__main__":  # or: paripassu study run own_study.py --scale smoke
    print(run_study(STUDY, sys.argv[1], Path("runs/own-study")))
