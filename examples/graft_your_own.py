"""An optimizer of your own: RMSprop's step length on momentum's direction, in a bilinear game.

In ``min_x max_y <x, y>`` both players should stop at 0, but simultaneous steps along the gradient spiral
outwards. The gradient grows with the distance, so SGD's steps do too, and it leaves exponentially, with
momentum all the faster. On the same directions, RMSprop's steps keep their length: the spiral is slow.
"""

from collections.abc import Callable

import torch
from torch import Tensor

import paripassu as pp
from paripassu.rules import SGD, RMSprop
from paripassu.theory.toy import bilinear

LR = 0.05
MAKERS: dict[str, Callable[[Tensor], torch.optim.Optimizer]] = {
    "SGD": lambda player: torch.optim.SGD([player], LR),
    "SGD with momentum": lambda player: torch.optim.SGD([player], LR, momentum=0.3),
    "RMSprop's length on momentum's direction": lambda player: pp.Graft(
        [player], LR, magnitude=RMSprop(alpha=0.9), direction=SGD(momentum=0.3)
    ),
}


def distances(make: Callable[[Tensor], torch.optim.Optimizer], steps: int) -> list[float]:
    """From the equilibrium, before each simultaneous step."""
    torch.manual_seed(0)
    x, y = torch.randn(4, requires_grad=True), torch.randn(4, requires_grad=True)
    optimizers = make(x), make(y)
    passed: list[float] = []
    for _ in range(steps):
        passed.append(torch.cat([x, y]).norm().item())
        for player, loss in zip((x, y), bilinear(x, y), strict=True):
            (player.grad,) = torch.autograd.grad(loss, player, retain_graph=True)
        for optimizer in optimizers:
            optimizer.step()
    return passed


def main(steps: int = 2001) -> dict[str, list[float]]:
    return {name: distances(make, steps) for name, make in MAKERS.items()}


if __name__ == "__main__":
    print("distance from the equilibrium after 0, 500, 1,000, 1,500 and 2,000 steps")
    for name, passed in main().items():
        print(f"{name:42}", *(f"{distance:8.1f}" for distance in passed[::500]))
