"""NumPy archives of images."""

import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from paripassu.data.arrays import Beside, PixelFile, check_memory
from paripassu.data.containers import reason
from paripassu.data.listing import LeftOut
from paripassu.data.splits import ALL, choose_split, split_of
from paripassu.printable import printable

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those of numpy
_DENSEST = 1100  # bytes out of one byte in: deflate has at most 1,032
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class _Array(NamedTuple):
    """What a member of an archive says of its array."""

    name: str
    dtype: "np.dtype[Any]"
    shape: tuple[int, ...]
    info: zipfile.ZipInfo

    def __str__(self) -> str:
        return printable(f"{self.name} {self.dtype} {list(self.shape)}")

    @property
    def may_be_images(self) -> bool:
        """Whether it has the dtype and the shape of images."""
        channels = self.shape[-1:] + self.shape[1:2]
        has_shape = len(self.shape) == 3 or (len(self.shape) == 4 and any(c in (1, 3) for c in channels))
        return self.dtype == np.uint8 and has_shape

    def may_be_labels_of(self, images: "_Array") -> bool:
        """Whether it has one whole number for each of these images."""
        return self.dtype.kind in "iu" and self.shape in (images.shape[:1], (images.shape[0], 1))


@dataclass(frozen=True)
class Npz(PixelFile):
    """One array of images in a ``.npz``.

    It is uint8, ``[N, H, W]``, ``[N, H, W, C]`` or ``[N, C, H, W]`` with C 1 or 3. Other arrays beside it,
    such as labels, are left out and named. Pickled objects are refused.

    Args:
        path: the file.
        resolution: as for every `PixelFile`.
        array: the name of the array; None if one alone may be images.
        split: of arrays whose names say parts, such as ``x_train`` and ``x_test``, the part to take; None
            takes the training part.

    Example:
        >>> import tempfile, torch
        >>> path = f"{tempfile.mkdtemp()}/set.npz"
        >>> np.savez(path, x_train=np.zeros((5, 8, 8), np.uint8), x_test=np.zeros((2, 8, 8), np.uint8))
        >>> len(Npz(path).load(torch.device("cpu"))), len(Npz(path, array="x_test").load(torch.device("cpu")))
        (5, 2)
    """

    array: str | None = None
    split: str | None = None

    @property
    def is_slow(self) -> bool:
        """Always: it may be large, and has to be unpacked and put channels first."""
        return True

    def read(self) -> NDArray[np.uint8]:
        """``[N, C, H, W]``."""
        with self._opened() as archive:
            chosen, _ = self._choose(_arrays(archive))
            check_memory(self.path, prod(chosen.shape))
            with archive.open(chosen.info) as member:
                pixels = npy.read_array(member, allow_pickle=False)
                _check_end(member)
        return _channels_first(pixels)

    def read_labels(self, column: str | None) -> NDArray[Any]:
        """``[N]`` of the array ``column``; None takes the only one of one whole number an image."""
        shown = printable(str(self.path))
        with self._opened() as archive:
            arrays = _arrays(archive)
            images, split = self._choose(arrays)
            found = [
                each
                for each in arrays
                if (each.name == column if column is not None else each.may_be_labels_of(images))
                and (not split or split_of(each.name) in (None, split))
            ]
            if len(found) != 1:
                what = f"{len(found)} arrays of labels" if found else "no array of labels"
                what += f" {column!r}" * (column is not None)
                listed = ", ".join(map(str, arrays))
                raise _ChoiceError(f"{shown} has {what}: choose one with --labels; it has {listed}")
            if prod(found[0].shape) != images.shape[0]:
                raise _ChoiceError(f"{shown} has {images} and {found[0]}: give one label an image")
            with archive.open(found[0].info) as member:
                labels = npy.read_array(member, allow_pickle=False)
                _check_end(member)
        return labels

    def beside(self) -> Beside:
        """The other arrays, by their headers."""
        with self._opened() as archive:
            arrays = _arrays(archive)
            chosen, split = self._choose(arrays)
        others = [each for each in arrays if each is not chosen]
        return Beside([LeftOut(str(each), _why(each, split)) for each in others], split)

    @contextmanager
    def _opened(self) -> Generator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                yield archive
        except (OSError, MemoryError, _ChoiceError):
            raise
        except Exception as error:  # zipfile, zlib and numpy raise whatever they like on damaged files
            raise ValueError(
                f"{printable(str(self.path))} is no intact .npz of plain arrays "
                f"({printable(reason(error))}): write it anew with numpy.savez"
            ) from error

    def _choose(self, arrays: list[_Array]) -> tuple[_Array, str]:
        """The array, and the part that it is of."""
        shown = printable(str(self.path))
        images = [each for each in arrays if each.may_be_images]
        listed = ", ".join(map(str, arrays))
        if self.array is not None:
            if self.split is not None:
                raise _ChoiceError("--array names one array: leave --split out")
            if wanted := [each for each in images if each.name == self.array]:
                return wanted[0], ""
            raise _ChoiceError(f"{shown} has no array of images {self.array!r}, it has {listed}")
        parts = {each.name: split_of(each.name) for each in images}
        is_divided = len(images) > 1 and len(set(parts.values()) - {None}) > 1
        try:
            split = choose_split(parts if is_divided else {}, self.split, shown)
        except ValueError as error:
            raise _ChoiceError(str(error)) from error
        found = images if split == ALL else [each for each in images if parts[each.name] == split]
        if len(found) == 1:
            return found[0], "" if split == ALL else split
        what = "give uint8 [N, H, W], [N, H, W, C] or [N, C, H, W] with C 1 or 3"
        if found:
            what = f"choose one with --array (array={found[0].name!r} in Python)"
        raise _ChoiceError(
            f"{shown} holds {len(found)} arrays of images, not one: {printable(what)}; it has {listed}"
        )


class _ChoiceError(ValueError):
    """The archive is intact, but does not say what to take."""


def _arrays(archive: zipfile.ZipFile) -> list[_Array]:
    """Of two arrays of one name the later one, as for numpy."""
    return list({info.filename: _header(archive, info) for info in archive.infolist()}.values())


def _why(array: _Array, split: str) -> str:
    other = split_of(array.name)
    return f"of the part {other}" if split and array.may_be_images and other else "not chosen"


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Array:
    """What an array says of itself, checked against what the archive says of it; little is unpacked."""
    if info.compress_type not in _METHODS or info.file_size > _DENSEST * max(info.compress_size, 1) + 2**20:
        raise ValueError(f"{info.filename} is not compressed as numpy does")
    with archive.open(info) as member:
        version = npy.read_magic(member)
        if version not in _HEADERS:
            raise ValueError(f"{info.filename} is of version {version}")
        shape, _, dtype = _HEADERS[version](member)
        if dtype.hasobject:
            raise ValueError(f"{info.filename} holds Python objects")
        promised, there = prod(shape) * dtype.itemsize, info.file_size - member.tell()
        if min(shape, default=0) < 0 or promised != there:
            raise ValueError(f"{info.filename} promises {promised:,} bytes and has {there:,}")
    return _Array(info.filename.removesuffix(".npy"), dtype, shape, info)


def _check_end(member: IO[bytes]) -> None:
    if member.read(1):  # which checks the sum of all bytes
        raise ValueError("more bytes than its header says")


def _channels_first(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if array.ndim == 3:
        return array[:, None]
    return array.transpose(0, 3, 1, 2) if array.shape[3] in (1, 3) else array
