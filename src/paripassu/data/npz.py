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

    def read(self) -> NDArray[np.uint8]:
        """``[N, C, H, W]``."""
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                arrays: dict[str, NDArray[Any]] = dict(archive)
        except (zipfile.BadZipFile, ValueError, EOFError, AttributeError, TypeError) as error:
            raise ValueError(
                f"{self.path} is no intact .npz of plain arrays ({error}): write it anew with numpy.savez"
            ) from error
        images = {name: found for name, array in arrays.items() if (found := _images(array)) is not None}
        if len(images) != 1:
            listed = ", ".join(f"{name} {a.dtype} {list(a.shape)}" for name, a in arrays.items())
            raise ValueError(
                f"{self.path} holds {len(images)} arrays of images, not one: give uint8 [N, H, W], "
                f"[N, H, W, C] or [N, C, H, W] with C 1 or 3, it has {listed}"
            )
        return next(iter(images.values()))


def _images(array: NDArray[Any]) -> NDArray[np.uint8] | None:
    if array.dtype != np.uint8:
        return None
    if array.ndim == 3:
        return array[:, None]
    if array.ndim == 4 and array.shape[3] in (1, 3):
        return array.transpose(0, 3, 1, 2)
    return array if array.ndim == 4 and array.shape[1] in (1, 3) else None
