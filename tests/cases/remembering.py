"""Momentum of either sign, and optimistic steps, as one rule: a double of both."""

from dataclasses import dataclass

import torch

from paripassu.rules.rule import TensorwiseRule


@dataclass(frozen=True)
class Remembering(TensorwiseRule):
    """``scale`` gradients and ``old`` memories; the memory is the gradient plus ``kept`` of it."""

    scale: float
    old: float
    kept: float

    def init(self, tensor):
        return {"memory": torch.zeros_like(tensor)}

    def update_tensor(self, gradient, state, _weight):
        memory = state["memory"]
        return self.scale * gradient + self.old * memory, {"memory": gradient + self.kept * memory}
