"""The page of one run."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from paripassu.evidence import tables as series
from paripassu.evidence.tables import Records
from paripassu.records import RUN_FILE, Record, RunHeader
from paripassu.records.codec import end_of, load
from paripassu.report import figures
from paripassu.report.page import (
    PAGE_FOLDER,
    Block,
    Code,
    Figure,
    Page,
    Pictures,
    Section,
    Table,
    environment_blocks,
)

_SHOWN_PICTURES = 6


def write_run_page(folder: Path) -> Path:
    """Write the page of the run in ``folder`` from its records.

    A folder with records alone, as a `paripassu.Probe` in a training loop of one's own writes them, has a
    page of those.

    Returns:
        The path of the page.

    Raises:
        ValueError: the folder's files are not a run's, or damaged.
    """
    name = folder.resolve().name
    records = series.read_runs({name: [folder]})
    (own,) = records[name]
    sections = [
        Section("Measurements", [*_first_and_last(records), *metric_figures(records), *_losses(records)]),
        Section("Samples", _samples(own, folder)),
        Section("Updates", update_figures(records)),
    ]
    lead = "What a probe measured in a training loop of one's own."
    if (folder / RUN_FILE).is_file():
        header = load(folder / RUN_FILE, RunHeader)
        lead = _lead(own)
        settings = Code(json.dumps(header.settings, indent=2, ensure_ascii=False))
        sections.append(Section("Settings", [settings]))
        made = environment_blocks(header.environment, [("seed", str(header.settings.get("seed")))])
        sections.append(Section("How it was made", made))
    page = Page(title=name, lead=lead, blocks=[], sections=[s for s in sections if s.blocks])
    return page.write(folder / PAGE_FOLDER)


def metric_figures(records: Records) -> list[Block]:
    """The curve of every metric, an arm a line."""
    metrics = series.metrics(records)
    blocks: list[Block] = []
    for name in metrics["name"].unique(maintain_order=True).to_list():
        own = series.over_seeds(metrics.filter(pl.col("name") == name))
        figure = figures.curves(own, list(records), y=name)
        blocks.append(Figure(figure, name, "Measured on generated samples."))
    return blocks


def update_figures(records: Records) -> list[Block]:
    """How far each player's steps went, the pace of one against the other, and both layer by layer."""
    arms = list(records)
    updates = series.updates(records)
    blocks: list[Block] = []
    for player in _unique(updates, "player"):
        steps = updates.filter(pl.col("player") == player)
        figure = figures.curves(series.over_seeds(steps, "update"), arms, y="length of a step", log=True)
        caption = f"Length of the {player}'s probed steps in weight space, as measured from the weights."
        blocks.append(Figure(figure, f"How far the {player} steps", caption))
    paces = series.pace(records)
    for pair in _unique(paces, "name"):
        own = series.over_seeds(paces.filter(pl.col("name") == pair))
        caption = (
            "Relative step of the first player over that of the second, each its length over the length of "
            "the player's weights. At 1 both move at the same pace; a flat line is a constant one."
        )
        figure = figures.curves(own, arms, y="pace", log=True, line=1.0)
        blocks.append(Figure(figure, f"Pace, {pair}", caption))
    return blocks + _layer_figures(records)


def _layer_figures(records: Records) -> list[Block]:
    layers = series.layers(records)
    blocks: list[Block] = []
    for rule in _unique(layers, "rule"):
        for player in _unique(layers, "player"):
            frame = layers.filter((pl.col("rule") == rule) & (pl.col("player") == player))
            whose = f"The {player}'s steps, layer by layer"
            if rule:
                title, angles = f"{whose}, over those of {rule}", f"{whose}, against those of {rule}"
                length = (
                    f"Length of a step over that of {rule} on the same gradients, before its learning rate: "
                    "the rate at which it would have gone as far."
                )
                angle = (
                    f"Cosine of a step with that of {rule} on the same gradients; 1 is the same direction."
                )
            else:
                title, angles = f"{whose}: length", f"{whose}: direction"
                length = "Length of a step. A row of one colour is a constant magnitude."
                angle = "Cosine of a step with the negative gradient; 1 is straight down."
            first = " Of each arm's first run." if any(len(runs) > 1 for runs in records.values()) else ""
            lengths = figures.heat(frame, list(records), "magnitude", log=True)
            blocks.append(Figure(lengths, title, length + first))
            cosines = figures.heat(frame, list(records), "cosine", angle=True)
            blocks.append(Figure(cosines, angles, angle + first))
    return blocks


def _unique(frame: pl.DataFrame, column: str) -> list[str]:
    return frame[column].unique(maintain_order=True).to_list()


def _lead(records: Sequence[Record]) -> str:
    end = end_of(records)
    if end is None:
        last = max((record.step for record in records), default=0)
        return (
            f"Not finished: the last record is of step {last:,}. The command below goes on where it stopped."
        )
    told = f"{end.outcome.capitalize()} after {end.step:,} generator updates, {end.seconds:.0f} s."
    return f"{told} {end.reason.capitalize()}." if end.reason else told


def _first_and_last(records: Records) -> list[Block]:
    metrics = series.metrics(records)
    rows = [
        (name, *(f"{value:.4g}" for value in (own["value"][0], own["value"][-1])))
        for name in _unique(metrics, "name")
        for own in [metrics.filter(pl.col("name") == name)]
    ]
    return [Table(("metric", "untrained", "last"), rows)] if rows else []


def _losses(records: Records) -> list[Block]:
    losses = series.losses(records)
    if losses.is_empty():
        return []
    both = series.over_seeds(losses.with_columns(arm=losses["name"]))
    figure = figures.curves(both, ["discriminator", "generator"], y="loss")
    return [Figure(figure, "Losses", "Each the loss its own player minimizes.")]


def _samples(records: Sequence[Record], folder: Path) -> list[Block]:
    shown = spread(series.pictures(records, folder), _SHOWN_PICTURES)
    if not shown:
        return []
    columns = [f"step {step:,}" for step in shown]
    caption = "Generated at the same latents throughout."
    return [Pictures(columns, [("generator", list(shown.values()))], caption)]


def spread(pictures: Mapping[int, Path], count: int) -> dict[int, Path]:
    """At most ``count`` pictures, evenly over the steps, the last among them."""
    steps = sorted(pictures)
    if len(steps) > count:
        steps = [steps[round(i * (len(steps) - 1) / (count - 1))] for i in range(count)]
    return {step: pictures[step] for step in steps}
