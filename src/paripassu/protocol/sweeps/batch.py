"""Runs that are played together: a unit of a sweep's work, with one file a table.

A batch's files are named by the hash of its settings. Its index has the settings themselves, a digest of
each file and how it was made. A batch is done if its files are proved whole, and are of these settings and of
the same text of a person's own files. One that another version of this package has made is done too.
"""

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, Self

import polars as pl

from paripassu.evidence.sealed import SealedTables
from paripassu.files import read_whole, unsealed
from paripassu.records import environment
from paripassu.train.own_code import code_files, own_code
from paripassu.train.own_files import OwnPartError, errors_in

CHUNKS = "chunks"
_ALL = None  # in place of a condition


class Batch(ABC):
    """Runs of a sweep that are played together. It is picklable and small."""

    @property
    @abstractmethod
    def run_steps(self) -> int:
        """Steps of all its runs together."""

    @property
    @abstractmethod
    def tables(self) -> tuple[str, ...]:
        """Names of its tables, some of `Tables`."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What it plays, in one line."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """All that decides its tables, as values for JSON."""

    @abstractmethod
    def compute(self) -> Mapping[str, pl.DataFrame]:
        """Play it, and make its tables."""

    def sealed(self, folder: Path) -> SealedTables:
        """Its tables in a sweep's folder."""
        settings = json.loads(json.dumps(self.settings()))  # with lists for tuples
        key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
        return SealedTables(folder / CHUNKS / f"{key}.json", settings, f"{key}-")

    def flaw(self, folder: Path) -> str:
        """What keeps its tables in a sweep's folder from being taken, in words; empty if nothing does."""
        sealed = self.sealed(folder)
        if flaw := sealed.flaw(self.tables):
            return flaw
        there, here = sealed.made().get("own", {}), own_code(self)
        changed = [name for name in sorted({*there, *here}) if there.get(name) != here.get(name)]
        return f"{sealed.index} is of another text of {', '.join(changed)}" if changed else ""

    def is_done(self, folder: Path) -> bool:
        """Whether a sweep's folder has all its tables, each proved whole and of this code."""
        return not self.flaw(folder)


class ArmBatch(Batch):
    """Runs of one arm under one condition, with a row of outcomes each.

    Attributes:
        condition: what the arms are compared on, in a word or two.
        arm: its name.
        part: of the sweep, which its outcomes name.
    """

    condition: str
    arm: str
    part: str

    @property
    @abstractmethod
    def runs_what(self) -> str:
        """What is run, with its settings."""

    @property
    @abstractmethod
    def amount(self) -> str:
        """How many runs of how many steps."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Outcomes."""
        return ("outcomes",)

    @property
    def name(self) -> str:
        """Its part, condition and arm."""
        return f"{self.part}: {self.arm} on {self.condition}"

    @property
    def words(self) -> str:
        """Its name, and how many runs of how many steps."""
        return f"{self.name}, {self.amount}"


def without_no_pace(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without a pace of None, so that those of sweeps that have no pace stay what they were."""
    return {name: value for name, value in settings.items() if name != "pace" or value is not None}


def check_has_fields(what: str, *parts: object) -> None:
    """Raise ``ValueError`` for the first part of a batch that is no dataclass: settings are its fields.

    Args:
        what: the parts, in words.
        parts: of a batch.
    """
    for part in parts:
        if not is_dataclass(part):
            raise ValueError(
                f"{type(part).__name__} must be a frozen dataclass, because a sweep knows {what} by its "
                "fields"
            )


@dataclass(frozen=True)
class BatchUnit:
    """A batch as a unit of work.

    Attributes:
        batch: what is played.
        folder: the study's, for its tables.
        command: that a person typed.
        own: as `own_code` had it of the batch when the unit was made.
    """

    batch: Batch
    folder: Path
    command: str = ""
    own: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, batch: Batch, folder: Path, command: str) -> Self:
        """The unit of a batch with the code that it has now."""
        return cls(batch, folder, command, own_code(batch))

    @property
    def cost(self) -> int:
        """Steps of all its runs together."""
        return self.batch.run_steps

    @property
    def path(self) -> Path:
        """The index of its tables."""
        return self.batch.sealed(self.folder).index

    @property
    def runs(self) -> list[Path]:
        """None: what it plays has no folders."""
        return []

    def expected_seconds(self) -> float | None:
        """By the chunks that the folder has now; None while it has none."""
        return expected_seconds([self.batch], self.folder)[0]

    def carry_out(self) -> list[str]:
        """Play the batch, unless the folder has its tables; name what was there and is not taken.

        Raises:
            ValueError: a person's own file has changed since the unit was made, or its code raises.
        """
        batch, sealed = self.batch, self.batch.sealed(self.folder)
        if (own := own_code(batch)) != self.own:
            names = ", ".join(
                name for name in sorted({*own, *self.own}) if own.get(name) != self.own.get(name)
            )
            raise OwnPartError(f"{names} changed while the study ran: give the same command again")
        flaw = batch.flaw(self.folder)
        if not flaw:
            return []
        was_there = any(path.exists() for path in (sealed.index, *map(sealed.path, batch.tables)))
        began = time.monotonic()
        with errors_in(code_files(batch)):
            frames = batch.compute()
        made = {
            "environment": asdict(environment(self.command)),
            "seconds": time.monotonic() - began,
            "steps": batch.run_steps,
            "own": own,
        }
        sealed.index.parent.mkdir(parents=True, exist_ok=True)
        sealed.write({name: frames[name] for name in batch.tables}, made)
        return [f"{flaw}: this chunk was computed again"] if was_there else []


def read(batches: Sequence[Batch], folder: Path, table: str) -> pl.DataFrame:
    """One table of several batches, one after the other; batches without that table are left out.

    A column that some of them lack is null there.

    Raises:
        ValueError: a batch's table is missing or damaged.
    """
    frames = [batch.sealed(folder).read(table) for batch in batches if table in batch.tables]
    return pl.concat(frames, how="diagonal") if frames else pl.DataFrame()


def made_where(batches: Sequence[Batch], folder: Path) -> list[Mapping[str, Any]]:
    """The environment of each batch, as a run's ``run.json`` has it; empty where none was written.

    Raises:
        ValueError: a batch's index is missing or damaged.
    """
    return [batch.sealed(folder).made().get("environment", {}) for batch in batches]


def expected_seconds(batches: Sequence[Batch], folder: Path) -> list[float | None]:
    """Seconds that each batch will take, by the chunks that a sweep's folder has.

    Chunks of the same condition count. If no chunk is of that condition, all count. Without any the time is
    not known.
    """
    steps, seconds = defaultdict[Any, float](float), defaultdict[Any, float](float)
    for index in (folder / CHUNKS).glob("*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):  # whoever needs it names it
            values = unsealed(read_whole(index))
            own = float(values["made"]["steps"]), float(values["made"]["seconds"])
            for key in (_ALL, values["of"].get("condition", _ALL)):
                steps[key] += own[0]
                seconds[key] += own[1]
    keys = [getattr(batch, "condition", _ALL) for batch in batches]
    known = [key if steps[key] else _ALL for key in keys]
    return [
        batch.run_steps * seconds[key] / steps[key] if steps[key] else None
        for batch, key in zip(batches, known, strict=True)
    ]
