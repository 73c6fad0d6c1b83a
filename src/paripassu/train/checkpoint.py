"""Checkpoints from which a run resumes exactly or not at all, after a kill, a full disk or a flipped bit.

A checkpoint is a folder ``checkpoints/step-N``. It holds each network's tensors as safetensors, both
optimizers' state as a torch file that loads with ``weights_only=True``, and an index that proves them whole
(`paripassu.records.checkpoints`). It is written under another name and renamed when whole.
"""

import hashlib
import io
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from paripassu.files import partial_of, replacing, sync
from paripassu.records.checkpoints import (
    CHECKPOINTS,
    Checkpoint,
    DamagedError,
    checkpoints,
    folder_of,
    proved,
    read_index,
    write_index,
)
from paripassu.records.codec import RecordWriter
from paripassu.train.state import TrainingState

KEPT = 2  # the newest, and one to fall back on should it be damaged
_OPTIMIZERS = "optimizers.pt"
_SHADOWS = "shadows"


def save_checkpoint(folder: Path, state: TrainingState, records: RecordWriter) -> None:
    """Write a checkpoint of the run in ``folder`` and remove all but the last `KEPT`.

    The records are brought to the disk first: a checkpoint counts on those before it.
    """
    size, digest = records.rest()
    home = folder / CHECKPOINTS
    if not home.exists():
        home.mkdir()
        sync(folder)
    with replacing(folder_of(folder, state.step)) as partial:
        partial.mkdir()
        files: dict[str, str] = {}
        for name, network in state.networks().items():
            files |= _write(partial / f"{name}.safetensors", save(_apart(network.state_dict())))
        memory = io.BytesIO()
        optimizers = {player: _unshared(o.state_dict()) for player, o in state.optimizers().items()}
        torch.save(optimizers | {_SHADOWS: state.shadows}, memory)
        files |= _write(partial / _OPTIMIZERS, memory.getvalue())
        write_index(
            partial,
            Checkpoint(records.key, state.step, state.seconds, state.described, files, size, digest),
        )
    for old in checkpoints(folder)[:-KEPT]:
        shutil.rmtree(old.rename(partial_of(old)))  # gone at once, for who reads it meanwhile


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the host: safetensors refuses tied weights, and views of one buffer."""
    kept = torch.contiguous_format
    return {name: each.to("cpu", copy=True, memory_format=kept) for name, each in tensors.items()}


def _unshared(value: Any) -> Any:
    """Nested containers in which no object comes twice.

    Pickle writes an object once, so that otherwise a state that was loaded is not saved as the same bytes as
    one in which two groups share their numbers.
    """
    if isinstance(value, dict):
        return {key: _unshared(item) for key, item in value.items()}
    return type(value)(map(_unshared, value)) if isinstance(value, list | tuple) else value


def restore(path: Path, state: TrainingState, *, weights_only: bool = False) -> None:
    """Bring ``state`` to the checkpoint in the folder ``path``.

    Args:
        path: the checkpoint's.
        state: of the same networks.
        weights_only: whether networks alone are restored, as for a new run. An averaged generator that the
            checkpoint lacks begins as its generator.

    Raises:
        DamagedError: a file is not as it was written; ``state`` is as it was.
        ValueError: the checkpoint is of other networks; ``state`` is as it was.
    """
    index = read_index(path)
    device = next(state.generator.parameters()).device
    sources = {name: name for name in state.networks()}
    described = state.described
    if weights_only:
        described = described | {"averaged": index.networks.get("averaged")}
        if not described["averaged"] and state.averaged is not None:
            sources["averaged"] = "generator"
    if index.networks != described:
        raise _other_networks(path, index, described)
    try:
        tensors = {
            name: load(proved(path, f"{source}.safetensors", index.files)) for name, source in sources.items()
        }
        saved: dict[str, Any] = {}
        if not weights_only:
            content = proved(path, _OPTIMIZERS, index.files)
            saved = torch.load(io.BytesIO(content), weights_only=True, map_location=device)
    except (DamagedError, PermissionError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # a file that its digest proves whole was written by something else
        raise DamagedError("tensors cannot be read") from error
    networks = state.networks()
    if not all(_fit(tensors[name], networks[name]) for name in networks):
        raise _other_networks(path, index, described)
    for name, network in networks.items():
        network.load_state_dict(tensors[name])
    if weights_only:
        return
    for player, optimizer in state.optimizers().items():
        optimizer.load_state_dict(saved[player])
    state.shadows = saved[_SHADOWS]
    state.step, state.seconds = index.step, index.seconds


def _other_networks(path: Path, index: Checkpoint, described: dict[str, Any]) -> ValueError:
    return ValueError(
        f"{path} holds {in_words(index.networks)}, not {in_words(described)}: "
        "ask for what it holds, or name another folder to begin anew"
    )


def in_words(described: dict[str, Any]) -> str:
    """Networks as `TrainingState` describes them, for a sentence."""
    rest = dict(described)
    name, shape = rest.pop("name"), " x ".join(map(str, rest.pop("shape")))
    averaged = "" if rest.pop("averaged") else "out"
    settings = ", ".join(f"{setting} {value}" for setting, value in rest.items())
    return f"{name} ({settings}) for samples of {shape} with{averaged} an averaged generator"


def _write(path: Path, content: bytes) -> dict[str, str]:
    path.write_bytes(content)
    return {path.name: hashlib.sha256(content).hexdigest()}


def _fit(tensors: dict[str, Tensor], network: nn.Module) -> bool:
    own = network.state_dict()
    return {name: t.shape for name, t in tensors.items()} == {name: t.shape for name, t in own.items()}
