"""The result of all arms on one game, from the tables of their runs."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from paripassu.evidence.intervals import Interval, estimate
from paripassu.evidence.tables import run_table
from paripassu.evidence.tuning import ease, expected_best_intervals, share_close_to_best
from paripassu.protocol.gans.arm_on_game import ArmOnGame, Ends, Job, values_of, worst_values
from paripassu.protocol.gans.deciding import measurement, step_measured
from paripassu.protocol.gans.game import Evidence, Game, Measure
from paripassu.records import ArmResult, Ease, GameResult, TrialResult


def game_result(
    own: Sequence[ArmOnGame], measures: Mapping[str, Measure], ends: Ends, out: Path, budget: int
) -> GameResult:
    """The result on one game.

    Args:
        own: every arm on this game.
        measures: of the confirmation runs.
        ends: of all runs.
        out: the study's folder.
        budget: number of trials that count.
    """
    game = own[0].game
    worst = worst_values([job for each in own for job in each.jobs(ends, budget)], ends)
    if game.metric not in worst:
        raise ValueError(
            f"no run on {game.name} has measured {game.metric}, because all of them diverged before: mend "
            "the game's networks or its loss"
        )
    measured = _measured(own, measures, ends, out, budget)
    judged = _judged(own, ends, out, budget)
    return GameResult(
        game=game.name,
        setting=f"{game.setting}, {own[0].steps:,} generator updates",
        metric=game.deciding,
        tuned_by=game.metric if game.judged_by else "",
        better=game.better,
        arms=[
            _arm_result(each, ends, worst, judged[each.arm.name] | measured[each.arm.name], budget)
            for each in own
        ],
        measures=list(measures),
        family=game.family,
        margin=game.margin_in_words,
    )


def evidence_of(result: GameResult, game: Game, metric: str = "") -> Evidence:
    """What a verdict rule sees of a result, with the scores of the deciding metric or of another."""
    arms = {arm.arm: arm for arm in result.arms}
    names = result.arms[0].estimates
    return Evidence(
        game,
        scores={
            n: [game.score(v) for v in a.estimates[metric or game.deciding].values] for n, a in arms.items()
        },
        estimates={name: {n: a.estimates[name].values for n, a in arms.items()} for name in names},
        trials={n: [game.score(t.values[0]) for t in a.trials] for n, a in arms.items()},
    )


def _measured(
    own: Sequence[ArmOnGame], measures: Mapping[str, Measure], ends: Ends, out: Path, budget: int
) -> dict[str, dict[str, list[float]]]:
    """Each measure of the confirmation runs by arm and name.

    A run without a value gets the largest one. If an arm has no run with a value, all of its values are NaN:
    what is known of other arms alone must not decide about it.
    """
    by_arm: dict[str, dict[str, list[float]]] = {each.arm.name: {} for each in own}
    for each in own if measures else ():
        for job in each.confirmation(ends, budget):
            finished = bool(ends[job.folder].finals)
            table = run_table(out / job.folder) if finished else None
            for name, measure in measures.items():
                value = math.nan if table is None else measure(table, job.run)
                by_arm[each.arm.name].setdefault(name, []).append(value)
    for name in measures:
        finite = [v for values in by_arm.values() for v in values[name] if math.isfinite(v)]
        for values in by_arm.values():
            is_known = any(map(math.isfinite, values[name]))
            worst = max(finite) if is_known else math.nan
            values[name] = [v if math.isfinite(v) else worst for v in values[name]]
    return by_arm


def _judged(
    own: Sequence[ArmOnGame], ends: Ends, out: Path, budget: int
) -> dict[str, dict[str, list[float]]]:
    """The deciding metric of the confirmation runs by arm, where it is not the one that tunes.

    A diverged run gets the worst of all that is measured: confirmation runs, and the untrained networks of
    those that diverged. Without these, the worst run of the arms that finished would stand for divergence.
    """
    game = own[0].game
    metric = game.judged_by
    if metric is None:
        return {each.arm.name: {} for each in own}
    found: dict[str, list[tuple[bool, float]]] = {}
    for each in own:
        ended = [(job, ends[job.folder]) for job in each.confirmation(ends, budget)]
        measured = [measurement(out / job.folder, job.run, metric, step_measured(end)) for job, end in ended]
        found[each.arm.name] = [
            (bool(end.finals), one.value if one else math.nan)
            for (_, end), one in zip(ended, measured, strict=True)
        ]
    values = [value for of_arm in found.values() for _, value in of_arm if math.isfinite(value)]
    worst = min(values, key=game.score, default=math.nan)
    return {
        arm: {metric.name: [value if is_finished else worst for is_finished, value in of_arm]}
        for arm, of_arm in found.items()
    }


def _arm_result(
    each: ArmOnGame,
    ends: Ends,
    worst: Mapping[str, float],
    measured: Mapping[str, list[float]],
    budget: int,
) -> ArmResult:
    def values(name: str, jobs: Sequence[Job]) -> list[float]:
        return values_of(name, jobs, ends, worst)

    def diverged(jobs: Sequence[Job]) -> int:
        return sum(not ends[job.folder].finals for job in jobs)

    finalists = each.finalists(ends, budget) or []
    trials: list[TrialResult] = []
    for settings, job in zip(each.points, each.trials(budget), strict=False):
        jobs = [job, *(each.again(settings) if settings in finalists else [])]
        trials.append(TrialResult(settings, values(each.game.metric, jobs), diverged(jobs)))
    chosen, confirmed = each.chosen(ends, budget), each.confirmation(ends, budget)
    assert chosen is not None  # all tuning has ended
    metrics = {name: values(name, confirmed) for name in worst}
    return ArmResult(
        arm=each.arm.name,
        description=each.arm.description,
        trials=trials,
        chosen=chosen,
        edges=each.tuning.space.edges(chosen, each.centre) if each.tuning else [],
        estimates={name: estimate(of_seeds) for name, of_seeds in {**metrics, **measured}.items()},
        diverged=diverged(confirmed),
        runs=[job.folder.as_posix() for job in confirmed],
        ease=_ease(each.game, [trial.values[0] for trial in trials]) if trials else None,
    )


def _ease(game: Game, values: Sequence[float]) -> Ease:
    """How easily an arm is tuned, in values of the metric."""
    scores = [game.score(value) for value in values]
    expected = expected_best_intervals(scores)
    mean = ease(scores)

    def span(interval: Interval) -> tuple[float, float]:
        if interval.low == -math.inf:
            return math.nan, math.nan
        low, high = sorted((game.unscore(interval.low), game.unscore(interval.high)))
        return low, high

    return Ease(
        expected=[game.unscore(each.value) for each in expected],
        low=[span(each)[0] for each in expected],
        high=[span(each)[1] for each in expected],
        mean=game.unscore(mean.value),
        mean_low=span(mean)[0],
        mean_high=span(mean)[1],
        close_to_best=share_close_to_best(values, higher=game.better == "higher"),
    )
