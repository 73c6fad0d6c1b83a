"""Runs side by side: the settings in which they differ, and their results."""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from paripassu.evidence import series
from paripassu.evidence.tables import run_table
from paripassu.records import RECORDS_FILE, RunHeader, is_of_one_class
from paripassu.records.place import elsewhere
from paripassu.report.folder import check_free
from paripassu.report.page import Block, Page, Pictures, Section, Table, Text
from paripassu.report.run import first_networks, header_of, metric_figures, spread
from paripassu.report.updates import update_figures
from paripassu.report.words import optimizer_in_words

_SHOWN_STEPS = 4

_Row = tuple[str, Sequence[Path | None]]  # of pictures


def write_side_by_side(folders: Sequence[Path], out: Path) -> Path:
    """Write a page that shows runs side by side.

    Args:
        folders: run folders, two at least.
        out: the page's folder; made if it does not exist. One that is there is empty or holds such a page.

    Returns:
        The path of the page.

    Raises:
        ValueError: fewer than two runs, one named twice, a folder that is no run, ``out`` holds other files,
            or all are damaged. The page names one that is damaged among others.
    """
    if len(folders) < 2:
        raise ValueError(f"name a folder that paripassu wrote, or two runs or more: got {len(folders)}")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ValueError("a run is named twice: name each once")
    for folder in folders:
        if not (folder / RECORDS_FILE).exists():
            raise ValueError(
                elsewhere(folder, "run") or f"{folder} holds no run: name folders that paripassu train wrote"
            )
    check_free(out)
    runs = dict(zip(_names(folders), folders, strict=True))
    tables: dict[str, pl.DataFrame] = {}
    headers: dict[str, RunHeader | None] = {}
    flaws: list[str] = []
    for name, folder in list(runs.items()):
        try:
            tables[name] = run_table(folder)
            headers[name] = header_of(folder, tables[name])
        except ValueError as error:
            flaws.append(str(error))
            del runs[name]
            tables.pop(name, None)
    if not runs:
        raise ValueError(flaws[0])
    table = pl.concat(own.with_columns(arm=pl.lit(name), seed=pl.lit(0)) for name, own in tables.items())
    sections = [
        Section("Samples", _samples(tables, runs, headers)),
        Section("Settings that differ", _settings(headers)),
        Section(
            "Measurements",
            [*_outcomes(tables), *metric_figures(table, list(runs), first_networks(headers.values()))],
        ),
        Section("What the optimizers did", update_figures(table, list(runs))),
    ]
    lead = (
        f"{len(runs)} runs side by side. Each line is one run, so these figures do not show the spread "
        "between seeds."
    )
    blocks = [Text(f"A run is not shown: {flaw}.") for flaw in flaws]
    page = Page(title=" · ".join(runs), lead=lead, blocks=blocks, sections=[s for s in sections if s.blocks])
    return page.write(out)


def side_by_side_folder(folders: Sequence[Path], home: Path) -> Path:
    """A folder in ``home`` for the page of these runs, which those of other runs do not share.

    Example:
        >>> side_by_side_folder([Path("runs/a"), Path("runs/b")], Path("runs/side-by-side")).as_posix()
        'runs/side-by-side/a-b-b52d7a75'
    """
    named = "-".join(re.sub("[^A-Za-z0-9_.]+", "-", folder.resolve().name) for folder in folders)
    digest = hashlib.sha256(
        "\0".join(os.path.relpath(folder, home) for folder in folders).encode(errors="surrogateescape")
    )
    return home / f"{named[:60]}-{digest.hexdigest()[:8]}"


def _names(folders: Sequence[Path]) -> list[str]:
    short = [folder.resolve().name for folder in folders]
    return short if len(set(short)) == len(short) else [str(folder) for folder in folders]


def _settings(headers: Mapping[str, RunHeader | None]) -> list[Block]:
    settings = {name: _in_words(header.settings) for name, header in headers.items() if header}
    keys = dict.fromkeys(key for own in settings.values() for key in own)
    rows = [
        (key, *(own.get(key, "") for own in settings.values()))
        for key in keys
        if len({own.get(key, "") for own in settings.values()}) > 1
    ]
    if not rows:
        return [Text("No recorded setting differs.")]
    return [Table(("setting", *settings), rows)]


def _in_words(settings: Mapping[str, Any]) -> dict[str, str]:
    """Every setting by its name, each player's optimizer in one phrase."""
    phrases = {player: optimizer_in_words(settings.get(player)) for player in ("generator", "discriminator")}
    said = {player: words for player, words in phrases.items() if words}
    rest = {name: value for name, value in settings.items() if name not in said}
    if len(set(said.values())) == 1 and len(said) == len(phrases):
        said = {"optimizer": said["generator"]}
    return said | dict(_flat(rest))


def _flat(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            pairs += _flat(value, f"{name}.")
        else:
            pairs.append((name, json.dumps(value, ensure_ascii=False)))
    return pairs


def _outcomes(tables: Mapping[str, pl.DataFrame]) -> list[Block]:
    metrics = {
        name: dict(table.filter(kind="Metric").select("name", "value").iter_rows())
        for name, table in tables.items()
    }
    seen = dict.fromkeys(metric for last in metrics.values() for metric in last)
    names = [metric for metric in seen if not is_of_one_class(metric)]
    rows: list[Sequence[str]] = []
    for run, table in tables.items():
        outcomes = table.filter(kind="End")["outcome"].to_list()
        values = [f"{metrics[run].get(name, float('nan')):.4g}" for name in names]
        rows.append((run, *values, *(outcomes or ["not finished"]), f"{table['step'].max() or 0:,}"))
    return [Table(("run", *names, "outcome", "updates"), rows, caption="Last value of each metric.")]


def _samples(
    tables: Mapping[str, pl.DataFrame], runs: Mapping[str, Path], headers: Mapping[str, RunHeader | None]
) -> list[Block]:
    shown = {name: series.pictures(table, runs[name]) for name, table in tables.items()}
    steps = list(spread({step: path for own in shown.values() for step, path in own.items()}, _SHOWN_STEPS))
    if not steps:
        return []
    rows = _real(runs, headers) + [(name, [own.get(s) for s in steps]) for name, own in shown.items()]
    caption = "At equal steps. A gap is a step at which a run drew no samples."
    return [Pictures([f"step {step:,}" for step in steps], rows, caption)]


def _real(runs: Mapping[str, Path], headers: Mapping[str, RunHeader | None]) -> list[_Row]:
    """One row of real data for all runs, or one for those of each dataset."""
    of_data: dict[str, list[str]] = {}
    for name in runs:
        header = headers.get(name)
        of_data.setdefault(json.dumps(header.settings.get("data") if header else None), []).append(name)
    rows: list[_Row] = []
    for names in of_data.values():
        if picture := series.first_real_picture(runs[name] for name in names):
            label = "real data" if len(of_data) == 1 else f"real data of {', '.join(names)}"
            rows.append((label, [picture]))
    return rows
