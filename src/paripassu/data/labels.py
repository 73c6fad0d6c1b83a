"""Labels of images: the class of each, and how a batch carries them.

Labels enter in one place, `ImageSet.labels`, which `Labelled` fills. A batch then has them beside its samples
(`Batch`). Data without labels have none anywhere, and draw what they always drew.
"""

from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from paripassu.data.splits import split_of, splits_of
from paripassu.printable import printable

MOST_CLASSES = 10_000
"""Classes that data may have: more are numbers of something else."""


class Batch(NamedTuple):
    """Samples with their classes.

    Attributes:
        samples: ``[B, ...]``.
        labels: ``[B]``, int64; None where the data have none.
    """

    samples: Tensor
    labels: Tensor | None = None

    def each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """``change`` applied to both, row by row."""
        return Batch(change(self.samples), None if self.labels is None else change(self.labels))


class Labels(NamedTuple):
    """The class of each image.

    Attributes:
        numbers: ``[N]``, int64 in 0..C-1.
        names: of the C classes.
    """

    numbers: Tensor
    names: tuple[str, ...]


def no_labels(name: str) -> ValueError:
    """The error for a source that has none."""
    return ValueError(f"{name} has no labels: leave --conditional out, or give data with classes")


def labels_of(values: Sequence[str] | NDArray[Any], where: str) -> Labels:
    """Labels of names, or of whole numbers.

    Args:
        values: one a sample, ``[N]`` or ``[N, 1]``. Classes are in the order of names or of numbers.
        where: the source, for messages.

    Raises:
        ValueError: numbers that are not whole or below 0, one class alone, or more than `MOST_CLASSES`.

    Example:
        >>> labels_of(["dog", "cat", "dog"], "pets")
        Labels(numbers=tensor([1, 0, 1]), names=('cat', 'dog'))
    """
    array = np.asarray(values)
    if array.dtype.kind not in "iuU" or array.size != len(array):
        raise ValueError(
            f"labels of {where} are {array.dtype} {list(array.shape)}: give one whole number a sample"
        )
    if array.dtype.kind != "U" and array.min() < 0:
        raise ValueError(f"{where} has the label {array.min()}: number classes from 0")
    names, numbers = np.unique(array.reshape(-1), return_inverse=True)
    if len(names) == 1:
        only = printable(str(names[0]))
        raise ValueError(f"{where} is of one class, {only}: give several classes, or leave --conditional out")
    if len(names) > MOST_CLASSES:
        raise ValueError(f"{where} has {len(names):,} classes, more than {MOST_CLASSES:,}: are these labels?")
    return Labels(torch.from_numpy(numbers).long(), tuple(printable(str(name)) for name in names.tolist()))


def class_folders(files: Sequence[str], where: str) -> list[str]:
    """The class of each file, by the names of folders.

    Folders that say parts, and those that all files share, are passed over; the next one is the class.

    Args:
        files: paths, with slashes.
        where: the source, for messages.

    Raises:
        ValueError: a file is in no such folder.

    Example:
        >>> class_folders(["pets/train/cat/1.png", "pets/train/dog/old/2.png"], "pets.zip")
        ['cat', 'dog']
    """
    parents = {name: PurePosixPath(name).parent.parts for name in files}
    if splits_of([f"{'/'.join(parts)}/x" for parts in parents.values()], each=True):
        parents = {name: tuple(p for p in parts if not split_of(p)) for name, parts in parents.items()}
    levels = zip(*parents.values(), strict=False)
    shared = len(list(takewhile(lambda level: len(set(level)) == 1, levels)))
    if len({*parents.values()}) == 1 and shared:
        shared -= 1  # one folder is one class, which is said elsewhere
    without = [name for name, parts in parents.items() if len(parts) <= shared]
    if without:
        raise ValueError(
            f"{where} has {len(without):,} images in no folder of a class, the first is "
            f"{printable(without[0])}: put each class into a folder, or leave --conditional out"
        )
    return [parents[name][shared] for name in files]
