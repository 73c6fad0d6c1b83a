"""The page of one run."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from paripassu.evidence import series
from paripassu.evidence.tables import run_table
from paripassu.files import AnyPath
from paripassu.records import RECORDS_FILE, RUN_FILE, RunHeader, better, is_of_one_class
from paripassu.records.checkpoints import CHECKPOINTS, damage
from paripassu.records.codec import load, proved_end
from paripassu.report import figures
from paripassu.report.page import (
    Block,
    Code,
    Figure,
    Film,
    Page,
    Section,
    Table,
    environment_blocks,
)
from paripassu.report.updates import unique, update_figures
from paripassu.report.words import run_in_words

_SHOWN_PICTURES = 12
_ROWS = 10  # of a picture of classes, as `paripassu.train.evaluation` draws it


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
    header = header_of(folder, own)
    first = first_networks([header])
    sections = [
        Section("Samples", _samples(own, folder, header)),
        Section(
            "Measurements",
            [*_measured(table, first), *metric_figures(table, [name], first), *_losses(table)],
        ),
        Section("What the optimizers did", update_figures(table, [name])),
    ]
    lead = "Measured by a probe in a training loop outside of paripassu."
    if header:
        words = [
            run_in_words(header.settings),
            _began(header),
            _lead(own, is_proved=bool(proved_end(folder / RECORDS_FILE))),
        ]
        lead = " ".join([*filter(None, words), *_mend(folder)])
        settings = Code(json.dumps(header.settings, indent=2, ensure_ascii=False))
        sections.append(Section("Settings", [settings], is_folded=True))
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


def first_networks(headers: Iterable[RunHeader | None]) -> str:
    """What the networks of runs were at step 0: not untrained if they were another run's."""
    return "at the start" if any(header and header.start for header in headers) else "untrained"


def _began(header: RunHeader) -> str:
    start = header.start
    return f"It began with the weights of {start.run}, step {start.step:,}." if start else ""


def metric_figures(table: pl.DataFrame, arms: Sequence[str], first: str) -> list[Block]:
    """The curve of every metric, one line an arm; those of single classes are in tables alone.

    A dotted line is at the value of step 0, where all arms have the same one.

    Args:
        table: records of kind ``"Metric"``, from `series.read_arms`.
        arms: in the order of the legend.
        first: what the networks were at step 0, in words.
    """
    metrics = series.metrics(table)
    blocks: list[Block] = []
    for name in unique(metrics, "name"):
        if is_of_one_class(name):
            continue
        own = series.over_seeds(metrics.filter(name=name))
        figure = figures.curves(own, arms, y=name)
        caption = f"Measured on generated samples; {better(name)} is better."
        levels = own.filter(step=0)["mean"].unique().to_list()
        if len(levels) == 1:
            figures.mark(figure, levels[0], first)
        blocks.append(Figure(figure, name, caption, is_small=True))
    return blocks


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


def _measured(table: pl.DataFrame, first: str) -> list[Block]:
    """Each metric before training, at its best and at the end, and which way it improves."""
    metrics = series.metrics(table)
    rows: list[tuple[str, ...]] = []
    for name in unique(metrics, "name"):
        values = metrics.filter(name=name)["value"]
        finite = values.filter(values.is_finite()).to_list()
        way = better(name)
        best = [min(finite) if way == "lower" else max(finite)] if finite else [float("nan")]
        rows.append((name, f"{way} is better", *(f"{v:.4g}" for v in (values[0], *best, values[-1]))))
    return [Table(("metric", "", first, "best", "last"), rows)] if rows else []


def _losses(table: pl.DataFrame) -> list[Block]:
    losses = series.losses(table)
    if losses.is_empty():
        return []
    both = series.over_seeds(losses.with_columns(arm=losses["name"]))
    figure = figures.curves(both, ["discriminator", "generator"], y="loss")
    return [Figure(figure, "Losses", "Each player's loss is the one that it minimizes.", is_small=True)]


def _samples(table: pl.DataFrame, folder: Path, header: RunHeader | None) -> list[Block]:
    found = series.pictures(table, folder)
    if not found:
        return []
    shown = {step: found[step] for step in log_spaced(sorted(found), _SHOWN_PICTURES)}
    real = series.real_picture(folder)
    caption = "All samples are generated from the same latents." + (
        " Real data are beside them." if real else ""
    )
    if header and header.images and (classes := header.images.classes):
        caption += f" Each row is a class: {', '.join(classes[:_ROWS])}{', …' * (len(classes) > _ROWS)}."
    return [Film([(f"step {step:,}", path) for step, path in shown.items()], real, caption)]


def log_spaced(steps: Sequence[int], count: int) -> list[int]:
    """At most ``count`` of some steps: the first, the last, and between them nearly even on a log scale.

    Args:
        steps: rising, >= 0.
        count: at least 2.

    Example:
        >>> log_spaced([0, 1, 2, 3, 4, 8, 16], 5)
        [0, 2, 4, 8, 16]
    """
    chosen, left = list(steps[:1]), list(steps[1:])
    while left and len(chosen) < count:
        places = count - len(chosen)
        if len(left) <= places:
            return chosen + left
        # The factor that the places left need to reach the end, from the step before.
        aim = max(chosen[-1], 1) * (left[-1] / max(chosen[-1], 1)) ** (1 / places)
        last_usable = len(left) - places
        nearest = min(range(last_usable + 1), key=lambda number: abs(math.log(left[number] / aim)))
        chosen.append(left[nearest])
        left = left[nearest + 1 :]
    return chosen


def spread(pictures: Mapping[int, Path], count: int) -> dict[int, Path]:
    """At most ``count`` pictures, evenly over the steps, the last among them."""
    steps = sorted(pictures)
    if len(steps) > count:
        steps = [steps[round(i * (len(steps) - 1) / (count - 1))] for i in range(count)]
    return {step: pictures[step] for step in steps}
