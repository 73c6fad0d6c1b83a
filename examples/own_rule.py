"""A rule of your own, taken apart: Lion's magnitude and Lion's direction, each without the other.

    u = sign(b1 m + (1 - b1) g),    m <- b2 m + (1 - b2) g

Chen et al. 2023, arXiv:2302.06675. On the command line: ``paripassu train --optimizer-d own_rule.py:Lion``.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from paripassu.data import Ring
from paripassu.models import MLP
from paripassu.rules import SGD, Graft, Rule, State, TensorwiseRule
from paripassu.train import Player, Run, evaluate, train


@dataclass(frozen=True)
class Lion(TensorwiseRule):
    """Every weight moves equally far."""

    b1: float = 0.5
    b2: float = 0.9

    def init(self, tensor: Tensor) -> State:
        """The moving mean ``m``."""
        return {"m": torch.zeros_like(tensor)}

    def update_tensor(self, gradient: Tensor, state: State, _weight: Tensor, /) -> tuple[Tensor, State]:
        """``u`` and the next ``m``."""
        m = state["m"]
        return torch.lerp(gradient, m, self.b1).sign(), {"m": torch.lerp(gradient, m, self.b2)}


RULES: dict[str, tuple[Rule, float]] = {
    "Lion": (Lion(), 3e-4),
    "Lion's magnitude, the gradient's direction": (Graft(magnitude=Lion(), direction=SGD()), 3e-4),
    "Lion's direction, the gradient's magnitude": (Graft(magnitude=SGD(), direction=Lion()), 3e-2),
}


def share_near_modes(rule: Rule, lr: float, steps: int) -> float:
    player = Player(rule, lr)
    run = Run(Ring(), MLP(width=64), player, player, batch=256, steps=steps, eval_every=steps)
    with tempfile.TemporaryDirectory() as folder:
        train(run, Path(folder))
        return evaluate(run, Path(folder))[1]["high-quality@2500"]


def main(steps: int = 1000) -> dict[str, float]:
    return {name: share_near_modes(rule, lr, steps) for name, (rule, lr) in RULES.items()}


if __name__ == "__main__":
    for name, share in main().items():
        print(f"{name:44} {share:.0%} of samples within 3 std of one of 8 modes")
