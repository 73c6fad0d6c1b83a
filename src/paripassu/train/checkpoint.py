"""Checkpoints from which a run resumes exactly or not at all, after a kill, a full disk or a flipped bit.

A checkpoint is a folder ``checkpoints/step-N``. It holds each network's tensors as safetensors, both
optimizers' state as a torch file that loads with ``weights_only=True``, and ``checkpoint.json`` with the
SHA-256 of each file and the networks' settings. It is written under another name and renamed when whole.
"""

import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from paripassu.files import replacing
from paripassu.train.state import TrainingState

FOLDER = "checkpoints"
KEPT = 2  # the newest, and one to fall back on should it be damaged
_INDEX = "checkpoint.json"
_NETWORKS = "networks"
_OPTIMIZERS = "optimizers.pt"
_SHADOWS = "shadows"


def save_checkpoint(folder: Path, state: TrainingState) -> None:
    """Write a checkpoint of the run in ``folder`` and remove all but the last `KEPT`."""
    home = folder / FOLDER
    home.mkdir(exist_ok=True)
    final = _path(home, state.step)
    if final.exists():
        return
    with replacing(final) as partial:
        partial.mkdir()
        for name, network in state.networks().items():
            tensors = {key: tensor.contiguous() for key, tensor in network.state_dict().items()}
            (partial / f"{name}.safetensors").write_bytes(save(tensors))
        memory = io.BytesIO()
        optimizers = {player: o.state_dict() for player, o in state.optimizers().items()}
        torch.save(optimizers | {_SHADOWS: state.shadows}, memory)
        (partial / _OPTIMIZERS).write_bytes(memory.getvalue())
        files = {path.name: _digest(path) for path in sorted(partial.iterdir())}
        index = {"step": state.step, "seconds": state.seconds, _NETWORKS: state.described, "sha256": files}
        (partial / _INDEX).write_text(json.dumps(index, indent=2), encoding="utf-8")
    for old in checkpoints(folder)[:-KEPT]:
        shutil.rmtree(old)


def checkpoints(folder: Path) -> list[Path]:
    """The run's checkpoints, oldest first."""
    return sorted((folder / FOLDER).glob("step-*"))


def load_checkpoint(folder: Path, state: TrainingState) -> list[Path]:
    """Bring ``state`` to the newest whole checkpoint of the run in ``folder``; without any, leave it.

    Returns:
        The damaged checkpoints that were passed over, newest first.

    Raises:
        ValueError: the newest whole one is of other networks; ``state`` is as it was.
        RuntimeError: there are checkpoints, and every one is damaged.
    """
    found = checkpoints(folder)
    damaged: list[Path] = []
    for path in reversed(found):
        if _is_whole(path):
            _restore(path, state)
            return damaged
        damaged.append(path)
    if found:
        raise RuntimeError(
            f"every checkpoint in {folder / FOLDER} is damaged: delete that folder to start over"
        )
    return damaged


def _restore(path: Path, state: TrainingState) -> None:
    index = json.loads((path / _INDEX).read_text())
    networks = state.networks()
    tensors = {name: _tensors(path / f"{name}.safetensors") for name in networks}
    if not (
        index[_NETWORKS] == state.described and all(_fit(tensors[name], networks[name]) for name in networks)
    ):
        raise ValueError(
            f"{path} holds {in_words(index[_NETWORKS])}, not {in_words(state.described)}: "
            "ask for what it holds, or name another folder to begin anew"
        )
    for name, network in networks.items():
        network.load_state_dict(tensors[name])
    saved = torch.load(path / _OPTIMIZERS, weights_only=True)
    for player, optimizer in state.optimizers().items():
        optimizer.load_state_dict(saved[player])
    state.shadows = saved[_SHADOWS]
    state.step, state.seconds = index["step"], index["seconds"]


def in_words(described: dict[str, Any]) -> str:
    """Networks as `TrainingState` describes them, for a sentence."""
    rest = dict(described)
    name, shape = rest.pop("name"), " x ".join(map(str, rest.pop("shape")))
    averaged = "" if rest.pop("averaged") else "out"
    settings = ", ".join(f"{setting} {value}" for setting, value in rest.items())
    return f"{name} ({settings}) for samples of {shape} with{averaged} an averaged generator"


def _tensors(path: Path) -> dict[str, Tensor]:
    return load(path.read_bytes()) if path.exists() else {}


def _fit(tensors: dict[str, Tensor], network: nn.Module) -> bool:
    own = network.state_dict()
    return {name: t.shape for name, t in tensors.items()} == {name: t.shape for name, t in own.items()}


def _is_whole(path: Path) -> bool:
    try:
        files = json.loads((path / _INDEX).read_text())["sha256"]
        return all(_digest(path / name) == digest for name, digest in files.items())
    except (OSError, ValueError, KeyError):
        return False


def _path(home: Path, step: int) -> Path:
    return home / f"step-{step:09d}"


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
