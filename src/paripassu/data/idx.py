"""IDX files, as MNIST and its kin are published; gzipped or not.

The format: two zero bytes, 8 for unsigned bytes, the number of dimensions, each dimension as a big-endian
32-bit number, the bytes. LeCun et al. 1998, https://yann.lecun.com/exdb/mnist/.
"""

import gzip
import math
import struct
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from paripassu.data.arrays import PixelFile, check_memory
from paripassu.files import opened
from paripassu.printable import printable

_GZIP = b"\x1f\x8b"
_MAGIC = b"\0\0\x08\x03"  # unsigned bytes, three dimensions
_LABELS = b"\0\0\x08\x01"  # one dimension
_DENSEST = 1100  # bytes out of one byte in: deflate has at most 1,032


@dataclass(frozen=True)
class Idx(PixelFile):
    """The grey images of a file such as ``train-images-idx3-ubyte.gz``.

    Labels are those of ``train-labels-idx1-ubyte.gz`` beside it.
    """

    def read(self) -> NDArray[np.uint8]:
        """``[N, 1, H, W]``; nothing is unpacked beyond what the header promises."""
        with _unpacked(self.path) as (data, most):
            return self._images(data, most)

    def read_labels(self, column: str | None) -> NDArray[Any]:
        """``[N]``."""
        name = self.path.name.replace("images", "labels").replace("idx3", "idx1")
        path = self.path.with_name(name)
        if column is not None or path == self.path or not path.is_file():
            raise ValueError(
                f"there is no {printable(str(path))} with the labels of {printable(self.path.name)}: "
                "put it there, or leave --conditional and --labels out"
            )
        with _unpacked(path) as (data, most):
            header = data.read(8)
            is_whole = len(header) == 8 and header.startswith(_LABELS)
            count = struct.unpack(">I", header[4:])[0] if is_whole else most + 1
            labels = data.read(count) if count <= most else b""
            if not labels or len(labels) < count or data.read(1):
                raise ValueError(f"{printable(str(path))} is no intact IDX file of labels: fetch it anew")
            return np.frombuffer(labels, np.uint8)

    def _images(self, data: IO[bytes] | gzip.GzipFile, most: int) -> NDArray[np.uint8]:
        shown, header = printable(str(self.path)), data.read(16)
        if not header.startswith(_MAGIC) or len(header) < 16:
            raise ValueError(
                f"{shown} is no IDX file of images, it starts with {header[:4].hex()}: "
                "give the one with images, such as train-images-idx3-ubyte.gz"
            )
        count, height, width = struct.unpack(">III", header[4:16])
        promised = math.prod((count, height, width))
        expected = f"{shown} should hold {count:,} images of {height} x {width}, but has"
        if promised > most:
            raise ValueError(f"{expected} at most {most:,} bytes of them: fetch it anew")
        check_memory(self.path, promised)
        pixels = data.read(promised)
        if len(pixels) < promised or data.read(1):
            has = f"{len(pixels):,}" if len(pixels) < promised else f"more than {promised:,}"
            raise ValueError(f"{expected} {has} bytes of them: fetch it anew")
        return np.frombuffer(bytearray(pixels), np.uint8).reshape(count, 1, height, width)


@contextmanager
def _unpacked(path: Path) -> Generator[tuple[IO[bytes] | gzip.GzipFile, int]]:
    """A file's bytes, and how many there are at most."""
    with opened(path) as file:
        is_packed = file.read(2) == _GZIP
        size = file.seek(0, 2)
        file.seek(0)
        if not is_packed:
            yield file, size
            return
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield unpacked, size * _DENSEST
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{printable(str(path))} is a damaged gzip ({error}): fetch it anew") from error
