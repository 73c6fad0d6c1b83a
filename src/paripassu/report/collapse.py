"""The page of a sweep over the synthetic framework: verdicts, maps, ways through the plane, pace, growth."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import polars as pl

from paripassu.evidence import tables as series
from paripassu.records import SWEEP_FILE, SweepKind, SweepResult
from paripassu.records.codec import load
from paripassu.report import collapse_figures as theory_figures
from paripassu.report import figures
from paripassu.report.page import (
    PAGE_FOLDER,
    Badge,
    Block,
    Figure,
    Page,
    Section,
    Table,
    Text,
    environment_blocks,
    left_out,
)

_TITLES: dict[SweepKind, str] = {
    "run": "The synthetic framework, one configuration",
    "phase": "Which learning rates recover every mode?",
    "scaling": "How does the time to recover every mode grow with the dimension?",
    "vary": "What does the recovery depend on?",
}
NAMES = {
    "nsgda": "nSGDA",
    "sgda": "SGDA",
    "adam": "Adam",
    "ada-nsgda": "Ada-nSGDA",
    "adadir": "AdaDir",
}
_VARIED = {
    "rarest": "Unequal modes: probability of the rarer of the two",
    "gamma": "Overlap γ: inner product of the modes, or how often both coefficients are on",
    "modes": "How many modes: orthogonal, equally likely",
    "n_generator": "Generator neurons m_G",
    "n_discriminator": "Discriminator neurons m_D",
}
_TITLES_OF_KEYS = {
    "rarest": "rarer mode",
    "gamma": "γ",
    "n_generator": "m_G",
    "n_discriminator": "m_D",
    "part": "",
}
_SEEDS_IN_PLANE = 4  # more, and the lines hide each other
_EVER = "Ever: at some recorded step within the budget. At the end: at the last step."


def write_theory_page(folder: Path) -> Path:
    """Write the page of the sweep in ``folder`` from its result and its tables.

    Returns:
        The path of the page.

    Raises:
        ValueError: the folder's files are not a sweep's, or damaged.
    """
    result = load(folder / SWEEP_FILE, SweepResult)
    names = {name: title for name, title in NAMES.items() if name in _methods(result)}
    blocks: list[Block] = [Badge(claim.claim, claim.verdict) for claim in result.claims]
    sections: list[Section] = []
    if result.finished:
        outcomes = table(folder, "outcomes")
        sections = {
            "run": lambda: _run(result, folder, outcomes, names),
            "phase": lambda: _phase(result, folder, outcomes, names),
            "scaling": lambda: _scaling(result, outcomes, names),
            "vary": lambda: _vary(outcomes, names),
        }[result.kind]()
    else:
        blocks.append(Text("Not finished: the command below goes on where it stopped."))
    purpose = result.purpose
    blocks += [*left_out(purpose.cut), *(Text(remark) for remark in result.remarks)]
    page = Page(
        title=title(result),
        lead=f"Claim under test: {purpose.claim} {_lead(result)}" if purpose.claim else _lead(result),
        blocks=blocks,
        sections=[
            *sections,
            *([Section("Protocol", [Text(purpose.rule)])] if purpose.rule else []),
            Section("How it was made", environment_blocks(result.environment, _settings(result))),
        ],
    )
    return page.write(folder / PAGE_FOLDER)


def title(result: SweepResult) -> str:
    """A sweep's question."""
    return result.purpose.question or _TITLES[result.kind]


_KEYS: dict[SweepKind, tuple[str, ...]] = {
    "run": ("d", "lr_d", "lr_g", "steps"),
    "phase": ("lr_d", "lr_g", "steps"),
    "scaling": ("d", "lr_d", "lr_g"),
    "vary": ("part", "setting"),
}


def headline(result: SweepResult, folder: Path) -> Table:
    """The table that sums a sweep up, of `headline_outcomes`."""
    outcomes = headline_outcomes(result, folder)
    return recovery_table(outcomes, _KEYS[result.kind], to_the_end=result.kind != "scaling")


def headline_outcomes(result: SweepResult, folder: Path) -> pl.DataFrame:
    """The runs that sum a sweep up: the fresh seeds where there are some, else all.

    What a sweep of kind vary gave each part stands in a column ``setting``.
    """
    outcomes = table(folder, "outcomes")
    if result.kind in ("phase", "scaling"):
        outcomes = outcomes.filter(pl.col("part").str.starts_with("fresh"))
    if result.kind == "vary":
        own = [outcomes.filter(pl.col("part") == part) for part in _VARIED]
        outcomes = pl.concat(
            [part.with_columns(setting=pl.col(part["part"][0]).cast(pl.Float64)) for part in own]
        )
    return outcomes


