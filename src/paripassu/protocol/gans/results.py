"""The result of all arms on one game, from the tables of their runs."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from paripassu.evidence.intervals import Interval, estimate
from paripassu.evidence.tables import run_table, run_tables
from paripassu.evidence.tuning import ease, expected_best_intervals, share_close_to_best
from paripassu.metrics import better
from paripassu.protocol.gans.arm_on_game import ArmOnGame, Ends, Job
from paripassu.protocol.gans.deciding import measurement
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
    worst = _worst(own, ends, out, budget)
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


def _worst(own: Sequence[ArmOnGame], ends: Ends, out: Path, budget: int) -> dict[str, float]:
    """The worst value of each metric in any run on the game, at any step."""
    folders = [out / job.folder for each in own for job in each.jobs(ends, budget)]
    metrics = run_tables(folders, ["Metric"]).filter(pl.col("value").is_finite())
    extremes = metrics.group_by("name").agg(low=pl.col("value").min(), high=pl.col("value").max())
    return {
        row["name"]: row["low"] if better(row["name"]) == "higher" else row["high"]
        for row in extremes.sort("name").iter_rows(named=True)
    }


def _measured(
    own: Sequence[ArmOnGame], measures: Mapping[str, Measure], ends: Ends, out: Path, budget: int
) -> dict[str, dict[str, list[float]]]:
    """Each measure of the confirmation runs by arm and name; a diverged run gets the largest value."""
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
            values[name] = [v if math.isfinite(v) else max(finite, default=math.nan) for v in values[name]]
    return by_arm


def _judged(
    own: Sequence[ArmOnGame], ends: Ends, out: Path, budget: int
) -> dict[str, dict[str, list[float]]]:
    """The deciding metric of the confirmation runs by arm, where it is not the one that tunes.

    A diverged run gets the worst value of these runs.
    """
    game = own[0].game
    metric = game.judged_by
    if metric is None:
        return {each.arm.name: {} for each in own}
    values: dict[str, list[float]] = {}
    for each in own:
        found = [
            measurement(out / job.folder, job.run, metric) if ends[job.folder].finals else None
            for job in each.confirmation(ends, budget)
        ]
        values[each.arm.name] = [one.value if one else math.nan for one in found]
    finite = [value for of_arm in values.values() for value in of_arm if math.isfinite(value)]
    worst = min(finite, key=game.score, default=math.nan)
    return {
        arm: {metric.name: [value if math.isfinite(value) else worst for value in of_arm]}
        for arm, of_arm in values.items()
    }


def _arm_result(
    each: ArmOnGame,
    ends: Ends,
    worst: Mapping[str, float],
    measured: Mapping[str, list[float]],
    budget: int,
) -> ArmResult:
    def values(name: str, jobs: Sequence[Job]) -> list[float]:
        return [ends[job.folder].finals.get(name, worst[name]) for job in jobs]

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
