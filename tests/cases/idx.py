"""Files in the format of MNIST."""

import struct

import numpy as np
from numpy.typing import ArrayLike


def idx(values: ArrayLike) -> bytes:
    """An IDX file of unsigned bytes: images ``[N, H, W]`` or labels ``[N]``."""
    array = np.asarray(values, np.uint8)
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
