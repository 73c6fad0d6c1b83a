"""NumPy archives of images."""

import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paripassu.data.arrays import PixelFile


@dataclass(frozen=True)
class Npz(PixelFile):
    """The one array of images in a ``.npz``.

    It is uint8, ``[N, H, W]``, ``[N, H, W, C]`` or ``[N, C, H, W]`` with C 1 or 3. Other arrays beside it,
    such as labels, are passed over. Pickled objects are refused.
    """

    @property
    def is_slow(self) -> bool:
        """Always: it may be large, and has to be unpacked and put channels first."""
        return True

    def read(self) -> NDArray[np.uint8]:
        """``[N, C, H, W]``."""
        images: list[NDArray[np.uint8]] = []
        listed: list[str] = []
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                for name in archive.files:  # the others, one at a time, are only looked at
                    array = archive[name]
                    listed.append(f"{name} {array.dtype} {list(array.shape)}")
                    if (found := _images(array)) is not None:
                        images.append(found)
        except (zipfile.BadZipFile, ValueError, EOFError, AttributeError, TypeError) as error:
            raise ValueError(
                f"{self.path} is no intact .npz of plain arrays ({error}): write it anew with numpy.savez"
            ) from error
        if len(images) != 1:
            raise ValueError(
                f"{self.path} holds {len(images)} arrays of images, not one: give uint8 [N, H, W], "
                f"[N, H, W, C] or [N, C, H, W] with C 1 or 3, it has {', '.join(listed)}"
            )
        return images[0]


def _images(array: NDArray[Any]) -> NDArray[np.uint8] | None:
    if array.dtype != np.uint8:
        return None
    if array.ndim == 3:
        return array[:, None]
    if array.ndim == 4 and array.shape[3] in (1, 3):
        return array.transpose(0, 3, 1, 2)
    return array if array.ndim == 4 and array.shape[1] in (1, 3) else None
