"""Any folder, zip or Parquet of images, decoded once.

Images are turned upright as their EXIF data say, laid on white where they are transparent, cropped to the
central square and resized with an antialiasing Lanczos filter. Colour profiles are ignored. What took long is
kept on disk, see `paripassu.data.cache`.
"""

import warnings
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, TiffImagePlugin

from paripassu.data.budget import Budget
from paripassu.data.cache import CacheEntry
from paripassu.data.containers import (
    FORMATS,
    KINDS,
    Choice,
    account,
    contents,
    fingerprint,
    reason,
    the_first,
)
from paripassu.data.labels import Labels, class_folders, labels_of
from paripassu.data.listing import ImageFile, LeftOut
from paripassu.data.source import ImageSet, Source
from paripassu.printable import printable
from paripassu.sizes import check_sizes

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

    Images of other kinds, such as AVIF, are bad images. Links to folders are followed, and each folder is
    read once. A folder without images may hold Parquet files, in the order of their names. What is not taken
    is named in `ImageSet.skipped`: hidden files, those of systems (macOS, Windows, Synology, QNAP), those
    that are no images by their names, other parts and other columns. Images take
    ``N * channels * resolution^2`` bytes.

    Args:
        path: the folder, searched to any depth, or the zip or Parquet file.
        resolution: height and width of the loaded images, >= 1.
        channels: 3 for RGB, 1 for grey; images of the other kind are converted.
        on_bad_image: what to do where some images cannot be used, or a folder holds none, such as that of
            a class which was never unpacked: ``"refuse"`` to load any, or ``"skip"`` them and say which in
            `ImageSet.skipped`.
        column: of Parquet files with several columns of images, the one to take; None takes the one called
            image or img.
        split: of files that are divided by the names of their folders, or by their own, the part to take:
            ``"train"``, ``"validation"``, ``"test"``, ``"all"``, or a name that Parquet files have. None
            takes the training part.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("train", "test"):
        ...     (folder / name).mkdir()
        ...     Image.new("RGB", (8, 8)).save(folder / name / "1.png")
        >>> loaded = ImageFolder(folder, resolution=8).load(torch.device("cpu"))
        >>> len(loaded), loaded.skipped
        (1, ('test/1.png (of the part test)',))
    """

    path: Path
    resolution: int
    channels: Channels = 3
    on_bad_image: OnBadImage = "refuse"
    column: str | None = None
    split: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))  # for those who write a string
        check_sizes(1, resolution=self.resolution)
        if self.channels not in get_args(Channels):
            raise ValueError(f"channels must be 1 (grey) or 3 (RGB), got {self.channels}")
        if self.on_bad_image not in get_args(OnBadImage):
            raise ValueError(f"on_bad_image must be 'refuse' or 'skip', got {self.on_bad_image!r}")

    @property
    def name(self) -> str:
        """The folder's or file's own name."""
        return printable(self.path.resolve().name.removesuffix(".zip").removesuffix(".parquet"))

    def load(self, device: torch.device, progress: Callable[[int, int], object] | None = None) -> ImageSet:
        """``[N, channels, resolution, resolution]``.

        Args:
            device: where the images are kept.
            progress: called after each image with the number done and the number of all.

        Raises:
            ValueError: nothing to load, bad images, or empty folders; the first of them are named.
            OSError: the system cannot read an image's file, which is named.
        """
        return self.load_part(device, None, progress)

    def labelled(self, device: torch.device, column: str | None = None) -> ImageSet:
        """As `load`, with the folders of the files as classes, or a column of Parquet files."""
        return self.load_part(device, None, labels=column or "")

    def load_part(
        self,
        device: torch.device,
        pattern: str | None,
        progress: Callable[[int, int], object] | None = None,
        labels: str | None = None,
    ) -> ImageSet:
        """As `load`, of the files whose paths match ``pattern`` alone; with ``labels`` as in a `Choice`."""
        shown = printable(str(self.path))
        with contents(self.path, Choice(self.split, self.column, pattern, labels)) as found:
            files = found.images
            if not files:
                remedy = (
                    f"give what is in it instead, {the_first(found.usable)}"
                    if found.usable
                    else f"give a folder or zip of {KINDS} files, or Parquet"
                )
                raise ValueError(f"{shown} holds no images: {remedy}")
            # Another Pillow may decode or resize otherwise.
            chosen = f"{self.column} {self.split} {pattern}"
            settings = f"{self.path.resolve()} {self.resolution} {self.channels} {chosen} {PIL.__version__}"
            entry = CacheEntry(self.name, settings, fingerprint(files))
            shape = (len(files), self.channels, self.resolution, self.resolution)
            pixels, complaints, known = entry.read() or entry.write(
                shape, partial(self._decode, files, progress)
            )

        bad = tuple(complaint for complaint in complaints if complaint)
        if bad and (self.on_bad_image == "refuse" or len(bad) == len(files)):
            remedy = f", remove them or {_SKIP}" if len(bad) < len(files) else ""
            raise ValueError(
                f"{len(bad):,} of {len(files):,} images in {shown} cannot be used, "
                f"{the_first(bad)}: mend them{remedy}"
            )
        if found.empty and self.on_bad_image == "refuse":
            raise ValueError(
                f"{len(found.empty):,} folders in {shown} hold no images, {the_first(found.empty)}: "
                f"fill them, remove them or {_SKIP}"
            )
        left_out = [
            *(LeftOut(said, "bad images") for said in bad),
            *(LeftOut(folder, "folders without images", "a folder without images") for folder in found.empty),
            *found.left_out,
        ]
        loaded = ImageSet.on(
            device,
            torch.from_numpy(pixels),
            (*bad, *map(str, left_out[len(bad) :])),
            known,
            account(self.name, len(pixels), found.split, left_out),
        )
        if labels is None:
            return loaded
        good = [file for file, complaint in zip(files, complaints, strict=True) if not complaint]
        return replace(loaded, labels=_labels(good, shown))

    def _decode(
        self,
        files: list[ImageFile],
        progress: Callable[[int, int], object] | None,
        pixels: NDArray[np.uint8],
    ) -> list[str | None]:
        """Fill ``pixels``; what is wrong with each file, if anything."""
        budget = Budget()

        def fill(index: int) -> str | None:
            try:
                pixels[index] = _pixels(files[index], self.resolution, self.channels, budget)
            except _UnreadableError:
                raise
            except Exception as error:  # decoders raise whatever they like on damaged files
                return printable(f"{files[index].name} ({reason(error)})")
            return None

        complaints: list[str | None] = []
        with _strict_pillow(), ThreadPoolExecutor() as pool:
            for complaint in pool.map(fill, range(len(files))):
                complaints.append(complaint)
                if progress:
                    progress(len(complaints), len(files))
        return complaints


def _labels(files: list[ImageFile], shown: str) -> Labels:
    of_rows = [file.label for file in files if file.label is not None]
    if of_rows:
        return labels_of(np.array(of_rows), shown)
    return labels_of(class_folders([file.name for file in files], shown), shown)


class _UnreadableError(OSError):
    """The system did not give a file's bytes. It may the next time, so the image is not a bad one."""