def recovery_table(outcomes: pl.DataFrame, keys: Sequence[str], *, to_the_end: bool = True) -> Table:
    """How many runs had every mode ever and at the end, and when first, for each value of ``keys``.

    Args:
        outcomes: one row per run.
        keys: columns to tell apart, beside the method.
        to_the_end: whether runs went on after they had every mode; else their end says nothing.
    """
    rows = outcomes.group_by("method", *keys, maintain_order=True).agg(
        pl.len().alias("runs"),
        (pl.col("ever") == "all").sum(),
        (pl.col("end") == "all").sum(),
        pl.col("first_recovery").median().alias("median"),
        (pl.col("end") == "diverged").sum().alias("diverged"),
    )
    counted = ("ever", "end", "diverged") if to_the_end else ("ever", "diverged")
    titles = {"ever": "ever", "end": "at the end", "diverged": "diverged"}
    return Table(
        (
            "method",
            *(_TITLES_OF_KEYS.get(key, key) for key in keys),
            *(titles[name] for name in counted),
            "first, median",
        ),
        [
            (
                NAMES[row["method"]],
                *(_cell(row[key]) for key in keys),
                *(f"{row[name]} of {row['runs']}" for name in counted),
                f"{row['median']:,.0f}" if math.isfinite(row["median"]) else "never",
            )
            for row in rows.iter_rows(named=True)
        ],
        caption="Runs that had every mode. "
        + (_EVER if to_the_end else "A run stops at the first record with every mode."),
    )


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _run(result: SweepResult, folder: Path, outcomes: pl.DataFrame, names: dict[str, str]) -> list[Section]:
    return [
        Section("Outcomes", [recovery_table(outcomes, _KEYS["run"])]),
        *_paths(result, folder, names),
    ]


def _phase(result: SweepResult, folder: Path, outcomes: pl.DataFrame, names: dict[str, str]) -> list[Section]:
    parts = [
        (method, part, own)
        for (method, part), own in outcomes.filter(pl.col("part").is_in(["grid", "patient"])).group_by(
            "method", "part", maintain_order=True
        )
    ]
    maps: list[Block] = [Text(_EVER + " Hover for the shares of every outcome.")]
    for method, _, own in parts:
        budget = f"{names[str(method)]}, {own['steps'][0]:,} steps"
        for column, told in (("ever", "ever"), ("end", "at the end")):
            maps.append(
                Figure(
                    theory_figures.outcome_map(own, column),
                    f"{budget}: every mode {told}",
                    f"Share of runs, out of {own['seed'].n_unique()} seeds for each pair of learning rates.",
                )
            )
    best = outcomes.filter(pl.col("part").str.starts_with("fresh"))
    return [
        Section("The best pair of each grid, on fresh seeds", [recovery_table(best, _KEYS["phase"])]),
        Section("Outcomes over the learning rates", maps),
        *_paths(result, folder, names),
    ]


def _scaling(result: SweepResult, outcomes: pl.DataFrame, names: dict[str, str]) -> list[Section]:
    fresh = outcomes.filter(pl.col("part") == "fresh")
    fits = Table(
        ("method", "exponent", "95 % interval", "over d"),
        [
            (
                NAMES[fit.method],
                f"{fit.exponent:.2f}" if math.isfinite(fit.exponent) else "none",
                f"{fit.low:.2f} to {fit.high:.2f}" if math.isfinite(fit.exponent) else "",
                ", ".join(f"{d:,}" for d in fit.dimensions),
            )
            for fit in result.fits
        ],
        caption="Time proportional to d to this power, fitted where most seeds recovered within the budget.",
    )
    growth = Figure(
        theory_figures.growth(fresh, result.fits, names),
        "First recovery against the dimension",
        f"At the best rates for each dimension, chosen on other seeds; budget {fresh['steps'][0]:,} steps. "
        "Open markers: seeds that did not recover within it, so their time is longer than shown.",
    )
    return [
        Section("Growth", [growth, fits]),
        Section("Every dimension", [recovery_table(fresh, _KEYS["scaling"], to_the_end=False)]),
    ]


