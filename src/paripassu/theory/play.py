r"""Any rule on any problem: many runs at once, in float64.

One step of one run is a pure function of weights, states, learning rates and data,

.. math:: u, s' = \text{rule}(\nabla \ell(w), s, w), \qquad w' = w - \eta\,(u + \lambda w),

and `play` maps it over runs with ``torch.func.vmap``. A faster path for a single problem, such as
`collapse.simulate`, is tested against this one.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from paripassu.rules import FixedPace, Rule
from paripassu.rules.rule import check_rule
from paripassu.sizes import check_sizes
from paripassu.theory.problem import Array, Data, Problem, Weights
from paripassu.theory.recording import (
    Records,
    Runs,
    Trajectories,
    Updates,
    broadcast_runs,
    check_updates,
    record_steps,
)
from paripassu.theory.step import Step, first_states, mapped_step

_T = TypeVar("_T")

_TRACED = 100  # steps from which on a trace saves more than it costs


def constant(n: int) -> float:
    """Learning rates that stay the same: factor 1 at every update n.

    Example:
        >>> from paripassu.theory import constant
        >>> constant(1), constant(100)
        (1.0, 1.0)
    """
    del n
    return 1.0


def inverse_sqrt(n: int) -> float:
    """Learning rates that fall like 1/√n over the updates n = 1, 2, ...

    Example:
        >>> from paripassu.theory import inverse_sqrt
        >>> inverse_sqrt(1), inverse_sqrt(100)
        (1.0, 0.1)
    """
    return n**-0.5


def inverse(n: int) -> float:
    """Learning rates that fall like 1/n over the updates n = 1, 2, ...

    Example:
        >>> from paripassu.theory import inverse
        >>> inverse(1), inverse(100)
        (1.0, 0.01)
    """
    return 1.0 / n


def play(
    problem: Problem,
    rules: Rule | Mapping[str, Rule],
    lr: ArrayLike | Mapping[str, ArrayLike],
    steps: int,
    seeds: ArrayLike,
    *,
    updates: Updates = "simultaneous",
    weight_decay: ArrayLike | Mapping[str, ArrayLike] = 0.0,
    schedule: Callable[[int], float] = constant,
    pace: FixedPace | None = None,
    record: ArrayLike | None = None,
    start: Mapping[str, Sequence[ArrayLike]] | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Trajectories:
    """Play ``problem`` by ``rules``, every run on its own.

    A run's path depends on its own learning rates and seed alone, up to rounding, not on the runs beside it.
    A run whose weights or gradients stop being finite has diverged: its records end there, and the others go
    on.

    Args:
        problem: what is played.
        rules: the rule of every player, or one rule for each player by name.
        lr: learning rates > 0 of every player, or of each player by name. They broadcast with ``seeds`` to R
            runs: ``lr=[[0.1], [0.2]], seeds=range(8)`` makes 16.
        steps: updates of each player, >= 1.
        seeds: whole numbers >= 0. A seed decides a run's start and all its data.
        updates: ``"simultaneous"``, or ``"alternating"``: each player sees the new weights of those before
            it in ``problem.players``.
        weight_decay: λ >= 0 of every player, or of each player by name; it broadcasts as ``lr`` does. It is
            decoupled, as in the optimizers: the rule does not see it. Coupled decay is a term of the loss.
        schedule: factor on all learning rates at update n = 1, 2, ...: `constant`, `inverse_sqrt`, `inverse`
            or a function like them, with values >= 0. It is also called for n = ``steps`` + 1, the coming
            step of the last record.
        pace: rescales the steps of one player to a fixed pace. That player then has no learning rate: leave
            it out of a mapping; `Trajectories.lr` has NaN for it.
        record: increasing steps to record, within 0..``steps``; `log_steps` without it.
        start: each player's first tensors ``[R, ...]``, instead of the problem's own.
        progress: called with the number of steps done, after each.

    Returns:
        Records and final weights, see `Trajectories`.

    Raises:
        ValueError: a setting out of its range; a player without a rule or learning rate, or a rule or rate
            without a player; a pace of other players, or, with alternating updates, of a lead that moves
            after its follower; shapes that do not broadcast; a rule whose updates are not one for each
            tensor, of its shape and dtype.

    Example:
        >>> from paripassu.rules import SGD
        >>> from paripassu.theory import Bilinear, play
        >>> paths = play(Bilinear(), SGD(), lr=0.1, steps=2, seeds=[0], record=[0, 2])
        >>> square = paths.norms["x"] ** 2 + paths.norms["y"] ** 2
        >>> float((square[0, 1] / square[0, 0]).round(9))  # each step multiplies it by 1 + lr^2
        1.0201
    """
    players = problem.players
    check_updates(updates)
    if updates == "alternating" and len(players) == 1:
        raise ValueError(f"updates 'alternating' needs two players, this problem has {players}")
    check_sizes(1, steps=steps)
    _check_pace(pace, players, updates)
    rule_of = _rules(rules, players)
    recorded = record_steps(steps, record)
    given = None if start is None else _tensors(_per_player("start", start, players))
    starts = None if given is None else _count(given)
    factors = _factors(schedule, steps)
    lr_of, decay_of, runs = _runs(lr, weight_decay, seeds, players, starts, pace)

    distinct, which = np.unique(runs.seeds, return_inverse=True)
    weights, data = problem.starts(distinct.tolist())
    weights, data = _of_players(weights, which), _of_runs(data, which)
    if given is not None:
        weights = _checked(_of_players(given, runs.starts), weights)
    states = first_states(rule_of, weights)
    base = {player: torch.from_numpy(lr) for player, lr in lr_of.items()}
    decays = {player: torch.from_numpy(decay) for player, decay in decay_of.items() if decay.any()}
    records = Records(problem, recorded, weights, data)
    step_of_runs: Step | None = None
    drawn: Data = {}
    for step in range(steps + 1):
        block, within = divmod(step, problem.steps_per_draw)
        if within == 0:
            drawn = _of_runs(problem.draws(distinct.tolist(), block), which)
        now = data | {name: values[:, within] for name, values in drawn.items()}
        scaled = _scaled(base, factors[step])
        if step_of_runs is None:
            arguments = (weights, states, scaled, decays, now)
            step_of_runs = mapped_step(problem, rule_of, updates, pace, arguments, traced=steps >= _TRACED)
        following, next_states, sizes = step_of_runs(weights, states, scaled, decays, now)
        records.see(step, weights, sizes)
        if step == steps or records.all_diverged:
            break
        weights, states = following, next_states
        progress(step + 1)
    return records.result(runs.seeds, lr_of, weights)


def _check_pace(pace: FixedPace | None, players: Sequence[str], updates: Updates) -> None:
    if pace is None:
        return
    if not {pace.lead, pace.follower} <= set(players):
        raise ValueError(
            f"a pace is of two of the players {tuple(players)}, got {pace.lead!r} and {pace.follower!r}"
        )
    if updates == "alternating" and players.index(pace.lead) > players.index(pace.follower):
        raise ValueError(
            f"with alternating updates {pace.follower!r} moves before {pace.lead!r} and cannot follow its "
            "pace: exchange the two, or use simultaneous updates"
        )


def _rules(rules: Rule | Mapping[str, Rule], players: Sequence[str]) -> dict[str, Rule]:
    rule_of = _per_player("rules", rules, players)
    for player, rule in rule_of.items():
        check_rule(f"the rule of {player!r}", rule)
    return rule_of


def _runs(
    lr: ArrayLike | Mapping[str, ArrayLike],
    weight_decay: ArrayLike | Mapping[str, ArrayLike],
    seeds: ArrayLike,
    players: Sequence[str],
    starts: int | None,
    pace: FixedPace | None,
) -> tuple[dict[str, Array], dict[str, Array], Runs]:
    """Each player's learning rates and weight decays ``[R]``, and the runs' seeds and starts."""

    def named(
        name: str, given: ArrayLike | Mapping[str, ArrayLike], players: Sequence[str]
    ) -> dict[str, tuple[str, ArrayLike]]:
        own = _per_player(name, given, players)
        return {p: (f"{name} of {p!r}" if isinstance(given, Mapping) else name, own[p]) for p in players}

    with_rates = [player for player in players if pace is None or player != pace.follower]
    rates, decays = named("lr", lr, with_rates), named("weight_decay", weight_decay, players)
    runs = broadcast_runs(dict(rates.values()), seeds, starts, decays=dict(decays.values()))
    none = dict.fromkeys(players, np.full(len(runs.seeds), math.nan))
    return (
        none | {player: runs.rates[name] for player, (name, _) in rates.items()},
        {player: runs.rates[name] for player, (name, _) in decays.items()},
        runs,
    )


def _factors(schedule: Callable[[int], float], steps: int) -> list[float]:
    """Of all updates and the one after them, before any is played."""
    factors = [schedule(n) for n in range(1, steps + 2)]
    for n, factor in enumerate(factors, 1):
        if not 0 <= factor < math.inf:
            raise ValueError(
                f"schedule must give finite factors >= 0, got {factor} at update {n}: it is called for 1 to "
                f"steps + 1 = {steps + 1}, the coming step of the last record"
            )
    return factors


def _scaled(rates: dict[str, Tensor], factor: float) -> dict[str, Tensor]:
    return rates if factor == 1 else {player: rate * factor for player, rate in rates.items()}


def _per_player(name: str, given: _T | Mapping[str, _T], players: Sequence[str]) -> dict[str, _T]:
    if not isinstance(given, Mapping):
        return dict.fromkeys(players, cast(_T, given))
    given = cast(Mapping[str, _T], given)
    if set(given) != set(players):
        raise ValueError(f"{name} must name the players {tuple(players)}, got {tuple(given)}")
    return {player: given[player] for player in players}


def _of_runs(values: Mapping[str, Tensor], which: NDArray[np.int64]) -> Data:
    return {name: tensor[which] for name, tensor in values.items()}


def _of_players(weights: Weights, which: NDArray[np.int64]) -> Weights:
    return {player: tuple(tensor[which] for tensor in tensors) for player, tensors in weights.items()}


def _tensors(start: Mapping[str, Sequence[ArrayLike]]) -> Weights:
    return {
        player: tuple(torch.from_numpy(np.array(tensor, np.float64)) for tensor in tensors)
        for player, tensors in start.items()
    }


def _count(start: Weights) -> int:
    """Of the starts that were given."""
    shapes = {player: [tuple(tensor.shape) for tensor in own] for player, own in start.items()}
    counts = {shape[:1] for own in shapes.values() for shape in own}
    if len(counts) != 1 or () in counts:
        raise ValueError(f"start must give tensors [R, ...] of the same R, got the shapes {shapes}")
    return counts.pop()[0]


def _checked(start: Weights, like: Weights) -> Weights:
    for player, own in like.items():
        wanted, given = ([tuple(tensor.shape) for tensor in side] for side in (own, start[player]))
        if given != wanted:
            raise ValueError(f"start of {player!r} must have the shapes {wanted}, got {given}")
    return start
