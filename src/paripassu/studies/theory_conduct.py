"""Running a sweep: its stages in order, its folder, its result. What is done is never done again."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl

from paripassu.engine import Engine, LocalEngine
from paripassu.records import (
    SWEEP_FILE,
    SweepKind,
    SweepResult,
    dump,
    environment,
    is_empty,
    load,
    write_atomic,
)
from paripassu.studies.theory_chunk import Chunk, Task, carry_out, read, write_table
from paripassu.studies.theory_sweep import Sweep, Tables
from paripassu.train import held

_HERE = LocalEngine()


def run_sweep(
    sweep: Sweep,
    out: Path,
    *,
    command: str,
    engine: Engine = _HERE,
    progress: Callable[[int], object] = lambda _: None,
) -> SweepResult:
    """Run what is missing of a sweep in ``out`` and write its tables and ``sweep.json``.

    Args:
        sweep: what to run.
        out: the sweep's folder; made if it does not exist.
        command: how a person would ask for it, shown on the page.
        engine: where to run; processes on this machine, one per core, without it.
        progress: called with the steps of all runs done, of ``sweep.run_steps``.

    Raises:
        ValueError: ``out`` holds another sweep or other files, or the engine cannot be had.
        RuntimeError: a worker process was killed, or another process works in ``out``.
    """
    settings = asdict(sweep)  # pyright: ignore[reportArgumentType] - every sweep is a dataclass
    _check_folder(sweep.kind, settings, out)
    out.mkdir(parents=True, exist_ok=True)
    result = SweepResult(sweep.kind, settings, False, [], [], environment(command))  # noqa: FBT003
    with held(out):
        return _run_sweep(sweep, out, result, engine, progress)


def key(sweep: Sweep) -> str:
    """Eight letters that are other for every other sweep."""
    text = json.dumps(asdict(sweep), sort_keys=True)  # pyright: ignore[reportArgumentType] - a dataclass
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _run_sweep(
    sweep: Sweep, out: Path, result: SweepResult, engine: Engine, progress: Callable[[int], object]
) -> SweepResult:
    if not (out / SWEEP_FILE).exists():
        write_atomic(out / SWEEP_FILE, dump(result))

    done, chunks, outcomes = 0, list[Chunk](), pl.DataFrame()
    for stage in sweep.stages():
        asked = stage(outcomes)
        for task, _ in engine.execute(carry_out, [Task(chunk, out) for chunk in asked]):
            done += task.chunk.run_steps
            progress(done)
        chunks += asked
        outcomes = read(chunks, out, "outcomes")
    tables = Tables(*(read(chunks, out, name) for name in Tables._fields))
    for name, frame in zip(Tables._fields, tables, strict=True):
        if not frame.is_empty():
            write_table(frame, out / f"{name}.parquet")
    claims, fits = sweep.conclude(tables)
    result = replace(result, finished=True, claims=claims, fits=fits)
    write_atomic(out / SWEEP_FILE, dump(result))
    return result


def _check_folder(kind: SweepKind, settings: dict[str, Any], out: Path) -> None:
    if (out / SWEEP_FILE).is_file():
        held = load(out / SWEEP_FILE, SweepResult)
        ours = SweepResult(kind, settings, False, [], [], held.environment)  # noqa: FBT003
        if dump(replace(held, finished=False, claims=[], fits=[])) != dump(ours):
            raise ValueError(
                f"{out} holds another sweep ({_difference(held, kind, settings)}): name another folder"
            )
    elif out.exists() and not (out.is_dir() and is_empty(out)):
        raise ValueError(f"{out} holds files that are no sweep: name an empty or a new folder")


def _difference(held: SweepResult, kind: SweepKind, settings: dict[str, Any]) -> str:
    """The first setting that differs, there and here."""
    if held.kind != kind:
        return f"a {held.kind} there, a {kind} here"
    there, here = _flat(held.settings), _flat(settings)
    name = next((n for n in here | there if there.get(n) != here.get(n)), "settings")
    return f"{name} is {there.get(name)} there and {here.get(name)} here"


def _flat(settings: dict[str, Any]) -> dict[str, str]:
    own = {name: value for name, value in settings.items() if not isinstance(value, dict)}
    for nested in (value for value in settings.values() if isinstance(value, dict)):
        own |= nested
    return {name: str(list(value) if isinstance(value, tuple) else value) for name, value in own.items()}