@contextmanager
def _strict_pillow() -> Generator[None]:
    """Images of suspicious size raise, for Pillow only warns; damaged metadata is passed over."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _pixels(file: ImageFile, resolution: int, channels: Channels, budget: Budget) -> NDArray[np.uint8]:
    """``[channels, resolution, resolution]``."""
    if file.size > _MOST_BYTES:
        raise ValueError(f"{file.size:,} bytes, too large for an image")
    with budget.read(file.size):
        try:
            data = file.read()
        except OSError as error:
            raise _UnreadableError(error.errno, error.strerror or str(error), file.name) from error
        with _opened(data, resolution) as header:
            _check(header, data)
            pixels = header.width * header.height
        with budget.decode(pixels):
            return _decoded(data, resolution, channels)


def _opened(data: bytes, resolution: int) -> Image.Image:
    """The image, of which only the header is read yet."""
    opened = Image.open(BytesIO(data), formats=FORMATS)
    # JPEG decodes faster at 1/2, 1/4 or 1/8 size. Kept at four times the resolution, photos differ by a
    # quarter of one of 255 levels on average; at twice, by a whole one.
    opened.draft(None, (4 * resolution, 4 * resolution))
    return opened


def _check(opened: Image.Image, data: bytes) -> None:
    # A camera's MPO holds the photo first, then previews of it.
    if opened.format != "MPO" and getattr(opened, "is_animated", False):
        raise ValueError("several pages" if opened.format == "TIFF" else "animated")
    if (bits := _bits(opened, data)) > 8:
        raise ValueError(f"{bits} bits per channel, not 8")
    if opened.mode not in _MODES:
        raise ValueError(f"{opened.mode}, not RGB or grey")


def _decoded(data: bytes, resolution: int, channels: Channels) -> NDArray[np.uint8]:
    # Nothing of the image outlives this call.
    with _opened(data, resolution) as opened:
        ImageOps.exif_transpose(opened, in_place=True)
        image = opened
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
