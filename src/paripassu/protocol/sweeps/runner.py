"""Running a sweep: its stages in order, its folder, its result. What is done is never done again."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl

from paripassu.engine import Engine, LocalEngine
from paripassu.files import is_empty, locked, write_whole
from paripassu.protocol.study import REWORDED, too_small
from paripassu.protocol.sweeps.chunk import Chunk, Task, carry_out, read, write_table
from paripassu.protocol.sweeps.sweep import Sweep, Tables
from paripassu.records import SWEEP_FILE, Purpose, SweepKind, SweepResult, environment, flat_settings
from paripassu.records.codec import dump, load

_HERE = LocalEngine()
_UNSAID = Purpose()
_UNKNOWN = (
    "The folder was begun before sweeps kept their claims and verdict rules: whether these were edited since "
    "it does not tell."
)


def run_sweep(
    sweep: Sweep,
    out: Path,
    *,
    command: str,
    purpose: Purpose = _UNSAID,
    engine: Engine = _HERE,
    progress: Callable[[int], object] = lambda _: None,
) -> SweepResult:
    """Run what is missing of a sweep in ``out`` and write its tables and ``sweep.json``.

    Args:
        sweep: what to run.
        out: the sweep's folder; made if it does not exist.
        command: how a person would ask for it, shown on the page.
        purpose: what it is for, shown on the page; it may be reworded between calls.
        engine: where to run; processes on this machine, one per core, without it.
        progress: called with the steps of all runs done, of ``sweep.run_steps``.

    Raises:
        ValueError: ``out`` holds another sweep or other files, or the engine cannot be had.
        RuntimeError: a worker process was killed, or another process works in ``out``.
    """
    _check_folder(sweep, out)
    out.mkdir(parents=True, exist_ok=True)
    result = SweepResult(sweep.kind, _settings(sweep), False, [], [], environment(command), purpose)  # noqa: FBT003
    with locked(out):
        return _run_sweep(sweep, out, result, engine, progress)


def summarise_sweep(sweep: Sweep, out: Path, purpose: Purpose) -> SweepResult:
    """Write the tables and ``sweep.json`` anew from the chunks in ``out``, all of which must be done.

    Args:
        sweep: what was run.
        out: the sweep's folder.
        purpose: what it is for.

    Raises:
        ValueError: ``out`` holds another sweep, or this one is not finished.
    """
    _check_folder(sweep, out)
    before = load(out / SWEEP_FILE, SweepResult)

    def check(chunks: list[Chunk]) -> None:
        if not all(chunk.is_done(out) for chunk in chunks):
            raise ValueError(f"{out} is not finished: give its command again to go on where it stopped")

    return _sum_up(sweep, out, replace(before, purpose=purpose), _all_chunks(sweep, out, check))


def key(sweep: Sweep) -> str:
    """Eight letters that are other for every other sweep."""
    text = json.dumps(_settings(sweep), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _run_sweep(
    sweep: Sweep, out: Path, result: SweepResult, engine: Engine, progress: Callable[[int], object]
) -> SweepResult:
    if not (out / SWEEP_FILE).exists():
        write_whole(out / SWEEP_FILE, dump(result))

    done = 0

    def carry(chunks: list[Chunk]) -> None:
        nonlocal done
        for task, _ in engine.execute(carry_out, [Task(chunk, out) for chunk in chunks]):
            done += task.chunk.run_steps
            progress(done)

    return _sum_up(sweep, out, result, _all_chunks(sweep, out, carry))


def _all_chunks(sweep: Sweep, out: Path, complete: Callable[[list[Chunk]], None]) -> list[Chunk]:
    """All chunks of a sweep; ``complete`` is called with those of each stage before the next is known."""
    chunks, outcomes = list[Chunk](), pl.DataFrame()
    for stage in sweep.stages():
        asked = stage(outcomes)
        complete(asked)
        chunks += asked
        outcomes = read(chunks, out, "outcomes")
    return chunks


def _sum_up(sweep: Sweep, out: Path, result: SweepResult, chunks: list[Chunk]) -> SweepResult:
    """Write the tables of all chunks, and what they say."""
    tables = Tables(*(read(chunks, out, name) for name in Tables._fields))
    for name, frame in zip(Tables._fields, tables, strict=True):
        if not frame.is_empty():
            write_table(frame, out / f"{name}.parquet")
    claims, fits = sweep.conclude(tables)
    if not result.purpose.decides:
        claims = [replace(held, verdict=too_small(held.verdict)) for held in claims]
    remarks = _remarks(load(out / SWEEP_FILE, SweepResult), result.purpose)
    result = replace(result, finished=True, claims=claims, fits=fits, remarks=remarks)
    write_whole(out / SWEEP_FILE, dump(result))
    return result


def _remarks(before: SweepResult, now: Purpose) -> list[str]:
    kept = before.purpose
    is_reworded = bool(kept.rule) and (kept.claim, kept.rule) != (now.claim, now.rule)
    told = {REWORDED: is_reworded, _UNKNOWN: bool(now.rule) and not kept.rule}
    return [remark for remark, applies in told.items() if applies or remark in before.remarks]


def _check_folder(sweep: Sweep, out: Path) -> None:
    if (out / SWEEP_FILE).is_file():
        held = load(out / SWEEP_FILE, SweepResult)
        settings = _settings(sweep)
        if (held.kind, held.settings) != (sweep.kind, settings):
            raise ValueError(
                f"{out} holds another sweep ({_difference(held, sweep.kind, settings)}): name another folder"
            )
    elif out.exists() and not (out.is_dir() and is_empty(out)):
        raise ValueError(f"{out} holds files that are no sweep: name an empty or a new folder")


def _settings(sweep: Sweep) -> dict[str, Any]:
    """As they are once written and read."""
    return json.loads(json.dumps(asdict(sweep)))  # pyright: ignore[reportArgumentType] - a dataclass


def _difference(held: SweepResult, kind: SweepKind, settings: dict[str, Any]) -> str:
    """The first setting that differs, there and here."""
    if held.kind != kind:
        return f"a {held.kind} there, a {kind} here"
    there, here = (
        {name: str(value) for name, value in flat_settings(of).items()} for of in (held.settings, settings)
    )
    name = next((n for n in here | there if there.get(n) != here.get(n)), "settings")
    return f"{name} is {there.get(name)} there and {here.get(name)} here"
