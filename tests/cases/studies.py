"""A study of seconds, for tests of what studies share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from paripassu.data import Ring
from paripassu.engine.engine import Result, Task
from paripassu.models import MLP
from paripassu.protocol.study import Arm, Dataset, Evidence, Scale, Study
from paripassu.records import Verdict
from paripassu.rules import SGD, Normalize, Rule
from paripassu.train import Player, Run


class Here:
    """An engine that does every task in this process: others are the engine's tests'."""

    def execute(self, function: Callable[[Task], Result], tasks: Sequence[Task], /):
        return ((task, function(task)) for task in tasks)


def _tiny(rule: Rule, lr: float, steps: int, seed: int) -> Run:
    player = Player(rule, lr)
    every = {"log_every": 2, "probe_every": 2, "eval_every": steps, "checkpoint_every": steps}
    sizes = {"batch": 8, "eval_samples": 50}
    return Run(Ring(), MLP(width=4, depth=1), player, player, steps=steps, seed=seed, **sizes, **every)


def tiny_verdict(evidence: Evidence) -> Verdict:
    return Verdict("undecided", " ".join(sorted(evidence.goodness)))


def tiny_study(centres: Mapping[str, float], **more: Any) -> Study:
    rules = {"wild": SGD(), "calm": Normalize()}
    chosen = dict.fromkeys(rules, 1e-3)
    dataset = Dataset("ring8", "a ring", _tiny, "mode-overlap@50", centres, chosen)
    scales = {
        "smoke": Scale(3, 2, 3, {"ring8": 4}, beyond=0, cut=("Nearly everything.",)),
        "untuned": Scale(1, 0, 2, {"ring8": 4}),
    }
    arms = [Arm(name, name, rules[name]) for name in rules]
    return Study(
        "tiny", "Is it?", "It is.", "None.", arms, [dataset], scales, **{"verdict": tiny_verdict} | more
    )
