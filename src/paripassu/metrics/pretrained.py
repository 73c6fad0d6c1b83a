"""Networks that others trained: the packages that hold them, and their weights, whole or refused."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from paripassu.files import NotAFileError, file_digest

# Images at once on a CPU: of 32 their activations are fresh memory each time, at 0.6 of the speed.
_ON_CPU = 4


def packaged(module: str, metric: str, extra: str) -> Any:
    """A module of an extra.

    Raises:
        ValueError: it is not installed, or cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(f"{metric} needs {error.name}: pip install 'paripassu[{extra}]'") from error
    except (ImportError, RuntimeError) as error:
        raise ValueError(
            f"{metric} needs {module}, which cannot be imported ({error}): "
            "install builds of torch and torchvision that fit each other"
        ) from error


def check_weights(path: Path, sha256: str, remedy: str) -> None:
    """Raise ``ValueError`` unless ``path`` is the very file of published weights."""
    try:
        found = file_digest(path)
    except NotAFileError as error:
        raise ValueError(f"{path} is {error.kind}, not a file: {remedy}") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): {remedy}") from error
    if found != sha256:
        raise ValueError(f"{path} has SHA-256 {found}, not {sha256}: {remedy}")


def by_parts(network: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """``network(images)``, of as many images at a time as their device is fast with."""
    at_once = _ON_CPU if images.device.type == "cpu" else len(images)
    return torch.cat([network(part) for part in images.split(at_once)])
