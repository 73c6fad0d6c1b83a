"""What holds encoded images: a folder, a zip, a Parquet file, a folder of Parquet files."""

import hashlib
import threading
import zipfile
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import NamedTuple

from PIL import UnidentifiedImageError

# By content, whatever the suffix. Pillow's other readers, PostScript's for one, are not for strangers' files.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
KINDS = "BMP, GIF, JPEG, PNG, TIFF or WebP"
# An image that cannot be read is told of rather than passed over.
_UNREAD = {".avif", ".heic", ".heif", ".j2k", ".jp2", ".jxl", ".pgm", ".pnm", ".ppm", ".tga"}
_READ = {".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


class ImageFile(NamedTuple):
    """An encoded image.

    Attributes:
        name: where it is in its container.
        version: a number that changes when its container says it was changed.
        size: in bytes, as its container says; 0 where it does not.
        read: gives the bytes.
    """

    name: str
    version: int
    size: int
    read: Callable[[], bytes]


def fingerprint(files: Sequence[ImageFile]) -> str:
    """Changes with the names, sizes, times or checksums of the files; their bytes are not read."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{file.version}\0{file.size}\0".encode())
    return digest.hexdigest()


def the_first(named: Sequence[str]) -> str:
    """Up to three of them, in a sentence."""
    return f"the first {'is' if len(named) == 1 else 'are'} {', '.join(named[:3])}"


def reason(error: Exception) -> str:
    """What is wrong with a file, from what its reader raised."""
    if isinstance(error, UnidentifiedImageError):
        return f"no {KINDS} inside"
    return str(error) or type(error).__name__


@contextmanager
def image_files(path: Path) -> Generator[list[ImageFile]]:
    """The images in a container, by their paths in it.

    Raises:
        ValueError: it is none, or is damaged.
    """
    if not path.exists():
        raise ValueError(f"{path} does not exist: give a folder or zip of images")
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file())
        images = _images(on_disk(file, path) for file in found)
        shards = [file for file in found if _is_shard(file)]
        yield images or [row for shard in shards for row in _rows(shard)]
    elif _is_shard(path):
        yield _rows(path)
    else:
        with _zip(path) as archive:
            one_at_a_time = threading.Lock()  # zipfile promises nothing to threads that read together

            def read(info: zipfile.ZipInfo) -> bytes:
                with one_at_a_time:
                    return archive.read(info)

            yield _images(
                ImageFile(info.filename, info.CRC, info.file_size, partial(read, info))
                for info in archive.infolist()
            )


def empty_folders(path: Path) -> list[str]:
    """The folders below one, or in a zip, that hold no image at any depth; hidden ones are passed over."""
    if path.is_dir():
        inside = [(PurePosixPath(each.relative_to(path)), each.is_dir()) for each in path.rglob("*")]
    elif _is_shard(path):
        return []
    else:
        with _zip(path) as archive:
            inside = [(PurePosixPath(info.filename), info.is_dir()) for info in archive.infolist()]
    folders = {name for name, is_folder in inside if is_folder}
    files = [name for name, is_folder in inside if not is_folder]
    images = [file for file in files if _is_image(file)] or [file for file in files if _is_shard(file)]
    # A zip need not list its folders.
    there = (folders | _above(files)) - _above(images)
    return sorted(str(folder) for folder in there if not _is_hidden(folder))


def usable_files(path: Path) -> list[str]:
    """What a folder without images holds that could be given in its place."""
    if not path.is_dir():
        return []
    found = [PurePosixPath(file.relative_to(path)) for file in sorted(path.rglob("*")) if file.is_file()]
    usable = (file for file in found if file.suffix in {".zip", ".npz"} or "idx3-ubyte" in file.name)
    return [str(file) for file in usable if not _is_hidden(file)]


def on_disk(file: Path, folder: Path) -> ImageFile:
    """A file by its name below ``folder``."""
    status = file.stat()
    name = file.relative_to(folder).as_posix()
    return ImageFile(name, status.st_mtime_ns, status.st_size, file.read_bytes)


def _zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(
            f"{path} is neither a folder nor an intact zip ({reason(error)}): "
            "give a folder, zip or Parquet of images"
        ) from error


def _images(files: Iterable[ImageFile]) -> list[ImageFile]:
    chosen = (file for file in files if _is_image(PurePosixPath(file.name)))
    return sorted(chosen, key=lambda file: file.name)


def _is_image(path: PurePosixPath) -> bool:
    return path.suffix.lower() in _READ | _UNREAD and not _is_hidden(path)


def _is_shard(path: PurePath) -> bool:
    return path.suffix.lower() == ".parquet"


def _above(files: Iterable[PurePosixPath]) -> set[PurePosixPath]:
    return {parent for file in files for parent in file.parents}


def _is_hidden(path: PurePosixPath) -> bool:
    # macOS puts a "__MACOSX/._photo.jpg" of attributes beside every photo.jpg that it zips.
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _rows(path: Path) -> list[ImageFile]:
    """The rows of a Parquet file."""
    from paripassu.data.parquet import image_column  # here: polars takes a moment to import

    count, read = image_column(path)
    version = path.stat().st_mtime_ns
    return [ImageFile(f"{path.name} row {row}", version, 0, partial(read, row)) for row in range(count)]
