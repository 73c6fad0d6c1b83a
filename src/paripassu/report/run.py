"""The page of one run."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from paripassu.records import RUN_FILE, Record, RunHeader, end_of, load
from paripassu.report import figures, series
from paripassu.report.page import (
    PAGE_FOLDER,
    Block,
    Code,
    Figure,
    Page,
    Pictures,
    Section,
    Table,
    Text,
    environment_blocks,
)

_SHOWN_PICTURES = 6


def write_run_page(folder: Path) -> Path:
    """Write the page of the run in ``folder`` from its records.

    Returns:
        The path of the page.

    Raises:
        ValueError: the folder's files are not a run's, or damaged.
    """
    header = load(folder / RUN_FILE, RunHeader)
    records = series.read_runs({"run": [folder]})
    page = Page(
        title=folder.resolve().name,
        lead=_lead(records["run"][0]),
        blocks=[],
        sections=[
            Section("Measurements", _measurements(records)),
            Section("Samples", [_samples(records["run"][0], folder)]),
            Section("Updates", update_figures(records, ["run"])),
            Section("Settings", [Code(json.dumps(header.settings, indent=2, ensure_ascii=False))]),
            Section("How it was made", environment_blocks(header.environment, _seed(header.settings))),
        ],
    )
    return page.write(folder / PAGE_FOLDER)


def update_figures(records: Mapping[str, Sequence[Sequence[Record]]], arms: Sequence[str]) -> list[Block]:
    """How far each player's steps went, and the pace of one against the other."""
    updates = series.updates(records)
    blocks: list[Block] = []
    for player in ("discriminator", "generator"):
        steps = updates.filter(updates["player"] == player)
        figure = figures.curves(series.over_seeds(steps, "update"), arms, y="length of a step", log=True)
        caption = f"Length of the {player}'s probed steps in weight space, as measured from the weights."
        blocks.append(Figure(figure, f"How far the {player} steps", caption))
    pace = series.over_seeds(series.pace(updates))
    caption = (
        "Relative step of the discriminator over that of the generator, each its length over the length of "
        "the player's weights. At 1 both move at the same pace; a flat line is a constant one."
    )
    blocks.append(Figure(figures.curves(pace, arms, y="pace", log=True, line=1.0), "Pace", caption))
    return blocks


def _lead(records: Sequence[Record]) -> str:
    end = end_of(records)
    if end is None:
        last = max((record.step for record in records), default=0)
        return (
            f"Not finished: the last record is of step {last:,}. The command below goes on where it stopped."
        )
    told = f"{end.outcome.capitalize()} after {end.step:,} generator updates, {end.seconds:.0f} s."
    return f"{told} {end.reason.capitalize()}." if end.reason else told


def _measurements(records: Mapping[str, Sequence[Sequence[Record]]]) -> list[Block]:
    metrics = series.metrics(records)
    losses = series.losses(records)
    names = metrics["name"].unique(maintain_order=True).to_list()
    rows = [
        (name, *(f"{value:.4g}" for value in (own["value"][0], own["value"][-1])))
        for name in names
        for own in [metrics.filter(metrics["name"] == name)]
    ]
    blocks: list[Block] = [Table(("metric", "untrained", "last"), rows)]
    for name in names:
        own = series.over_seeds(metrics.filter(metrics["name"] == name))
        blocks.append(Figure(figures.curves(own, ["run"], y=name), name, "Measured on generated samples."))
    both = series.over_seeds(losses.with_columns(arm=losses["name"]))
    figure = figures.curves(both, ["discriminator", "generator"], y="loss")
    blocks.append(Figure(figure, "Losses", "Each the loss its own player minimizes."))
    return blocks


def _samples(records: Sequence[Record], folder: Path) -> Block:
    shown = spread(series.pictures(records, folder), _SHOWN_PICTURES)
    if not shown:
        return Text("No samples yet.")
    columns = [f"step {step:,}" for step in shown]
    return Pictures(
        columns, [("generator", list(shown.values()))], "Generated at the same latents throughout."
    )


def spread(pictures: Mapping[int, Path], count: int) -> dict[int, Path]:
    """At most ``count`` pictures, evenly over the steps, the last among them."""
    steps = sorted(pictures)
    if len(steps) > count:
        steps = [steps[round(i * (len(steps) - 1) / (count - 1))] for i in range(count)]
    return {step: pictures[step] for step in steps}


def _seed(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [("seed", str(settings.get("seed")))]
