"""What a sweep over the synthetic framework rests on: maps, paths in the plane of the modes, pace, growth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from paripassu.evidence import series
from paripassu.evidence.collapse import (
    METHODS,
    NEURONS_TABLE,
    OUTCOMES_TABLE,
    PATHS_TABLE,
    VARIED,
    deciding_outcomes,
    sweep_table,
)
from paripassu.records import StudyResult
from paripassu.report import collapse_figures, figures
from paripassu.report.collapse_tables import EVER, exponents, recovery, summary
from paripassu.report.page import Block, Figure, Section, Text

_VARIED = {
    "rarest": "Unequal modes: probability of the rarer of the two",
    "gamma": "Overlap γ: inner product of the modes, or how often both coefficients are on",
    "modes": "How many modes: orthogonal, equally likely",
    "n_generator": "Generator neurons m_G",
    "n_discriminator": "Discriminator neurons m_D",
}
_SEEDS_IN_PLANE = 4  # more, and the lines hide each other


def run_sections(result: StudyResult, folder: Path) -> list[Section]:
    """Of one configuration, watched over time."""
    return [Section("Outcomes", [_game(result), summary(result, folder)]), *_over_time(result, folder)]


def phase_sections(result: StudyResult, folder: Path) -> list[Section]:
    """Of a sweep over pairs of learning rates."""
    outcomes = sweep_table(result, folder, OUTCOMES_TABLE).filter(pl.col("part").is_in(["grid", "patient"]))
    maps: list[Block] = [Text(EVER + " Hover for the shares of every outcome.")]
    for (method, _), own in outcomes.group_by("method", "part", maintain_order=True):
        budget = f"{METHODS[str(method)]}, {own['steps'][0]:,} steps"
        for column, words in (("ever", "ever"), ("end", "at the end")):
            maps.append(
                Figure(
                    collapse_figures.outcome_map(own, column),
                    f"{budget}: every mode {words}",
                    f"Share of runs, out of {own['seed'].n_unique()} seeds for each pair of learning rates.",
                )
            )
    return [
        Section("The best pair of each grid, on fresh seeds", [_game(result), summary(result, folder)]),
        Section("Outcomes over the learning rates", maps),
        *_over_time(result, folder),
    ]


def scaling_sections(result: StudyResult, folder: Path) -> list[Section]:
    """Of a sweep over dimensions."""
    fresh = deciding_outcomes(result, folder)
    growth = Figure(
        collapse_figures.growth(fresh, result.fits, _methods(fresh)),
        "First recovery against the dimension",
        f"At the best rates for each dimension, chosen on other seeds. The budget is {fresh['steps'][0]:,} "
        "steps. An open marker is a seed that did not recover within it, so its time is longer than shown.",
    )
    return [
        Section("Growth", [_game(result), growth, exponents(result)]),
        Section("Every dimension", [summary(result, folder)]),
    ]


def vary_sections(result: StudyResult, folder: Path) -> list[Section]:
    """Of a sweep that varies one setting at a time."""
    outcomes = sweep_table(result, folder, OUTCOMES_TABLE)
    names = _methods(outcomes)
    sections = [Section("The game", [_game(result)])]
    for part in VARIED:
        own, title = outcomes.filter(part=part), _VARIED[part]
        caption = f"Share of {own['seed'].n_unique()} seeds, 95 % interval, {own['steps'][0]:,} steps. {EVER}"
        figure = Figure(collapse_figures.shares(own, part, names, title), title, caption)
        sections.append(Section(title.partition(":")[0], [figure, recovery(own, (part,))]))
    return sections


def _game(result: StudyResult) -> Text:
    framework = result.settings["framework"]
    d = "" if result.kind == "scaling" else f"d = {framework['d']:,}, "
    return Text(
        "A linear generator and a cubic discriminator play on data that lie on a few modes, in the exact "
        f"reduction to a few dozen dimensions: {d}γ = {framework['gamma']:g}, "
        f"{framework['n_discriminator']} discriminator and {framework['n_generator']} generator neurons. "
        "A mode is recovered when some latent's output is within cosine 0.95 of it."
    )


def _over_time(result: StudyResult, folder: Path) -> list[Section]:
    """Of the runs that were watched: the neurons' paths, and the pace."""
    paths, neurons = sweep_table(result, folder, PATHS_TABLE), sweep_table(result, folder, NEURONS_TABLE)
    names = _methods(paths)
    tidy = paths.with_columns(arm=pl.col("method").replace_strict(METHODS))
    arms = list(names.values())
    pace: list[Block] = [
        Figure(
            _curves(tidy, pl.col("pace_d") / pl.col("pace_g"), arms, "pace"),
            "Pace of one player over that of the other",
            "Relative step of the discriminator over that of the generator. A relative step is the length of "
            "a step over the length of the player's weights. At 1 both move at the same pace.",
        ),
        *(
            Figure(
                _curves(tidy, pl.col(column), arms, "length of a step / of the weights"),
                f"Pace of {player}",
                "Mean and range over seeds.",
            )
            for player, column in (("the discriminator", "pace_d"), ("the generator", "pace_g"))
        ),
        Figure(
            _curves(tidy, pl.col("mass"), arms, "share of latents", log=False),
            "How much of the generator outputs a mode",
            "Probability of the latents that output some mode, mean and range over seeds.",
        ),
    ]
    first = {method: _first_seeds(neurons, method) for method in names}
    planes: list[Block] = [
        Figure(
            collapse_figures.plane(first[method], _gamma(result)),
            f"{title}: the generator's neurons in the plane of the modes",
            f"Each line is a neuron of {_one_of(first[method]['seed'].n_unique())}. Near 0 it is at right "
            "angles to both modes, at a star it outputs that mode, at the cross their average.",
        )
        for method, title in names.items()
    ]
    return [Section("Paths through the plane of the modes", planes), Section("Pace over time", pace)]


def _curves(
    tidy: pl.DataFrame, value: pl.Expr, arms: Sequence[str], y: str, *, log: bool = True
) -> figures.Figure:
    frame = tidy.select("arm", "step", "seed", value=value).filter(pl.col("step") > 0)
    line = 1.0 if y == "pace" else None
    figure = figures.curves(series.over_seeds(frame), arms, y=y, log=log, line=line)
    figure["layout"]["xaxis"] |= {"type": "log", "title": {"text": "steps"}}
    return figure


def _first_seeds(neurons: pl.DataFrame, method: str) -> pl.DataFrame:
    own = neurons.filter(method=method, player="generator")
    return own.filter(pl.col("seed").is_in(own["seed"].unique().sort().head(_SEEDS_IN_PLANE).implode()))


def _one_of(seeds: int) -> str:
    return f"one of {seeds} seeds" if seeds > 1 else "one seed"


def _gamma(result: StudyResult) -> float:
    framework: dict[str, Any] = result.settings["framework"]
    return float(framework["gamma"]) if framework["law"] == "modes" else 0.0


def _methods(table: pl.DataFrame) -> Mapping[str, str]:
    """The titles of the methods that a table has, in the order of legends."""
    return {name: title for name, title in METHODS.items() if name in table["method"]}
