"""Files of pixels rather than of encoded images: what they share is how they come to a resolution."""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from paripassu.data.source import ImageSet, Source


@dataclass(frozen=True)
class PixelFile(Source):
    """Images stored as bytes.

    Args:
        path: where they are.
        resolution: height and width they are brought to, >= 1, by the central square and an antialiasing
            Lanczos filter; None leaves them as they are.
    """

    path: Path
    resolution: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))  # for those who write a string
        if self.resolution is not None and self.resolution < 1:
            raise ValueError(f"resolution must be >= 1, got {self.resolution}")

    @property
    def name(self) -> str:
        """The file's own name, up to the first dot."""
        return self.path.resolve().name.partition(".")[0]

    @abstractmethod
    def read(self) -> NDArray[np.uint8]:
        """``[N, C, H, W]``, C 1 or 3.

        Raises:
            ValueError: the file is missing, damaged, or holds something else.
        """

    def load(self, device: torch.device) -> ImageSet:
        """``[N, C, resolution, resolution]``, in the file's order."""
        try:
            pixels = self.read()
        except OSError as error:
            raise ValueError(f"{self.path} cannot be read: {error.strerror or error}") from error
        if not len(pixels):
            raise ValueError(f"{self.path} holds no images: give one that does")
        if self.resolution is not None and pixels.shape[2:] != (self.resolution, self.resolution):
            pixels = np.stack([_fitted(image, self.resolution) for image in pixels])
        return ImageSet.on(device, torch.from_numpy(np.ascontiguousarray(pixels)))


def _fitted(image: NDArray[np.uint8], resolution: int) -> NDArray[np.uint8]:
    pillow = Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))
    square = ImageOps.fit(pillow, (resolution, resolution), Image.Resampling.LANCZOS)
    return np.atleast_3d(np.asarray(square)).transpose(2, 0, 1)
