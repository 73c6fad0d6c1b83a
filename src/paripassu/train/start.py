"""A run that begins with the weights of another one."""

import hashlib
import json
from pathlib import Path

from paripassu.files import AnyPath
from paripassu.records import RunStart
from paripassu.records.checkpoints import Checkpoint, DamagedError, checkpoints, folder_of, read_index
from paripassu.train.checkpoint import restore
from paripassu.train.folder import header_of
from paripassu.train.resume import to_measure
from paripassu.train.state import TrainingState


def start_of(given: AnyPath | None, folder: Path) -> RunStart | None:
    """Where the first weights of the run in ``folder`` come from.

    Args:
        given: the run that a person named now.
        folder: of the run that begins or goes on.

    Raises:
        ValueError: the run began with other weights, or the named one has no whole last checkpoint.
    """
    header = header_of(folder)
    place = None if given is None else Path(given).resolve()
    if header is None:
        return None if place is None else _start(place)
    if place is None and header.start:
        raise ValueError(
            f"{folder} holds a run that began with the weights of {header.start.run}: add --from "
            f"{header.start.run} to continue it, or name another folder"
        )
    if place is not None and header.start is None:
        raise ValueError(
            f"{folder} holds a run that began without --from: leave that out, or name another folder"
        )
    if place is not None and header.start and not _is_same(place, header.start):
        raise ValueError(
            f"{folder} holds a run that began with the weights of {header.start.run}, not of {place}: "
            "name that run, or another folder"
        )
    return header.start


def begin_with(start: RunStart, folder: Path, state: TrainingState) -> None:
    """Give ``state`` the weights of a start, unless the run in ``folder`` has checkpoints to go on from.

    Raises:
        ValueError: they are not there any more, or of other networks.
    """
    path = folder_of(start.run, start.step)
    try:
        _check_same(path, start)
        restore(path, state, weights_only=True)
    except DamagedError as error:
        if checkpoints(folder):
            return
        raise ValueError(
            f"the run is to begin with {path}, which is not what it was any more: bring it back, or begin "
            "in another folder"
        ) from error


def _check_same(path: Path, start: RunStart) -> None:
    if _weights(read_index(path)) != start.sha256:
        raise DamagedError("weights were changed")


def _is_same(place: Path, start: RunStart) -> bool:
    return str(place) == start.run or _start(place).sha256 == start.sha256


def _start(place: Path) -> RunStart:
    path = to_measure(place, None)
    index = read_index(path)
    return RunStart(str(place), index.step, _weights(index))


def _weights(index: Checkpoint) -> str:
    """One digest of the digests of all networks."""
    files = sorted((name, digest) for name, digest in index.files.items() if name.endswith(".safetensors"))
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()
