"""CIFAR's binary version: records of labels and 3,072 bytes of red, green and blue.

Krizhevsky 2009; https://www.cs.toronto.edu/~kriz/cifar.html. The pickled Python version is not read: a pickle
can run any code.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paripassu.data.arrays import PixelFile
from paripassu.files import read_whole
from paripassu.printable import printable

_SIZE = 32
_PIXELS = 3 * _SIZE * _SIZE
# Which files are the training set, and how many bytes of labels are in front of each image.
_KINDS = (("data_batch_*.bin", 1), ("train.bin", 2))  # CIFAR-10, CIFAR-100
_PICKLED = ("data_batch_1", "batches.meta"), ("train", "meta")


@dataclass(frozen=True)
class Cifar(PixelFile):
    """The training images of CIFAR-10 or CIFAR-100 in a folder of binary batches, in the batches' order."""

    @staticmethod
    def is_at(path: Path) -> bool:
        """Whether a folder holds CIFAR, if only the version that cannot be read."""
        return any(any(path.glob(pattern)) for pattern, _ in _KINDS) or _is_pickled(path)

    @property
    def is_slow(self) -> bool:
        """Not at 32 px, the files' own."""
        return self.resolution not in (None, _SIZE)

    def files(self) -> list[Path]:
        """The batches.

        Raises:
            ValueError: one of those between the first and the last is missing.
        """
        return [batch for pattern, _ in _KINDS for batch in _batches(self.path, pattern)]

    def read(self) -> NDArray[np.uint8]:
        """``[N, 3, 32, 32]``."""
        for pattern, labels in _KINDS:
            if batches := _batches(self.path, pattern):
                return np.concatenate([_pixels(_records(batch, labels), labels) for batch in batches])
        raise self._nothing()

    def read_labels(self, column: str | None) -> NDArray[Any]:
        """``[N]``: the classes of CIFAR-10, the fine ones of CIFAR-100."""
        if column is not None:
            raise ValueError(f"{self.name} has one kind of labels here: leave --labels out")
        for pattern, labels in _KINDS:
            if batches := _batches(self.path, pattern):
                return np.concatenate([_records(batch, labels)[:, labels - 1] for batch in batches])
        raise self._nothing()

    def _nothing(self) -> ValueError:
        kind = (
            "the pickled version of CIFAR"
            if _is_pickled(self.path)
            else "no data_batch_*.bin and no train.bin"
        )
        return ValueError(
            f"{printable(str(self.path))} holds {kind}: unpack CIFAR's binary version, cifar-10-binary.tar.gz"
        )


def _is_pickled(path: Path) -> bool:
    return any(all((path / name).is_file() for name in names) for names in _PICKLED)


def _batches(folder: Path, pattern: str) -> list[Path]:
    """The files of a pattern in the order of their numbers, from 1 on, if they have some."""
    found = sorted(folder.glob(pattern))
    numbered = [folder / pattern.replace("*", str(number)) for number in range(1, len(found) + 1)]
    if "*" in pattern and (lost := [path for path in numbered if path not in found]):
        raise ValueError(
            f"{printable(str(lost[0]))} is missing: fetch it anew, or rename the batches after it"
        )
    return numbered if "*" in pattern else found


def _pixels(records: NDArray[np.uint8], labels: int) -> NDArray[np.uint8]:
    return records[:, labels:].reshape(-1, 3, _SIZE, _SIZE)


def _records(path: Path, labels: int) -> NDArray[np.uint8]:
    data = np.frombuffer(bytearray(read_whole(path)), np.uint8)
    if not len(data):
        raise ValueError(f"{printable(str(path))} is empty: fetch it anew")
    if len(data) % (labels + _PIXELS):
        raise ValueError(
            f"{printable(str(path))} has {len(data):,} bytes, "
            f"no multiple of the {labels + _PIXELS:,} of a record: fetch it anew"
        )
    return data.reshape(-1, labels + _PIXELS)
