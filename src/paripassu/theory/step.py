"""One step of many runs at once: a pure function of one run, mapped over runs and perhaps traced.

Tracing leaves the tensor operations that a step consists of. To run these alone is two to four times faster
than to map the function anew at every step. The trace itself takes as long as some fifty steps.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, cast

import torch
from torch import Tensor
from torch.func import vmap
from torch.fx.experimental.proxy_tensor import make_fx

from paripassu.rules import FixedPace, Rule, State, rescale
from paripassu.theory.problem import Data, Problem, Weights
from paripassu.theory.recording import Updates

States: TypeAlias = dict[str, list[State]]  # one state per tensor of each player
Rates: TypeAlias = dict[str, Tensor]  # [] for one run, [R] for all

# Next weights, next states, and [players, 3] norms of each player's weights, gradient and step.
Stepped: TypeAlias = tuple[Weights, States, Tensor]
Step: TypeAlias = Callable[[Weights, States, Rates, Rates, Data], Stepped]


def first_states(rules: Mapping[str, Rule], weights: Weights) -> States:
    """States before the first step, tensors ``[R, ...]``.

    Raises:
        ValueError: a rule keeps something in its state that is no tensor.
    """
    states: States = {}
    for player, tensors in weights.items():
        try:
            # A state that does not depend on the weights, such as a count, gets a copy for each run.
            states[player] = [vmap(rules[player].init)(tensor) for tensor in tensors]
        except ValueError as error:
            raise ValueError(f"the states of {rules[player]} must be tensors: {error}") from error
    return states


def mapped_step(
    problem: Problem,
    rules: Mapping[str, Rule],
    updates: Updates,
    pace: FixedPace | None,
    arguments: tuple[Weights, States, Rates, Rates, Data],
    *,
    traced: bool,
) -> Step:
    """The step of all runs together, for arguments of the shapes of ``arguments``.

    Args:
        problem: what is played.
        rules: each player's.
        updates: whether all players move at once.
        pace: rescales one player's steps. With alternating updates its lead moves first.
        arguments: of the first step: weights, states, learning rates, the weight decay of those players
            that have one, and data.
        traced: whether to trace the step, for the same numbers sooner.

    Raises:
        ValueError: a rule's updates are not one for each tensor, of its shape and dtype; or a rule or a loss
            branches on values.
    """
    together = updates == "simultaneous"
    follower = pace.follower if pace else None
    # At once, the order does not matter, except that a follower needs the length of its lead's step.
    order = sorted(problem.players, key=lambda player: together and player == follower)

    def step(weights: Weights, states: States, rates: Rates, decays: Rates, data: Data) -> Stepped:
        following, next_states, sizes = dict(weights), dict(states), dict[str, Tensor]()
        gradients = problem.gradients(weights, data, problem.players) if together else {}
        for player in order:
            if not together:
                gradients = problem.gradients(following, data, (player,))
            own, rule = gradients[player], rules[player]
            directions, next_states[player] = rule.update(own, states[player], weights[player])
            _check(rule, directions, weights[player])
            if player in decays:
                decayed = zip(directions, weights[player], strict=True)
                directions = [direction + decays[player] * w for direction, w in decayed]
            if pace and player == follower:
                lead_norm, _, lead_step = sizes[pace.lead]
                length = pace.length(lead_step, lead_norm, _norm(weights[player]))
                moves = rescale(directions, [length] * len(directions), "global")
            else:
                moves = [rates[player] * direction for direction in directions]
            following[player] = tuple(w - move for w, move in zip(weights[player], moves, strict=True))
            sizes[player] = torch.stack([_norm(tensors) for tensors in (weights[player], own, moves)])
        return following, next_states, torch.stack([sizes[player] for player in problem.players])

    mapped = vmap(step)
    try:
        # Once before the trace, so that what a problem computes once and keeps is no part of it.
        mapped(*arguments)
        return cast(Step, make_fx(mapped)(*arguments) if traced else mapped)
    except RuntimeError as error:
        if not str(error).startswith("vmap"):
            raise
        names = ", ".join(sorted({repr(rule) for rule in rules.values()}))
        raise ValueError(
            f"runs cannot share a step: {problem} or {names} branches on values, or draws random numbers "
            f"({error})"
        ) from error


def _check(rule: Rule, updates: Sequence[Tensor], weights: Sequence[Tensor]) -> None:
    wanted = [(tuple(w.shape), w.dtype) for w in weights]
    given = [(tuple(u.shape), u.dtype) for u in updates]
    if given != wanted:
        raise ValueError(f"{rule} must give one update for each tensor, {wanted}, got {given}")


def _norm(tensors: Sequence[Tensor]) -> Tensor:
    """Euclidean norm over all of a player's tensors, ``[]``."""
    norms = [torch.linalg.vector_norm(tensor) for tensor in tensors]
    return norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms))
