"""The demo's three acts: studies of seconds that show what the studies of hours measure.

An act shows one thing, and decides nothing:

1. The framework, at the rates that the study collapse chose for nSGDA at d = 10,000.
2. Digits, with each arm's rate in the middle of the range that the study grafting tunes in.
3. A ring of eight modes, at the best rates of a search by hand on seeds 0 and 1, and at twice these rates.

Every run shows a seed that no search has seen. Rates fall linearly to zero.
"""

from dataclasses import replace
from functools import partial

from paripassu.data import Ring
from paripassu.models import MLP
from paripassu.protocol import Arm, Comparison, Evidence, Game, Scale, Study
from paripassu.protocol.sweeps import RunSweep
from paripassu.records import Settings, Verdict
from paripassu.rules import SGD, Rule
from paripassu.studies import custom
from paripassu.studies.arms import (
    ADAM,
    ADAM_DIRECTION,
    ADAM_MAGNITUDE,
    HEAVY,
    NSGDA_RMS,
    SGDA,
    arms,
)
from paripassu.studies.games import DIGITS as DIGITS_GAME
from paripassu.studies.games import played
from paripassu.theory import Framework
from paripassu.train import Player, Run

SCALE = "demo"
_SEEDS = 2
_PICTURES = 10  # measurements and pictures of a run

# SGDA alone depends on its rate so much: at a third of 0.1 it has not arrived, at twice it loses modes.
_RING_RATES = {ADAM: 3e-3, NSGDA_RMS: 1e-3, SGDA: 1e-1}

_CUT = (
    f"Nothing is tuned, and there are {_SEEDS} seeds: no difference here is decided. The studies tune every "
    "arm and judge it on fresh seeds."
)


def _watched(game: Game, rule: Rule, settings: Settings, steps: int, seed: int) -> Run:
    """A run of ``game`` with enough pictures to watch it."""
    run = game.run(rule, settings, steps, seed)
    every = {"eval_every": max(1, steps // _PICTURES), "probe_every": max(1, steps // 20)}
    return replace(run, **every, checkpoint_every=steps, log_every=20)


def _nothing_decided(_: Evidence) -> Verdict:
    return Verdict("undecided", "The demo shows runs, and decides nothing.")


def _act(name: str, question: str, games: tuple[Game, ...], own: tuple[Arm, ...]) -> Study:
    shown = tuple(replace(game, run=partial(_watched, game)) for game in games)
    of_family = [arm for arm in own if arm.family == HEAVY]
    compare = Comparison(of_family, shown, _nothing_decided, SCALE, tuning=None, confirmation_seeds=_SEEDS)
    return Study(
        name, question, "", "The demo decides nothing.", {SCALE: Scale(compare, (_CUT,), decides=False)}
    )


def _ring(name: str, words: str, factor: float) -> Game:
    unset = Player(SGD(), 1.0)
    run = Run(Ring(std=0.05), MLP(latent=2, width=64, depth=3), unset, unset, batch=128)
    rates = {arm: factor * rate for arm, rate in _RING_RATES.items()}
    return Game(
        name,
        f"ring of 8 Gaussians (radius 2, std 0.05), MLP 3 x 64, non-saturating loss, batch 128, {words}",
        partial(played, run),
        "mode-overlap@2500",
        centres=rates,
        steps={SCALE: 1000},
        family=HEAVY,
    )


FRAMEWORK = custom.run(RunSweep(Framework(d=100_000), lr_d=1.0, lr_g=0.01, seeds=32, steps=5000))
DIGITS = _act(
    "demo-digits",
    "Which half of Adam do digits need?",
    (replace(DIGITS_GAME, steps={SCALE: 300}),),
    arms(ADAM, ADAM_MAGNITUDE, NSGDA_RMS, ADAM_DIRECTION, SGDA),
)
RING = _act(
    "demo-ring",
    "Who keeps all eight modes of a ring?",
    (_ring("ring", "each arm's best rates", 1.0), _ring("ring-doubled", "twice these rates", 2.0)),
    arms(ADAM, NSGDA_RMS, SGDA),
)
