"""Runs of one's own side by side: what they have different settings for, and what came of it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from paripassu.evidence import tables as series
from paripassu.evidence.tables import Records
from paripassu.records import RECORDS_FILE, RUN_FILE, RunHeader
from paripassu.records.codec import end_of, load
from paripassu.report.page import Block, Page, Pictures, Section, Table, Text
from paripassu.report.run import metric_figures, spread, update_figures

_SHOWN_STEPS = 4


def write_comparison(folders: Sequence[Path], out: Path) -> Path:
    """Write a page that lays runs side by side.

    Args:
        folders: run folders, two at least.
        out: the page's folder; made if it does not exist.

    Returns:
        The path of the page.

    Raises:
        ValueError: fewer than two runs, one named twice, a folder that is no run, or a damaged one.
    """
    if len(folders) < 2:
        raise ValueError(f"name a folder that paripassu wrote, or two runs or more: got {len(folders)}")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ValueError("a run is named twice: name each once")
    for folder in folders:
        if not (folder / RECORDS_FILE).is_file():
            raise ValueError(f"{folder} holds no run: name folders that paripassu train wrote")
    runs = dict(zip(_names(folders), folders, strict=True))
    records = series.read_runs({name: [folder] for name, folder in runs.items()})
    sections = [
        Section("Settings that differ", _settings(runs)),
        Section("Measurements", [*_outcomes(records), *metric_figures(records)]),
        Section("Samples", _samples(records, runs)),
        Section("Updates", update_figures(records)),
    ]
    lead = f"{len(runs)} runs side by side. One run a line: no figure here says how far chance goes."
    page = Page(title=" · ".join(runs), lead=lead, blocks=[], sections=[s for s in sections if s.blocks])
    return page.write(out)


def _names(folders: Sequence[Path]) -> list[str]:
    short = [folder.resolve().name for folder in folders]
    return short if len(set(short)) == len(short) else [str(folder) for folder in folders]


def _settings(runs: Mapping[str, Path]) -> list[Block]:
    headers = {name: folder / RUN_FILE for name, folder in runs.items() if (folder / RUN_FILE).is_file()}
    settings = {name: dict(_flat(load(path, RunHeader).settings)) for name, path in headers.items()}
    keys = dict.fromkeys(key for own in settings.values() for key in own)
    rows = [
        (key, *(own.get(key, "") for own in settings.values()))
        for key in keys
        if len({own.get(key, "") for own in settings.values()}) > 1
    ]
    if not rows:
        return [Text("None that is recorded.")]
    return [Table(("setting", *settings), rows)]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            pairs += _flat(value, f"{name}.")
        else:
            pairs.append((name, json.dumps(value, ensure_ascii=False)))
    return pairs


def _outcomes(records: Records) -> list[Block]:
    metrics = series.metrics(records)
    names = metrics["name"].unique(maintain_order=True).to_list()
    rows: list[Sequence[str]] = []
    for arm, (run,) in records.items():
        own = metrics.filter(pl.col("arm") == arm)
        last = {name: own.filter(pl.col("name") == name)["value"].to_list()[-1:] for name in names}
        end = end_of(run)
        told = "not finished" if end is None else end.outcome
        steps = max((record.step for record in run), default=0)
        values = [f"{value:.4g}" for name in names for value in last[name] or [float("nan")]]
        rows.append((arm, *values, told, f"{steps:,}"))
    return [Table(("run", *names, "outcome", "updates"), rows, caption="Last value of each metric.")]


def _samples(records: Records, runs: Mapping[str, Path]) -> list[Block]:
    shown = {name: series.pictures(run, runs[name]) for name, (run,) in records.items()}
    steps = list(spread({step: path for own in shown.values() for step, path in own.items()}, _SHOWN_STEPS))
    if not steps:
        return []
    rows = [(name, [own.get(step) for step in steps]) for name, own in shown.items()]
    caption = "At equal steps; a gap is a step at which a run drew none."
    return [Pictures([f"step {step:,}" for step in steps], rows, caption)]
