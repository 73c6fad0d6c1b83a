"""Which checkpoints of a run can be trusted. What is read back is proved whole first.

A checkpoint is a folder ``checkpoints/step-N`` with ``checkpoint.json``, its index. The index carries its own
SHA-256. It names the run and the step, every file with its SHA-256, and how far the run's records were when
it was written, with their SHA-256. Anything that does not agree, and any error while reading, is damage.
"""

import hashlib
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cattrs

from paripassu.files import AnyPath, file_digest, read_whole, sealed, unsealed
from paripassu.records.codec import digest_of, proved_end
from paripassu.records.run import RECORDS_FILE

CHECKPOINTS = "checkpoints"
INDEX = "checkpoint.json"
SET_ASIDE = "set-aside"
"""Where a run keeps what it cannot trust until it has ended."""

_NEEDED = ("generator.safetensors", "discriminator.safetensors", "optimizers.pt")
_AVERAGED = "averaged.safetensors"

_converter = cattrs.Converter(forbid_extra_keys=True)


class DamagedError(ValueError):
    """A checkpoint is not what was written; the message says what of it, in a few words."""


@dataclass(frozen=True)
class Checkpoint:
    """The index of a checkpoint.

    Attributes:
        run: the key of the run, as in ``run.json``.
        step: generator updates done.
        seconds: of training, over all sittings.
        networks: what they are, as plain values.
        files: the SHA-256 of every file, by name.
        records: bytes that the run's records had.
        records_sha256: the digest of those records.
    """

    run: str
    step: int
    seconds: float
    networks: dict[str, Any]
    files: dict[str, str]
    records: int
    records_sha256: str


def folder_of(run: AnyPath, step: int) -> Path:
    """Where a run's checkpoint of a step is, or would be."""
    return Path(run) / CHECKPOINTS / f"step-{step:09d}"


def checkpoints(run: AnyPath) -> list[Path]:
    """The folders of a run's checkpoints, oldest first."""
    return sorted(
        (path for path in (Path(run) / CHECKPOINTS).glob("step-*") if step_of(path) >= 0), key=step_of
    )


def step_of(path: Path) -> int:
    """The step in the name of a checkpoint's folder; -1 if there is none."""
    name = re.fullmatch(r"step-(\d{9,18})", path.name)
    return int(name[1]) if name else -1


def write_index(path: Path, checkpoint: Checkpoint) -> None:
    """Write the index of the checkpoint whose files are in the folder ``path``."""
    (path / INDEX).write_text(sealed(asdict(checkpoint)), encoding="utf-8")


def read_index(path: Path) -> Checkpoint:
    """The index of the checkpoint in the folder ``path``.

    Raises:
        DamagedError: it is not as it was written, or is another checkpoint's.
    """
    try:
        checkpoint = _converter.structure(unsealed(read_whole(path / INDEX)), Checkpoint)
    except (PermissionError, MemoryError):
        raise
    except Exception as error:  # whatever damage may have made of it
        raise DamagedError(f"{INDEX} was changed or lost") from error
    if checkpoint.step != step_of(path):
        raise DamagedError(f"{INDEX} is of step {checkpoint.step}")
    return checkpoint


def proved(path: Path, name: str, files: Mapping[str, str]) -> bytes:
    """The content of a checkpoint's file.

    Raises:
        DamagedError: the index does not have it, or it is not as it was written.
    """
    with _reading(name):
        content = read_whole(path / name)
    if files.get(name) != hashlib.sha256(content).hexdigest():
        raise DamagedError(f"{name} was changed")
    return content


@contextmanager
def _reading(name: str) -> Generator[None]:
    """A file that cannot be read was lost, unless this account may not read it."""
    try:
        yield
    except PermissionError:
        raise
    except OSError as error:
        raise DamagedError(f"{name} was lost") from error


def check_whole(path: Path) -> Checkpoint:
    """The index of the checkpoint in the folder ``path``, after a look at every file.

    Raises:
        DamagedError: a file or the index is not as it was written.
    """
    checkpoint = read_index(path)
    needed = [*_NEEDED, *[_AVERAGED] * bool(checkpoint.networks.get("averaged"))]
    for name, digest in (dict.fromkeys(needed, "") | checkpoint.files).items():
        with _reading(name):
            found = file_digest(path / name)
        if found != digest:
            raise DamagedError(f"{name} was changed")
    return checkpoint


def has_records(run: AnyPath, checkpoint: Checkpoint) -> bool:
    """Whether the records on which a checkpoint rests are those that were written before it."""
    return digest_of(Path(run) / RECORDS_FILE, checkpoint.records) == checkpoint.records_sha256


def damage(run: AnyPath) -> list[str]:
    """One sentence for everything in a run's folder that is not as it was written."""
    run = Path(run)
    found: list[str] = []
    for path in checkpoints(run):
        try:
            checkpoint = check_whole(path)
        except DamagedError as error:
            if path.exists():  # a training that goes on removes its older ones
                found.append(f"Checkpoint {path.name} is damaged: its {error}.")
        else:
            if not has_records(run, checkpoint):
                found.append(f"The records before checkpoint {path.name} were lost or changed.")
    end = proved_end(run / RECORDS_FILE)
    if end and end.outcome == "finished" and (run / CHECKPOINTS).exists():
        last = folder_of(run, end.step)
        if not last.is_dir():
            found.append(f"The last checkpoint, {last.name}, is missing.")
    return found
