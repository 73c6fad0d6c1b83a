"""What is in a folder or a zip: every file and folder once, and what is passed over by its name or kind."""

import os
import stat
import threading
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from paripassu.files import kind_of, read_whole
from paripassu.printable import printable

# Not a person's files but those of systems that pass by, by lower-case name.
_OF_SYSTEMS = {
    "__macosx": "macOS",  # attributes beside every photo.jpg that it zips
    "network trash folder": "macOS",
    "temporary items": "macOS",
    "@eadir": "Synology",  # thumbnails
    "#recycle": "Synology",
    "#snapshot": "Synology",
    "@__thumb": "QNAP",
    "@recycle": "QNAP",
    "@recently-snapshot": "QNAP",
    "@transcode": "QNAP",
    "$recycle.bin": "Windows",
    "recycler": "Windows",
    "system volume information": "Windows",
    "thumbs.db": "Windows",
    "desktop.ini": "Windows",
    "lost+found": "the file system",
}
_READ_ALREADY = "a link to a folder that is read already"
_NOTHING = "a link to nothing"


class ImageFile(NamedTuple):
    """An encoded image.

    Attributes:
        name: where it is in its container.
        version: changes when its container says it was changed.
        size: in bytes, as its container says; 0 where it does not.
        read: gives the bytes.
        label: its class, of images in a table that has a column of labels.
    """

    name: str
    version: str
    size: int
    read: Callable[[], bytes]
    label: int | None = None


class LeftOut(NamedTuple):
    """A part of a source that is not among its images.

    Attributes:
        name: where it is.
        why: a reason that parts share, so that they can be counted.
        detail: what is to say of this part alone.
    """

    name: str
    why: str
    detail: str = ""

    def __str__(self) -> str:
        return printable(f"{self.name} ({self.detail or self.why})")


@dataclass
class Listing:
    """The content of a folder or a zip.

    Attributes:
        files: every file that is not left out, by its name with slashes.
        folders: every folder that is not left out.
        broken: links that lead nowhere and folders that cannot be read, with the reason. Whether images are
            missing there nobody can say.
        left_out: what is passed over.
    """

    files: dict[str, Callable[[], ImageFile]] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    broken: dict[str, str] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)


def system_of(name: str) -> str:
    """Why a file or folder of this name is nobody's image; empty if it may be one."""
    if name.startswith(".") and name not in {".", ".."}:  # Info-ZIP writes ".." for what was above it
        return "hidden"
    system = _OF_SYSTEMS.get(name.lower())
    return f"of {system}" if system else ""


def check_kind(path: Path) -> None:
    """Raise ``ValueError`` if ``path`` is a pipe, a socket or a device: reading it may never end."""
    mode = path.stat().st_mode
    if not stat.S_ISDIR(mode) and (kind := kind_of(mode)):
        raise ValueError(
            f"{printable(str(path))} is {kind}, neither a file nor a folder: copy what it gives to a file"
        )


def on_disk(file: Path, name: str) -> ImageFile:
    """A file by its name.

    Its version has the time of its last change of any kind, which no program can set back, unlike the time
    that tar and rsync keep.
    """
    status = file.stat()
    version = f"{status.st_mtime_ns} {status.st_ctime_ns}"
    return ImageFile(name, version, status.st_size, partial(read_whole, file))


def folder_listing(root: Path) -> Listing:
    """Everything below a folder. Links to folders are followed, but each folder is read once.

    Raises:
        ValueError: the folder cannot be listed.
    """
    listing = Listing()
    # A folder that is there itself is read at its own place, not through a link to it.
    around = root.resolve()
    read = {_identity(each) for each in (around, *around.parents)}
    links: deque[tuple[Path, str]] = deque()
    todo: deque[tuple[Path, str]] = deque([(root, "")])
    while todo or links:
        folder, name = todo.popleft() if todo else links.popleft()
        if name:
            if (identity := _identity(folder)) in read:
                listing.left_out.append(LeftOut(name, "links", _READ_ALREADY))
                continue
            read.add(identity)
            listing.folders.add(name)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            if not name:
                raise ValueError(f"{printable(str(root))} cannot be read: {error.strerror}") from error
            listing.broken[name] = f"a folder that cannot be read: {error.strerror}"
            continue
        for entry in entries:
            inner = f"{name}/{entry.name}" if name else entry.name
            place = Path(entry.path)
            if why := system_of(entry.name):
                listing.left_out.append(LeftOut(inner, why))
                continue
            try:
                mode = place.stat().st_mode
            except OSError as error:
                listing.broken[inner] = _NOTHING if entry.is_symlink() else str(error.strerror)
                continue
            if stat.S_ISDIR(mode):
                (links if entry.is_symlink() else todo).append((place, inner))
            elif kind := kind_of(mode):
                listing.left_out.append(LeftOut(inner, "no files", f"{kind}, not a file"))
            else:
                listing.files[inner] = partial(on_disk, place, inner)
    return listing


def zip_listing(archive: zipfile.ZipFile) -> Listing:
    """Everything in a zip. Of two members of one name the later one counts, as for unzip."""
    listing = Listing()
    one_at_a_time = threading.Lock()  # zipfile promises nothing to threads that read together

    def read(info: zipfile.ZipInfo) -> bytes:
        with one_at_a_time:
            return archive.read(info)

    passed: dict[str, str] = {}
    for info in archive.infolist():
        name = info.filename.replace("\\", "/")  # which some programs on Windows write
        if hidden := _hidden_part(PurePosixPath(name)):
            part, why = hidden
            passed.setdefault(str(part), why)
            listing.folders |= _above(part)
            continue
        if name.endswith("/"):
            listing.folders.add(str(PurePosixPath(name)))
            continue
        if name in listing.files or name in listing.broken:
            listing.left_out.append(
                LeftOut(name, "older members", "replaced by a later member of the same name")
            )
        listing.files.pop(name, None)
        listing.broken.pop(name, None)
        listing.folders |= _above(PurePosixPath(name))
        if stat.S_ISLNK(info.external_attr >> 16):
            listing.broken[name] = "a link, which a zip does not hold the target of"
        else:
            found = ImageFile(name, f"{info.CRC}", info.file_size, partial(read, info))
            listing.files[name] = partial(_itself, found)
    listing.left_out += [LeftOut(name, why) for name, why in passed.items()]
    return listing


def _itself(file: ImageFile) -> ImageFile:
    return file


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _hidden_part(path: PurePosixPath) -> tuple[PurePosixPath, str] | None:
    above: Iterator[PurePosixPath] = reversed([path, *path.parents])
    return next(((part, why) for part in above if (why := system_of(part.name))), None)


def _above(path: PurePosixPath) -> set[str]:
    return {str(parent) for parent in path.parents} - {"."}
