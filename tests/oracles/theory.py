"""Slow twins of the theory: the framework's value, and a loop over the steps of one run.

`value` enumerates the expectations in full dimension, with nothing of ours in it. `play_one` plays any
problem by any rule, one run and one operation after another, with gradients by torch's autograd.
"""

from itertools import combinations

import numpy as np
import torch


def full_modes(framework) -> torch.Tensor:
    """``[modes, d]``: the modes where `reduce_start` expects them."""
    modes = torch.zeros(framework.modes, framework.d, dtype=torch.float64)
    modes[:, : framework.modes] = torch.from_numpy(framework.mode_coordinates())
    return modes


def value(framework, W, V, ab) -> torch.Tensor:
    """E log D(X) + E log(1 - D(G(z))), expectations enumerated."""
    modes = full_modes(framework)
    if framework.law == "modes":
        weights = framework.weights or [1 / framework.modes] * framework.modes
        data = list(zip(modes, weights, strict=True))
    else:
        both = (1 - framework.gamma) / 2
        data = [(modes[0], both), (modes[1], both), (modes[0] + modes[1], framework.gamma)]
    m = framework.n_generator
    fakes = [(V[j], (1 - framework.p_pair) / m) for j in range(m)]
    pairs = list(combinations(range(m), 2))
    fakes += [(V[i] + V[j], framework.p_pair / len(pairs)) for i, j in pairs]

    def logit(x):
        s, bend = W @ x, framework.d**0.2
        beyond = 3 * bend**2 * s - torch.sign(s) * 2 * bend**3
        return ab[0] * torch.where(s.abs() <= bend, s**3, beyond).sum() + ab[1]

    logsigmoid = torch.nn.functional.logsigmoid
    real = sum(rate * logsigmoid(logit(x)) for x, rate in data)
    fake = sum(rate * logsigmoid(-logit(x)) for x, rate in fakes)
    return real + fake


def play_one(problem, rules, lr, steps, seed, *, updates="simultaneous", schedule=lambda n: 1.0):
    """Final weights of one run, each player's tensors; ``rules`` and ``lr`` by player."""
    rng = np.random.Generator(np.random.Philox(seed))
    weights = {
        player: [torch.tensor(tensor) for tensor in tensors] for player, tensors in problem.start(rng).items()
    }
    fixed = problem.run_data(rng)
    states = {player: [rules[player].init(tensor) for tensor in own] for player, own in weights.items()}

    def gradient(player, data):
        leaves = {name: [x.clone().requires_grad_() for x in own] for name, own in weights.items()}
        loss = problem.losses({name: tuple(own) for name, own in leaves.items()}, data)[player]
        return torch.autograd.grad(loss, leaves[player])

    for step in range(steps):
        block, within = divmod(step, problem.steps_per_draw)
        rng = np.random.Generator(np.random.Philox(key=[seed, block]))
        drawn = problem.step_data(rng, problem.steps_per_draw)
        chance = {**fixed, **{name: values[within] for name, values in drawn.items()}}
        data = {name: torch.as_tensor(value) for name, value in chance.items()}
        together = {player: gradient(player, data) for player in problem.players}
        for player in problem.players:
            own = together[player] if updates == "simultaneous" else gradient(player, data)
            moves, states[player] = rules[player].update(list(own), states[player], weights[player])
            rate = lr[player] * schedule(step + 1)
            weights[player] = [w - rate * move for w, move in zip(weights[player], moves, strict=True)]
    return weights
