"""IDX files, as MNIST and its kin are published; gzipped or not.

The format: two zero bytes, 8 for unsigned bytes, the number of dimensions, each dimension as a big-endian
32-bit number, the bytes. LeCun et al. 1998, https://yann.lecun.com/exdb/mnist/.
"""

import gzip
import math
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paripassu.data.arrays import PixelFile

_GZIP = b"\x1f\x8b"
_MAGIC = b"\0\0\x08\x03"  # unsigned bytes, three dimensions


@dataclass(frozen=True)
class Idx(PixelFile):
    """The grey images of a file such as ``train-images-idx3-ubyte.gz``."""

    def read(self) -> NDArray[np.uint8]:
        """``[N, 1, H, W]``."""
        data = self.path.read_bytes()
        if data.startswith(_GZIP):
            try:
                data = gzip.decompress(data)
            except (EOFError, OSError, zlib.error) as error:
                raise ValueError(f"{self.path} is a damaged gzip ({error}): fetch it anew") from error
        if not data.startswith(_MAGIC) or len(data) < 16:
            raise ValueError(
                f"{self.path} is no IDX file of images, it starts with {data[:4].hex()}: "
                "give the one with images, such as train-images-idx3-ubyte.gz"
            )
        count, height, width = struct.unpack(">III", data[4:16])
        if len(data) - 16 != math.prod((count, height, width)):
            raise ValueError(
                f"{self.path} should hold {count:,} images of {height} x {width}, "
                f"but has {len(data) - 16:,} bytes of them: fetch it anew"
            )
        return np.frombuffer(data, np.uint8, offset=16).reshape(count, 1, height, width).copy()
