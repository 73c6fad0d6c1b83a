"""Which files of a folder, a zip or a Parquet file are its images: one place decides, with an account."""

import hashlib
import zipfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from PIL import UnidentifiedImageError

from paripassu.data.listing import (
    ImageFile,
    LeftOut,
    Listing,
    check_kind,
    folder_listing,
    on_disk,
    zip_listing,
)
from paripassu.data.splits import ALL, choose_split, folder_split, split_of, splits_of
from paripassu.printable import printable

# By content, whatever the suffix. Pillow's other readers, PostScript's for one, are not for strangers' files.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
KINDS = "BMP, GIF, JPEG, PNG, TIFF or WebP"
# Not read, but reported as bad images rather than left out.
_UNREAD = {".avif", ".heic", ".heif", ".j2k", ".jp2", ".jxl", ".pgm", ".pnm", ".ppm", ".tga"}
_READ = {".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
_ARCHIVES = {".7z", ".bz2", ".gz", ".npz", ".rar", ".tar", ".tgz", ".xz", ".zip", ".zst"}


class Choice(NamedTuple):
    """What of a container a person wants.

    Attributes:
        split: a part, such as ``"train"``; None for the training part if the files are divided.
        column: of Parquet files; None for the only one.
        pattern: that paths match, as for `pathlib.PurePath.match`; None for all.
        labels: the column of labels of Parquet files, ``""`` for the usual one; None reads none.
    """

    split: str | None = None
    column: str | None = None
    pattern: str | None = None
    labels: str | None = None


@dataclass
class Contents:
    """What is taken from a container.

    Attributes:
        images: encoded images, in the order of their names.
        left_out: everything else.
        empty: folders that hold no image at any depth.
        split: the part that ``images`` are of; empty if the container is not divided.
        usable: files that could be given in the place of a container without images.
    """

    images: list[ImageFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    split: str = ""
    usable: list[str] = field(default_factory=list)


def fingerprint(files: Sequence[ImageFile]) -> str:
    """Changes with the names, sizes, times or checksums of the files; their bytes are not read."""
    digest = hashlib.sha256()
    for file in files:
        # A name on a disk may be any bytes.
        digest.update(f"{file.name}\0{file.version}\0{file.size}\0".encode(errors="surrogatepass"))
    return digest.hexdigest()


def the_first(named: Sequence[object]) -> str:
    """Up to three of them, in a sentence."""
    shown = ", ".join(printable(str(each)) for each in named[:3])
    return f"the first {'is' if len(named) == 1 else 'are'} {shown}"


def reason(error: Exception) -> str:
    """What is wrong with a file, from what its reader raised."""
    if isinstance(error, UnidentifiedImageError):
        return f"no {KINDS} inside"
    return str(error) or type(error).__name__


def account(name: str, count: int, split: str, left_out: Sequence[LeftOut]) -> str:
    """What was taken from a source and what was not, in one line.

    Example:
        >>> account("photos", 60, "train", [LeftOut("test/1.png", "of the part test")])
        'photos: 60 images of the part train; left out: of the part test 1 (test/1.png)'
    """
    taken = f"{name}: {count:,} images" + f" of the part {split}" * bool(split)
    by_reason: dict[str, list[LeftOut]] = {}
    for each in left_out:
        by_reason.setdefault(each.why, []).append(each)
    groups = [
        f"{why} {len(them):,} ({'such as ' * (len(them) > 1)}{them[0].name})"
        for why, them in by_reason.items()
    ]
    return printable(taken + f"; left out: {', '.join(groups)}" * bool(groups))


_ANY = Choice()


@contextmanager
def contents(path: Path, choice: Choice = _ANY) -> Generator[Contents]:
    """The images in a container, and all that it has beside them.

    Raises:
        ValueError: it is none, is damaged, or holds more than one thing that could be meant.
    """
    shown = printable(str(path))
    if not path.exists():
        raise ValueError(f"{shown} does not exist: give a folder or zip of images")
    check_kind(path)
    if path.is_dir():
        yield _chosen(shown, folder_listing(path), choice, partial(_below, path))
    elif _is_shard(path.name):
        found = Contents()
        _add_shard(found, path, path.name, choice)
        if choice.split not in (None, ALL, split_of(path.name)):
            raise ValueError(f"{shown} is one file and not divided into parts: leave --split out")
        yield found
    else:
        with _zip(path) as archive:
            _refuse_column(shown, choice)
            yield _chosen(shown, zip_listing(archive), choice, None)


def _below(folder: Path, name: str) -> Path:
    return folder / name


def _zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise ValueError(
            f"{printable(str(path))} is neither a folder nor an intact zip ({reason(error)}): "
            "give a folder, zip or Parquet of images"
        ) from error


def _chosen(shown: str, listing: Listing, choice: Choice, place: Callable[[str], Path] | None) -> Contents:
    """Of a listing; ``place`` gives a file's path where files can be opened by one."""
    if choice.pattern:
        _keep_matching(listing, choice.pattern)
    broken = {name for name in listing.broken if _is_image(name) or not PurePosixPath(name).suffix}
    images = [name for name in listing.files if _is_image(name)]
    shards = [name for name in listing.files if place and _is_shard(name)]
    if place and images and shards:
        _refuse_both(shown, images, [name for name in shards if _has_images(place(name))])
    if lost := [name for name in listing.broken if _is_shard(name) and not images]:
        raise ValueError(f"{shown} holds Parquet files that lead nowhere, {the_first(lost)}: fetch them anew")
    if images or not shards:
        _refuse_column(shown, choice)
    kind = images or shards
    data = sorted({*kind, *broken})
    found = Contents(left_out=listing.left_out)
    for name in sorted(listing.files.keys() | listing.broken.keys()):
        if name not in data:
            found.left_out.append(_no_image(name, listing.broken.get(name)))
    found.empty = sorted(listing.folders - _above(data) - set(data))
    found.usable = [each for each in sorted(listing.files) if _is_usable(each)]
    parts = splits_of(data, each=bool(images))
    split = ALL if choice.pattern else choose_split(parts, choice.split, shown)
    if split != ALL:
        data, others = _divided(data, lambda name: parts[name] == split)
        found.split = split
        found.left_out += [LeftOut(name, f"of {_part(parts[name])}") for name in others]
        found.empty = [folder for folder in found.empty if folder_split(folder) in (None, split)]
    for name in data:
        if name in listing.broken:
            found.images.append(ImageFile(name, "", 0, partial(_lost, listing.broken[name])))
        elif images or not place:
            found.images.append(listing.files[name]())
        else:
            _add_shard(found, place(name), name, choice)
    return found


def _keep_matching(listing: Listing, pattern: str) -> None:
    others = [name for name in listing.files if not PurePosixPath(name).match(pattern)]
    for name in others:
        del listing.files[name]
    listing.left_out += [LeftOut(name, "of another part") for name in others]
    listing.folders &= _above(list(listing.files))


def _divided(names: Sequence[str], is_taken: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    taken = [name for name in names if is_taken(name)]
    return taken, sorted({*names}.difference(taken))


def _part(split: str | None) -> str:
    return f"the part {split}" if split else "no part"


def _lost(why: str) -> bytes:
    raise ValueError(why)


def _no_image(name: str, broken: str | None) -> LeftOut:
    if broken:
        return LeftOut(name, "no files", broken)
    if PurePosixPath(name).suffix.lower() in _ARCHIVES:
        return LeftOut(name, "archives", "an archive, which is not opened")
    return LeftOut(name, "other files", "no image by its name")


def _refuse_both(shown: str, images: Sequence[str], shards: Sequence[str]) -> None:
    if shards:
        raise ValueError(
            f"{shown} holds {len(images):,} images, {the_first(images)}, and {len(shards):,} Parquet files "
            f"of images, {the_first(shards)}: give a folder or file with one of the two"
        )


def _has_images(path: Path) -> bool:
    from paripassu.data.parquet import has_images  # here: polars takes a moment to import

    return has_images(path)


def _refuse_column(shown: str, choice: Choice) -> None:
    if choice.column is not None:
        raise ValueError(f"{shown} is no Parquet with columns: leave --column out")
    if choice.labels:
        raise ValueError(f"{shown} is no Parquet with columns: leave --labels out, folders are its classes")


def _add_shard(found: Contents, path: Path, name: str, choice: Choice) -> None:
    """Add the rows of a Parquet file."""
    from paripassu.data.parquet import footer_digest, image_column, label_column

    column = image_column(path, choice.column)
    file = on_disk(path, name)
    version = f"{file.version} {file.size} {footer_digest(path)} {column.name}"
    labels = [None] * column.rows if choice.labels is None else label_column(path, choice.labels)
    found.images += [
        ImageFile(f"{name} row {row}", version, 0, partial(column.read, row), label)
        for row, label in enumerate(labels)
    ]
    if not column.rows:
        found.left_out.append(LeftOut(name, "empty files", "a Parquet file of no rows"))
    known = set(found.left_out)
    found.left_out += [each for each in column.others if each not in known]


def _is_image(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in _READ | _UNREAD


def _is_shard(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() == ".parquet"


def _is_usable(name: str) -> bool:
    return PurePosixPath(name).suffix in {".zip", ".npz"} or "idx3-ubyte" in PurePosixPath(name).name


def _above(names: Sequence[str]) -> set[str]:
    return {str(parent) for name in names for parent in PurePosixPath(name).parents}
