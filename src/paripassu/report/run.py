"""The page of one run."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from paripassu.evidence import series
from paripassu.evidence.tables import run_table
from paripassu.files import AnyPath
from paripassu.records import RECORDS_FILE, RUN_FILE, RunHeader
from paripassu.records.checkpoints import CHECKPOINTS, damage
from paripassu.records.codec import load, proved_end
from paripassu.report import figures
from paripassu.report.page import (
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


def write_run_page(folder: AnyPath) -> Path:
    """Write the page of the run in ``folder`` from its records.

    A `paripassu.Probe` in any training loop writes a folder with records alone. Its page shows those. What is
    damaged in the folder is named at the top of the page.

    Returns:
        The path of the page.

    Raises:
        ValueError: the folder's files are not a run's, or damaged.
    """
    return run_page(Path(folder)).write_into(Path(folder))


def run_page(folder: Path) -> Page:
    """The page of the run in ``folder``, as `write_run_page` writes it."""
    name = folder.resolve().name
    own = run_table(folder)
    table = own.with_columns(arm=pl.lit(name), seed=pl.lit(0))
    sections = [
        Section("Measurements", [*_first_and_last(table), *metric_figures(table, [name]), *_losses(table)]),
        Section("Samples", _samples(own, folder)),
        Section("Updates", update_figures(table, [name])),
    ]
    lead = "Measured by a probe in a training loop outside of paripassu."
    if header := header_of(folder, own):
        lead = " ".join([_lead(own, is_proved=bool(proved_end(folder / RECORDS_FILE))), *_mend(folder)])
        settings = Code(json.dumps(header.settings, indent=2, ensure_ascii=False))
        sections.append(Section("Settings", [settings]))
        made = environment_blocks(header.environment, [("seed", str(header.settings.get("seed")))])
        sections.append(Section("How it was made", made))
    return Page(title=name, lead=lead, blocks=[], sections=[s for s in sections if s.blocks])


def header_of(folder: Path, table: pl.DataFrame) -> RunHeader | None:
    """The ``run.json`` of a folder; None where a probe wrote records alone.

    Args:
        folder: with records.
        table: those records.

    Raises:
        ValueError: it is damaged, or missing from the folder of a training.
    """
    path = folder / RUN_FILE
    if path.exists():
        return load(path, RunHeader)
    of_training = table.filter(pl.col("kind").is_in(["End", "Samples"]))
    if (folder / CHECKPOINTS).exists() or path.is_symlink() or not of_training.is_empty():
        raise ValueError(
            f"{path} is missing, so that nothing says what this run was: put it back, or delete the folder"
        )
    return None


def metric_figures(table: pl.DataFrame, arms: Sequence[str]) -> list[Block]:
    """The curve of every metric, one line an arm.

    Args:
        table: records of kind ``"Metric"``, from `series.read_arms`.
        arms: in the order of the legend.
    """
    metrics = series.metrics(table)
    blocks: list[Block] = []
    for name in _unique(metrics, "name"):
        own = series.over_seeds(metrics.filter(name=name))
        figure = figures.curves(own, arms, y=name)
        blocks.append(Figure(figure, name, "Measured on generated samples."))
    return blocks


def update_figures(table: pl.DataFrame, arms: Sequence[str]) -> list[Block]:
    """How far each player's steps went, the pace of one against the other, and both layer by layer.

    Args:
        table: records of kind ``"Update"``, ``"Shadow"`` and ``"Pace"``, from `series.read_arms`.
        arms: in the order of the legend.
    """
    updates = series.updates(table)
    blocks: list[Block] = []
    for player in _unique(updates, "player"):
        steps = updates.filter(player=player)
        figure = figures.curves(series.over_seeds(steps, "update"), arms, y="length of a step", log=True)
        caption = f"Length of the {player}'s probed steps in weight space, as measured from the weights."
        blocks.append(Figure(figure, f"How far the {player} steps", caption))
    paces = series.pace(table)
    for pair in _unique(paces, "name"):
        own = series.over_seeds(paces.filter(name=pair))
        caption = (
            "Relative step of the first player over that of the second. A relative step is the length of a "
            "step over the length of the player's weights. At 1 both move at the same pace. A flat line is "
            "a constant pace."
        )
        figure = figures.curves(own, arms, y="pace", log=True, line=1.0)
        blocks.append(Figure(figure, f"Pace, {pair}", caption))
    return blocks + _layer_figures(table, arms)


def _layer_figures(table: pl.DataFrame, arms: Sequence[str]) -> list[Block]:
    layers = series.layers(table)
    first = " Of each arm's first run." if (table["seed"] > 0).any() else ""
    blocks: list[Block] = []
    for rule in _unique(layers, "rule"):
        for player in _unique(layers, "player"):
            frame = layers.filter(rule=rule, player=player)
            whose = f"The {player}'s steps, layer by layer"
            if rule:
                title, angles = f"{whose}, over those of {rule}", f"{whose}, against those of {rule}"
                length = (
                    f"Length of a step over that of {rule} on the same gradients, before its learning rate. "
                    f"It is the rate at which {rule} would have gone as far."
                )
                angle = (
                    f"Cosine of a step with that of {rule} on the same gradients; 1 is the same direction."
                )
            else:
                title, angles = f"{whose}: length", f"{whose}: direction"
                length = "Length of a step. A row of one colour is a constant magnitude."
                angle = "Cosine of a step with the negative gradient; 1 is straight down."
            lengths = figures.heat(frame, arms, "magnitude", log=True)
            blocks.append(Figure(lengths, title, length + first))
            cosines = figures.heat(frame, arms, "cosine", angle=True)
            blocks.append(Figure(cosines, angles, angle + first))
    return blocks


def _unique(frame: pl.DataFrame, column: str) -> list[str]:
    return frame[column].unique(maintain_order=True).to_list()


def _mend(folder: Path) -> list[str]:
    found = damage(folder)
    return [*found, "The command below mends that."] if found else []


def _lead(table: pl.DataFrame, *, is_proved: bool) -> str:
    ends = table.filter(kind="End").rows(named=True)
    if not ends:
        last = table["step"].max() or 0
        return (
            f"Not finished: the last record is of step {last:,}. The command below goes on where it stopped."
        )
    end = ends[-1]
    words = f"{end['outcome'].capitalize()} after {end['step']:,} generator updates, {end['seconds']:.0f} s."
    if not is_proved:
        words = (
            f"{end['outcome'].capitalize()} after {end['step']:,} generator updates, by records that were "
            "changed since. The command below writes them again."
        )
    return f"{words} {end['reason'].capitalize()}." if end["reason"] else words


def _first_and_last(table: pl.DataFrame) -> list[Block]:
    metrics = series.metrics(table)
    rows = [
        (name, *(f"{value:.4g}" for value in (own["value"][0], own["value"][-1])))
        for name in _unique(metrics, "name")
        for own in [metrics.filter(name=name)]
    ]
    return [Table(("metric", "untrained", "last"), rows)] if rows else []


def _losses(table: pl.DataFrame) -> list[Block]:
    losses = series.losses(table)
    if losses.is_empty():
        return []
    both = series.over_seeds(losses.with_columns(arm=losses["name"]))
    figure = figures.curves(both, ["discriminator", "generator"], y="loss")
    return [Figure(figure, "Losses", "Each player's loss is the one that it minimizes.")]


def _samples(table: pl.DataFrame, folder: Path) -> list[Block]:
    shown = spread(series.pictures(table, folder), _SHOWN_PICTURES)
    if not shown:
        return []
    columns = [f"step {step:,}" for step in shown]
    caption = "All generated from the same latents."
    return [Pictures(columns, [("generator", list(shown.values()))], caption)]


def spread(pictures: Mapping[int, Path], count: int) -> dict[int, Path]:
    """At most ``count`` pictures, evenly over the steps, the last among them."""
    steps = sorted(pictures)
    if len(steps) > count:
        steps = [steps[round(i * (len(steps) - 1) / (count - 1))] for i in range(count)]
    return {step: pictures[step] for step in steps}
