"""Studies of seconds, and engines for them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from paripassu.data import Ring
from paripassu.engine.engine import Result, Task
from paripassu.files import write_whole
from paripassu.models import MLP
from paripassu.protocol import Arm, Comparison, Evidence, Game, Scale, Study, Tuning
from paripassu.protocol.gans.arm_on_game import RunUnit
from paripassu.records import (
    RECORDS_FILE,
    RUN_FILE,
    End,
    Metric,
    RunHeader,
    Settings,
    Verdict,
    environment,
)
from paripassu.records.codec import RecordWriter, dump
from paripassu.rules import SGD, Normalize, Rule
from paripassu.train import Player, Run

ARMS = [Arm("wild", "wild", SGD()), Arm("calm", "calm", Normalize())]


class Here:
    """An engine that does every task in this process: others are the engine's tests'."""

    at_once = 1

    def execute(self, function: Callable[[Task], Result], tasks: Sequence[Task], /):
        return ((task, function(task)) for task in tasks)


class Peaked:
    """Runs whose metric falls by one for every decade of the generator's rate from a best one.

    A second takes a step, and ``clock`` advances by that. A run whose score is None diverges.
    """

    at_once = 1
    untrained = 0.0

    def __init__(self, best: float, clock: Any = None):
        self.best, self.clock = best, clock
        self.runs: list[Run] = []

    def execute(self, function, tasks, /):
        carry_out = RunUnit.carry_out
        RunUnit.carry_out = lambda unit: self._play(unit)
        try:
            yield from ((task, function(task)) for task in tasks)
        finally:
            RunUnit.carry_out = carry_out

    def score(self, run: Run) -> float | None:
        return 9 - abs(math.log10(run.generator.lr / self.best))

    def _play(self, unit):
        unit.path.mkdir(parents=True)
        self.runs.append(unit.run)
        header = RunHeader(unit.run.settings(), environment(unit.command), key=unit.run.key())
        write_whole(unit.path / RUN_FILE, dump(header))
        seconds = float(unit.run.steps)
        with RecordWriter(unit.path / RECORDS_FILE) as write:
            score = self.score(unit.run)
            write(Metric(0, "mode-overlap@50", self.untrained))
            if score is not None:
                write(Metric(unit.run.steps, "mode-overlap@50", score))
            write(End(unit.run.steps, "diverged" if score is None else "finished", "", seconds))
        if self.clock:
            self.clock.now += seconds
        return []


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
