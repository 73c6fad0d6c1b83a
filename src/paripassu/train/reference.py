"""Features of the real data, kept on disk if the network is slow.

A file is named after the hashes of the pixels and of the network, so that it is never out of date. A damaged
file is computed again. Processes that need the same features at once wait for the one that computes them. The
files are in `paripassu.cache.cache_home`.
"""

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from paripassu.cache import cache_home, making
from paripassu.data import ImageSet
from paripassu.files import check_is_file, replacing
from paripassu.metrics import MAX_PAIRED_SAMPLES, FeatureNetwork, FeatureSample, Moments

_LAYOUT = "2"  # of the files

# Samples that pass at once, less of those with more pixels: bounds memory.
_BATCH = 500
_PIXELS = 2**21


def at_once(shape: tuple[int, ...]) -> int:
    """How many samples of this shape are made or measured at a time."""
    return max(1, min(_BATCH, _PIXELS // math.prod(shape[1:])))


def reference(
    network: FeatureNetwork, real: ImageSet, progress: Callable[[int, int], object]
) -> FeatureSample:
    """Of all images, in an order that is shuffled but always the same: folders are sorted by class.

    Args:
        network: whose features.
        real: the data.
        progress: called with the images done and all of them, unless the features were kept.

    Raises:
        OSError: they cannot be kept; the message says where.
    """
    if network.digest is None:
        return _computed(network, real, progress)
    path = _path(network.name, network.digest, real)
    if kept := _read(path):
        return kept
    with making(path, partial(_cannot_keep, path.parent)):
        if kept := _read(path):  # of another process, meanwhile
            return kept
        with replacing(path) as unfinished:
            _make_room(unfinished)
            computed = _computed(network, real, progress)
            _write(unfinished, computed)
    return computed


def _computed(
    network: FeatureNetwork, real: ImageSet, progress: Callable[[int, int], object]
) -> FeatureSample:
    def batches() -> Iterator[Tensor]:
        shuffled = torch.randperm(len(real), generator=torch.Generator().manual_seed(0))
        done = 0
        for chosen in shuffled.split(at_once(real.shape)):
            yield network(real.at(chosen))
            done += len(chosen)
            progress(done, len(real))

    sample = FeatureSample.gather(batches(), MAX_PAIRED_SAMPLES)
    return replace(sample, rows=sample.rows.cpu())


def _path(name: str, weights: str, real: ImageSet) -> Path:
    digest = hashlib.sha256(f"{_LAYOUT} {name} {weights} {real.digest}".encode())
    return cache_home() / f"features-{name}-{digest.hexdigest()[:16]}.safetensors"


def _make_room(path: Path) -> None:
    """Raise ``OSError`` where the file cannot be written: before an hour's work, not after it."""
    try:
        path.touch()
    except OSError as error:
        raise _cannot_keep(path.parent, str(error.strerror)) from error


def _cannot_keep(home: Path, reason: str) -> OSError:
    return OSError(
        f"features of the data cannot be kept in {home} ({reason}): name another folder in PARIPASSU_CACHE"
    )


def _tensors(sample: FeatureSample) -> dict[str, Tensor]:
    return {
        "mean": sample.moments.mean,
        "products": sample.moments.products,
        "rows": sample.rows.contiguous(),
    }


def _digest(count: int, tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(str(count).encode())
    for name in sorted(tensors):
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()


def _write(path: Path, sample: FeatureSample) -> None:
    tensors, count = _tensors(sample), sample.moments.count
    save_file(tensors, path, {"count": str(count), "sha256": _digest(count, tensors)})


def _read(path: Path) -> FeatureSample | None:
    try:
        check_is_file(path)
        with safe_open(path, "pt") as kept:
            tensors: dict[str, Tensor] = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
            facts: dict[str, str] = kept.metadata()
        count = int(facts["count"])
        if facts["sha256"] != _digest(count, tensors):
            return None
        return FeatureSample(Moments(count, tensors["mean"], tensors["products"]), tensors["rows"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None
