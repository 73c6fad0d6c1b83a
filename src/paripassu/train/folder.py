"""A run's folder: made, recognised and locked, so that two runs never write over each other."""

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from paripassu.data import ImageSet, Samples, Source
from paripassu.data.source import digest
from paripassu.files import AnyPath, is_empty, locked, sync, write_whole
from paripassu.records import RECORDS_FILE, RUN_FILE, RunHeader, RunImages, RunStart, environment
from paripassu.records.codec import dump, load
from paripassu.records.place import elsewhere
from paripassu.train.classes import why_not_by_class
from paripassu.train.own_parts import check_unchanged, portable
from paripassu.train.precision import computes_bfloat16
from paripassu.train.run import Run, from_settings

SAMPLES = "samples"
SKIPPED = "skipped.txt"  # every image that could not be used, and why, one a line
# Fewer than any GAN was trained on to some use: the 100-shot sets of Zhao et al. 2020, arXiv:2006.10738.
_FEW = 100
_PLACE = r"data(\.\w+)*\.path"  # settings that say where data are, not what


class _Difference(NamedTuple):
    setting: str
    there: Any
    here: Any

    def __str__(self) -> str:
        return f"{self.setting} is {self.there} there and {self.here} here"


@contextmanager
def open_folder(
    run: Run, folder: Path, command: str, images: ImageSet | None, start: RunStart | None = None
) -> Generator[Path]:
    """Hold the folder of ``run`` while training in it; make it if there is none.

    Args:
        run: what is trained.
        folder: where.
        command: how a person would ask for it.
        images: its data, unless they are points.
        start: where its first weights come from, if they are another run's.

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
    sync(folder.parent)
    with locked(folder):
        header = header_of(folder)
        if header is None:
            where = environment(command, run.device)
            threads = torch.get_num_threads()
            new = RunHeader(run.settings(), where, _facts(images), run.key(), threads, start)
        else:
            new = replace(header, settings=run.settings())
        if header is None or changes(run, folder):
            write_whole(folder / RUN_FILE, dump(new))
        # After what says whose folder it is, so that a kill in between leaves one that can be continued.
        (folder / SAMPLES).mkdir(exist_ok=True)
        if images and images.skipped:
            write_whole(folder / SKIPPED, "".join(f"{skipped}\n" for skipped in images.skipped))
        records = folder / RECORDS_FILE
        records.touch()
        sync(folder)
        yield records


def check_folder(run: Run, folder: AnyPath) -> None:
    """Raise ``ValueError`` unless ``folder`` is free or holds this very run; nothing is written.

    A person's own files and the data may have moved since, but not changed. The run may have more steps now,
    unless its rates decay.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: name a folder for the run")
    settings = run.settings()  # refuses a part that could not be made again, before its data are read
    header = header_of(folder)
    if header is None:
        if folder.is_dir() and not is_empty(folder):
            raise ValueError(f"{folder} holds files that are no run: name an empty or a new folder")
        return
    check_unchanged(header.settings, settings)
    differing = changes(run, folder)
    refused = [each for each in differing if not (_is_longer(each) or _is_moved(each, header))]
    if refused:
        raise ValueError(
            f"{folder} holds another run: {'; '.join(map(str, refused))}. "
            "Name another folder, or the same settings to continue it"
        )
    if run.decay != "constant" and (longer := next(filter(_is_longer, differing), None)):
        raise ValueError(
            f"the rates of the run in {folder} decay over its {longer.there:,} steps, so that one of "
            f"{longer.here:,} is another run: begin it in another folder, from these weights with --from"
        )


def changes(run: Run, folder: Path) -> list[_Difference]:
    """The settings of ``run`` that differ from those in its folder; where own files are does not count."""
    header = header_of(folder)
    return [*_differences(portable(header.settings), portable(run.settings()))] if header else []


def _is_longer(change: _Difference) -> bool:
    return change.setting == "steps" and change.here > change.there


def _is_moved(change: _Difference, header: RunHeader) -> bool:
    return header.images is not None and bool(re.fullmatch(_PLACE, change.setting))


def check_images(images: ImageSet | None, folder: Path) -> None:
    """Raise ``ValueError`` if the run in ``folder`` began with other images; nothing is written."""
    header = header_of(folder)
    before = header.images if header else None
    if before and before != _facts(images):
        count = len(images) if images else 0
        these = f"these {count:,}" + " or their classes" * bool(before.classes)
        raise ValueError(
            f"the run in {folder} began with {before.count:,} images, and {these} are others: "
            "bring back the first ones, or name another folder to begin anew"
        )


def remarks_on(run: Run, real: Samples) -> Iterator[str]:
    """What a person should know of a run and its data, in sentences."""
    if run.precision == "bf16" and not computes_bfloat16(torch.device(run.device)):
        yield "this CPU has no bfloat16, and rounds take many times longer than with --precision float32"
    if not (images := real.images):
        return
    if images.account:
        yield images.account + f"; {SKIPPED} has all" * bool(images.skipped)
    if why := why_not_by_class(images, run.eval_samples):
        yield why
    if len(images) < max(run.batch, _FEW):
        yield f"{run.data.name} has {len(images):,} images for batches of {run.batch}: are these all?"


def header_of(folder: AnyPath) -> RunHeader | None:
    """The ``run.json`` of a folder, if it has one.

    Raises:
        ValueError: it is damaged, or of another version.
    """
    path = Path(folder) / RUN_FILE
    return load(path, RunHeader) if path.exists() else None


def data_of(run: Run, folder: AnyPath) -> Source:
    """The run's data; a published set is taken at the commit that the run in ``folder`` began with."""
    header = header_of(folder)
    before = header.images if header else None
    return run.data.at_revision(before.revision) if before and before.revision else run.data


def load_run(folder: AnyPath) -> Run:
    """The run that a folder holds.

    Raises:
        ValueError: it holds none, or one of another version, or ``run.json`` is damaged.
    """
    header = header_of(folder)
    if header is None:
        raise ValueError(
            elsewhere(Path(folder), "run")
            or f"{folder} is no run folder (it has no {RUN_FILE}): name one that `paripassu train` wrote"
        )
    return from_settings(header.settings)


def _facts(images: ImageSet | None) -> RunImages | None:
    if not images:
        return None
    labels = images.labels
    known = (labels.names, digest(labels.numbers)) if labels else ((), "")
    return RunImages(len(images), images.digest, images.revision, *known)


def _differences(old: Any, new: Any, name: str = "") -> Iterator[_Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(key), new.get(key), f"{name}.{key}" if name else key)
    elif _listed(old) != _listed(new):
        yield _Difference(name, old, new)


def _listed(value: Any) -> Any:
    # JSON has no tuples.
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value
