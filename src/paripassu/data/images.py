"""Any folder, zip or Parquet of images, decoded once.

Images are turned upright as their EXIF data say, laid on white where they are transparent, cropped to the
central square and resized with an antialiasing Lanczos filter. Colour profiles are ignored. What took long is
kept on disk, see `paripassu.data.cache`.
"""

import warnings
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, TiffImagePlugin

from paripassu.data.cache import CacheEntry
from paripassu.data.containers import (
    FORMATS,
    KINDS,
    ImageFile,
    empty_folders,
    fingerprint,
    image_files,
    reason,
    the_first,
    usable_files,
)
from paripassu.data.source import ImageSet, Source

OnBadImage = Literal["refuse", "skip"]
Channels = Literal[1, 3]

_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}
# An uncompressed file of as many pixels as Pillow takes for honest; what is larger in a zip may be a bomb.
_MOST_BYTES = 4 * 89_478_485
_SKIP = "skip them (on_bad_image='skip', --on-bad-image skip)"
# Where a PNG and a TIFF say their bits per channel, which Pillow hides for RGB.
_PNG_DEPTH, _TIFF_DEPTHS = 24, 258


@dataclass(frozen=True)
class ImageFolder(Source):
    """All PNG, JPEG, WebP, BMP, TIFF and still GIF images below a folder, in a zip or in a Parquet file.

    Images of other kinds, such as AVIF, are bad images. Hidden files and those that are no images by their
    names are passed over; a folder without images may hold Parquet files, in the order of their names. They
    take ``N * channels * resolution^2`` bytes.

    Args:
        path: the folder, searched to any depth, or the zip or Parquet file.
        resolution: height and width of the loaded images, >= 1.
        channels: 3 for RGB, 1 for grey; images of the other kind are converted.
        on_bad_image: what to do where some images cannot be used, or a folder holds none, such as that of
            a class which was never unpacked: ``"refuse"`` to load any, or ``"skip"`` them and say which in
            `ImageSet.skipped`.
    """

    path: Path
    resolution: int
    channels: Channels = 3
    on_bad_image: OnBadImage = "refuse"

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))  # for those who write a string
        if self.resolution < 1:
            raise ValueError(f"resolution must be >= 1, got {self.resolution}")
        if self.channels not in get_args(Channels):
            raise ValueError(f"channels must be 1 (grey) or 3 (RGB), got {self.channels}")
        if self.on_bad_image not in get_args(OnBadImage):
            raise ValueError(f"on_bad_image must be 'refuse' or 'skip', got {self.on_bad_image!r}")

    @property
    def name(self) -> str:
        """The folder's or file's own name."""
        return self.path.resolve().name.removesuffix(".zip").removesuffix(".parquet")

    def load(self, device: torch.device, progress: Callable[[int, int], object] | None = None) -> ImageSet:
        """``[N, channels, resolution, resolution]``.

        Args:
            device: where the images are kept.
            progress: called after each image with the number done and the number of all.

        Raises:
            ValueError: nothing to load, bad images, or empty folders; the first of them are named.
        """
        with image_files(self.path) as files:
            if not files:
                inside = usable_files(self.path)
                remedy = (
                    f"give what is in it instead, {the_first(inside)}"
                    if inside
                    else f"give a folder or zip of {KINDS} files, or Parquet"
                )
                raise ValueError(f"{self.path} holds no images: {remedy}")
            # Another Pillow may decode or resize otherwise.
            settings = f"{self.path.resolve()} {self.resolution} {self.channels} {PIL.__version__}"
            entry = CacheEntry(self.name, settings, fingerprint(files))
            shape = (len(files), self.channels, self.resolution, self.resolution)
            pixels, complaints, known = entry.read() or entry.write(
                shape, partial(self._decode, files, progress)
            )

        bad = tuple(complaint for complaint in complaints if complaint)
        if bad and (self.on_bad_image == "refuse" or len(bad) == len(files)):
            remedy = f", remove them or {_SKIP}" if len(bad) < len(files) else ""
            raise ValueError(
                f"{len(bad):,} of {len(files):,} images in {self.path} cannot be used, "
                f"{the_first(bad)}: mend them{remedy}"
            )
        empty = tuple(empty_folders(self.path))
        if empty and self.on_bad_image == "refuse":
            raise ValueError(
                f"{len(empty):,} folders in {self.path} hold no images, {the_first(empty)}: "
                f"fill them, remove them or {_SKIP}"
            )
        skipped = bad + tuple(f"{folder} (a folder without images)" for folder in empty)
        return ImageSet.on(device, torch.from_numpy(pixels), skipped, known)

    def _decode(
        self,
        files: list[ImageFile],
        progress: Callable[[int, int], object] | None,
        pixels: NDArray[np.uint8],
    ) -> list[str | None]:
        """Fill ``pixels``; what is wrong with each file, if anything."""

        def fill(index: int) -> str | None:
            try:
                pixels[index] = _pixels(files[index], self.resolution, self.channels)
            except Exception as error:  # decoders raise whatever they like on damaged files
                return f"{files[index].name} ({reason(error)})"
            return None

        complaints: list[str | None] = []
        with _strict_pillow(), ThreadPoolExecutor() as pool:
            for complaint in pool.map(fill, range(len(files))):
                complaints.append(complaint)
                if progress:
                    progress(len(complaints), len(files))
        return complaints


@contextmanager
def _strict_pillow() -> Generator[None]:
    """Images of suspicious size raise, for Pillow only warns; damaged metadata is passed over."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _pixels(file: ImageFile, resolution: int, channels: Channels) -> NDArray[np.uint8]:
    """``[channels, resolution, resolution]``."""
    if file.size > _MOST_BYTES:
        raise ValueError(f"{file.size:,} bytes, too large for an image")
    data = file.read()
    with Image.open(BytesIO(data), formats=FORMATS) as opened:
        # A camera's MPO holds the photo first, then previews of it.
        if opened.format != "MPO" and getattr(opened, "is_animated", False):
            raise ValueError("several pages" if opened.format == "TIFF" else "animated")
        if (bits := _bits(opened, data)) > 8:
            raise ValueError(f"{bits} bits per channel, not 8")
        if opened.mode not in _MODES:
            raise ValueError(f"{opened.mode}, not RGB or grey")
        # JPEG decodes faster at 1/2, 1/4 or 1/8 size. Kept at four times the resolution, photos differ by a
        # quarter of one of 255 levels on average; at twice, by a whole one.
        opened.draft(None, (4 * resolution, 4 * resolution))
        ImageOps.exif_transpose(opened, in_place=True)
        image: Image.Image = opened
        if opened.has_transparency_data:
            transparent = opened.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", transparent.size, "white"), transparent)
        square = ImageOps.fit(
            image.convert("L" if channels == 1 else "RGB"), (resolution, resolution), Image.Resampling.LANCZOS
        )
    return np.atleast_3d(np.asarray(square)).transpose(2, 0, 1)


def _bits(opened: Image.Image, data: bytes) -> int:
    """Per channel, at most; 8 or less where only that is possible."""
    if opened.format == "PNG":
        return data[_PNG_DEPTH]
    if isinstance(opened, TiffImagePlugin.TiffImageFile):
        return max(opened.tag_v2.get(_TIFF_DEPTHS, (1,)))
    return 8
