"""A run's folder: made, recognised and locked, so that two runs never write over each other."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paripassu.data import ImageSet, Source
from paripassu.files import is_empty, locked, write_whole
from paripassu.records import RECORDS_FILE, RUN_FILE, RunHeader, RunImages, environment
from paripassu.records.codec import dump, load
from paripassu.train.own_parts import check_unchanged, portable
from paripassu.train.run import Run, from_settings

SAMPLES = "samples"
SKIPPED = "skipped.txt"  # every image that could not be used, and why, one a line


@contextmanager
def open_folder(run: Run, folder: Path, command: str, images: ImageSet | None) -> Generator[Path]:
    """Hold the folder of ``run`` while training in it; make it if there is none.

    Args:
        run: what is trained.
        folder: where.
        command: how a person would ask for it.
        images: its data, unless they are points.

    Yields:
        The path of its records.

    Raises:
        ValueError: the folder holds another run (each differing setting is named), one that began with other
            images, or other files.
        FolderInUseError: another process is training in it.
    """
    check_folder(run, folder)
    check_images(images, folder)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        if not (folder / RUN_FILE).exists():
            header = RunHeader(run.settings(), environment(command, run.device), _facts(images))
            write_whole(folder / RUN_FILE, dump(header))
        # After what says whose folder it is, so that a kill in between leaves one that can be continued.
        (folder / SAMPLES).mkdir(exist_ok=True)
        if images and images.skipped:
            write_whole(folder / SKIPPED, "".join(f"{skipped}\n" for skipped in images.skipped))
        records = folder / RECORDS_FILE
        records.touch()
        yield records


def check_folder(run: Run, folder: Path) -> None:
    """Raise ``ValueError`` unless ``folder`` is free or holds this very run; nothing is written.

    A person's own files may have moved since, but not changed.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: name a folder for the run")
    if (folder / RUN_FILE).exists():
        old, new = load(folder / RUN_FILE, RunHeader).settings, run.settings()
        check_unchanged(old, new)
        differing = list(_differences(portable(old), portable(new)))
        if differing:
            raise ValueError(
                f"{folder} holds another run: {'; '.join(differing)}. "
                "Name another folder, or the same settings to continue it"
            )
    elif folder.is_dir() and not is_empty(folder):
        raise ValueError(f"{folder} holds files that are no run: name an empty or a new folder")


def check_images(images: ImageSet | None, folder: Path) -> None:
    """Raise ``ValueError`` if the run in ``folder`` began with other images; nothing is written."""
    path = folder / RUN_FILE
    before = load(path, RunHeader).images if path.exists() else None
    if before and before != _facts(images):
        count = len(images) if images else 0
        raise ValueError(
            f"the run in {folder} began with {before.count:,} images, and these {count:,} are others: "
            "bring back the first ones, or name another folder to begin anew"
        )


def data_of(run: Run, folder: Path) -> Source:
    """The run's data; a published set is taken at the commit that the run in ``folder`` began with."""
    path = folder / RUN_FILE
    before = load(path, RunHeader).images if path.exists() else None
    return run.data.at_revision(before.revision) if before and before.revision else run.data


def load_run(folder: Path) -> Run:
    """The run that a folder holds.

    Raises:
        ValueError: it holds none, or one of another version.
    """
    path = folder / RUN_FILE
    if not path.is_file():
        raise ValueError(
            f"{folder} is no run folder (it has no {RUN_FILE}): name one that `paripassu train` wrote"
        )
    return from_settings(load(path, RunHeader).settings)


def _facts(images: ImageSet | None) -> RunImages | None:
    return RunImages(len(images), images.digest, images.revision) if images else None


def _differences(old: Any, new: Any, name: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(key), new.get(key), f"{name}.{key}" if name else key)
    elif _listed(old) != _listed(new):
        yield f"{name} is {old} there and {new} here"


def _listed(value: Any) -> Any:
    # JSON has no tuples.
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value
