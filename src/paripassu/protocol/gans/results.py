"""The result of all arms on one game, from the tables of their runs."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from paripassu.evidence.intervals import estimate
from paripassu.evidence.tables import run_table, run_tables
from paripassu.metrics import better
from paripassu.protocol.gans.arm_on_game import ArmOnGame, Ends, Job
from paripassu.protocol.gans.game import Game, Measure
from paripassu.records import ArmResult, GameResult, RateResult


def game_result(
    own: Sequence[ArmOnGame], measures: Mapping[str, Measure], ends: Ends, out: Path
) -> GameResult:
    """The result on one game.

    Args:
        own: every arm on this game.
        measures: of the confirmation runs.
        ends: of all runs.
        out: the study's folder.
    """
    game = own[0].game
    worst = _worst(own, ends, out)
    measured = _measured(own, measures, ends, out)
    return GameResult(
        game=game.name,
        setting=f"{game.setting}, {own[0].steps:,} generator updates",
        metric=game.metric,
        better=game.better,
        arms=[_arm_result(each, ends, worst, measured[each.arm.name]) for each in own],
        measures=list(measures),
    )


def scores_of(result: GameResult, game: Game) -> dict[str, list[float]]:
    """The deciding metric by arm and seed, signed so that higher is better."""
    return {a.arm: [game.sign * v for v in a.estimates[game.metric].values] for a in result.arms}


def _worst(own: Sequence[ArmOnGame], ends: Ends, out: Path) -> dict[str, float]:
    """The worst value of each metric in any run on the game, at any step."""
    folders = [out / job.folder for each in own for job in each.jobs(ends)]
    metrics = run_tables(folders, ["Metric"]).filter(pl.col("value").is_finite())
    extremes = metrics.group_by("name").agg(low=pl.col("value").min(), high=pl.col("value").max())
    return {
        row["name"]: row["low"] if better(row["name"]) == "higher" else row["high"]
        for row in extremes.sort("name").iter_rows(named=True)
    }


def _measured(
    own: Sequence[ArmOnGame], measures: Mapping[str, Measure], ends: Ends, out: Path
) -> dict[str, dict[str, list[float]]]:
    """Each measure of the confirmation runs by arm and name; a diverged run gets the largest value."""
    by_arm: dict[str, dict[str, list[float]]] = {each.arm.name: {} for each in own}
    for each in own if measures else ():
        for job in each.confirmation(ends):
            finished = bool(ends[job.folder].finals)
            table = run_table(out / job.folder) if finished else None
            for name, measure in measures.items():
                value = math.nan if table is None else measure(table)
                by_arm[each.arm.name].setdefault(name, []).append(value)
    for name in measures:
        finite = [v for values in by_arm.values() for v in values[name] if math.isfinite(v)]
        for values in by_arm.values():
            values[name] = [v if math.isfinite(v) else max(finite, default=math.nan) for v in values[name]]
    return by_arm


def _arm_result(
    each: ArmOnGame, ends: Ends, worst: Mapping[str, float], measured: Mapping[str, list[float]]
) -> ArmResult:
    def values(name: str, jobs: Sequence[Job]) -> list[float]:
        return [ends[job.folder].finals.get(name, worst[name]) for job in jobs]

    def diverged(jobs: Sequence[Job]) -> int:
        return sum(not ends[job.folder].finals for job in jobs)

    rates: list[RateResult] = []
    for lr in each.tried(ends) if each.tuning_seeds else ():
        jobs = each.tuning(lr)
        rates.append(RateResult(lr, estimate(values(each.game.metric, jobs)), diverged(jobs)))
    lr, confirmed = each.chosen(ends), each.confirmation(ends)
    assert lr is not None  # all tuning has ended
    metrics = {name: values(name, confirmed) for name in worst}
    return ArmResult(
        arm=each.arm.name,
        description=each.arm.description,
        grid=rates,
        lr=lr,
        on_edge=bool(rates) and lr in (rates[0].lr, rates[-1].lr),
        estimates={name: estimate(of_seeds) for name, of_seeds in {**metrics, **measured}.items()},
        diverged=diverged(confirmed),
        runs=[job.folder.as_posix() for job in confirmed],
    )