def _vary(outcomes: pl.DataFrame, names: dict[str, str]) -> list[Section]:
    return [
        Section(
            title.partition(":")[0],
            [
                Figure(
                    theory_figures.shares(own, part, names, title),
                    title,
                    f"Share of {own['seed'].n_unique()} seeds, 95 % interval, {own['steps'][0]:,} steps. "
                    + _EVER,
                ),
                recovery_table(own, (part,)),
            ],
        )
        for part, title in _VARIED.items()
        for own in [outcomes.filter(pl.col("part") == part)]
    ]


def _paths(result: SweepResult, folder: Path, names: dict[str, str]) -> list[Section]:
    paths, neurons = table(folder, "paths"), table(folder, "neurons")
    arms = list(names.values())
    tidy = paths.with_columns(arm=pl.col("method").replace_strict(NAMES))
    both = {
        "the discriminator": "pace_d",
        "the generator": "pace_g",
    }
    pace: list[Block] = [
        Figure(
            _curves(tidy, pl.col("pace_d") / pl.col("pace_g"), arms, "pace"),
            "Pace of one player over that of the other",
            "Relative step of the discriminator over that of the generator, each its length over the length "
            "of the player's weights. At 1 both move at the same pace.",
        ),
        *(
            Figure(
                _curves(tidy, pl.col(column), arms, "length of a step / of the weights"),
                f"Pace of {player}",
                "Mean and range over seeds.",
            )
            for player, column in both.items()
        ),
        Figure(
            _curves(tidy, pl.col("mass"), arms, "share of latents", log=False),
            "How much of the generator outputs a mode",
            "Probability of the latents that output some mode, mean and range over seeds.",
        ),
    ]
    ways: list[Block] = [
        Figure(
            theory_figures.plane(_first_seeds(neurons, method), _gamma(result)),
            f"{title}: the generator's neurons in the plane of the modes",
            f"Each line is a neuron of one of {_SEEDS_IN_PLANE} seeds: near 0 it points away from both "
            "modes, at a star it outputs that mode, at the cross their average.",
        )
        for method, title in names.items()
    ]
    return [Section("Ways through the plane of the modes", ways), Section("Pace over time", pace)]


def _curves(
    tidy: pl.DataFrame, value: pl.Expr, arms: Sequence[str], y: str, *, log: bool = True
) -> go.Figure:
    frame = tidy.select("arm", "step", "seed", value=value).filter(pl.col("step") > 0)
    line = 1.0 if y == "pace" else None
    figure = figures.curves(series.over_seeds(frame), arms, y=y, log=log, line=line)
    figure.update_xaxes(type="log", title={"text": "steps"})
    return figure


def _first_seeds(neurons: pl.DataFrame, method: str) -> pl.DataFrame:
    own = neurons.filter((pl.col("method") == method) & (pl.col("player") == "generator"))
    return own.filter(pl.col("seed").is_in(own["seed"].unique().sort().head(_SEEDS_IN_PLANE).implode()))


def _gamma(result: SweepResult) -> float:
    framework: dict[str, Any] = result.settings["framework"]
    return float(framework["gamma"]) if framework["law"] == "modes" else 0.0


def _methods(result: SweepResult) -> Sequence[str]:
    return result.settings.get("methods", ("nsgda", "sgda"))


def _lead(result: SweepResult) -> str:
    framework: dict[str, Any] = result.settings["framework"]
    d = "" if result.kind == "scaling" else f"d = {framework['d']:,}, "
    return (
        "A linear generator and a cubic discriminator on data that lie on a few modes, played in the exact "
        f"reduction to a few dozen dimensions: {d}γ = {framework['gamma']:g}, "
        f"{framework['n_discriminator']} discriminator and {framework['n_generator']} generator neurons. "
        "A mode is recovered when some latent's output is within cosine 0.95 of it."
    )


def _settings(result: SweepResult) -> list[tuple[str, str]]:
    flat = {name: value for name, value in result.settings.items() if name != "framework"}
    flat |= result.settings["framework"]
    flat = {"study": result.purpose.study, "scale": result.purpose.scale} | flat
    told = {
        name: ", ".join(map(str, v)) if isinstance(v, list | tuple) else str(v) for name, v in flat.items()
    }
    return [
        (name.replace("_", " "), value) for name, value in told.items() if value not in ("None", "{}", "")
    ]


def table(folder: Path, name: str) -> pl.DataFrame:
    """One of a sweep's tables: outcomes, paths or neurons.

    Raises:
        ValueError: it is missing or damaged.
    """
    path = folder / f"{name}.parquet"
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ValueError(
            f"{path} is missing or damaged: give the sweep's command again to write it"
        ) from error
