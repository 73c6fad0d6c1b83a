"""Studies of seconds, and engines for them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from paripassu.data import Ring
from paripassu.engine.engine import Result, Task
from paripassu.models import MLP
from paripassu.protocol import Arm, Comparison, Evidence, Game, Scale, Study, Tuning
from paripassu.records import Settings, Verdict
from paripassu.rules import SGD, Normalize, Rule
from paripassu.train import Player, Run

ARMS = [Arm("wild", "wild", SGD()), Arm("calm", "calm", Normalize())]


class Here:
    """An engine that does every task in this process: others are the engine's tests'."""

    at_once = 1

    def execute(self, function: Callable[[Task], Result], tasks: Sequence[Task], /):
        return ((task, function(task)) for task in tasks)


def tiny_run(rule: Rule, settings: Settings, steps: int, seed: int) -> Run:
    players = Player(rule, settings.lr_g), Player(rule, settings.lr_d)
    every = {"log_every": 2, "probe_every": 2, "eval_every": steps, "checkpoint_every": steps}
    sizes = {"batch": 8, "eval_samples": 50}
    own = {"decay": settings.decay, "steps": steps, "seed": seed}
    return Run(Ring(), MLP(width=4, depth=1), *players, **own, **sizes, **every)


def tiny_game(centres: Mapping[str, float], **more: Any) -> Game:
    chosen = dict.fromkeys((arm.name for arm in ARMS), Settings(1e-3, 2e-3, "cosine"))
    game = Game("ring8", "a ring", tiny_run, "mode-overlap@50", centres, {"smoke": 4, "untuned": 4}, chosen)
    return replace(game, **more)


def tiny_verdict(evidence: Evidence) -> Verdict:
    return Verdict("undecided", " ".join(sorted(evidence.scores)))


def tiny_comparison(centres: Mapping[str, float] | None = None, **more: Any) -> Comparison:
    game = tiny_game(centres or {"wild": 1e-2, "calm": 1e-2})
    given = {"tuning": Tuning(trials=3, finalists=2, seeds=2), "confirmation_seeds": 3}
    given |= {"arms": ARMS, "games": [game], "verdict": tiny_verdict, "size": "smoke"}
    return Comparison(**given | more)


def tiny_study(centres: Mapping[str, float] | None = None, *, words: str = "Is it?", **more: Any) -> Study:
    """Scales ``smoke``, which tunes, and ``untuned``."""
    scales = {
        "smoke": Scale(tiny_comparison(centres, **more), cut=("Nearly everything.",)),
        "untuned": Scale(
            tiny_comparison(centres, **{"size": "untuned", "tuning": None, "confirmation_seeds": 2} | more)
        ),
    }
    return Study("tiny", words, "It is.", "None.", scales)
