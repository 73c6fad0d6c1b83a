"""Training, validation and test parts, recognised by the names of files, folders and arrays.

The words and what may stand beside them are those of Hugging Face's ``datasets``, and a single capital letter
after them, as in CycleGAN's ``trainA``.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

ALL = "all"
"""Stands for every part together."""

_WORDS = {
    "train": ("training", "train"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("testing", "test", "evaluation", "eval"),
}
_BESIDE = r"[-._ 0-9]"
_KNOWN = {
    split: re.compile(rf"(?:^|{_BESIDE})(?i:{'|'.join(words)})(?=[A-Z]?(?:$|{_BESIDE}))")
    for split, words in _WORDS.items()
}
_SHARD = re.compile(r"^(?P<split>\w[\w-]*?)-\d+-of-\d+\b")


def split_of(name: str) -> str | None:
    """The part that one name says: ``"train"``, ``"validation"``, ``"test"``; another word of a shard.

    Example:
        >>> [split_of(name) for name in ("train", "val2017", "testA", "trainer", "cats")]
        ['train', 'validation', 'test', None, None]
        >>> split_of("unlabeled-00000-of-00003.parquet")
        'unlabeled'
    """
    for split, words in _KNOWN.items():
        if words.search(name):
            return split
    shard = _SHARD.match(name)
    return shard["split"] if shard else None


def splits_of(names: Sequence[str], *, each: bool) -> Mapping[str, str | None]:
    """The part of each file, by its path; empty if the files are not divided.

    The outermost folder that says one decides. Where no folder does, files' own names do.

    Args:
        names: paths, with slashes.
        each: whether files' own names count only if each says a part. Photographs called ``train 1.jpg``
            and ``bus 1.jpg`` are not divided.
    """
    by_folder = {name: folder_split(str(PurePosixPath(name).parent)) for name in names}
    if _divides(by_folder.values()):
        return by_folder
    by_name = {name: split_of(PurePosixPath(name).name) for name in names}
    is_said = None not in by_name.values() or not each
    return by_name if is_said and _divides(by_name.values()) else {}


def folder_split(folder: str) -> str | None:
    """The part that the outermost folder of a path says that says one."""
    return next((split for name in PurePosixPath(folder).parts if (split := split_of(name))), None)


def choose_split(parts: Mapping[str, str | None], wanted: str | None, where: str) -> str:
    """The part to take: the wanted one, or the training part.

    Args:
        parts: what `splits_of` found.
        wanted: what a person chose; None if nothing.
        where: the source, for messages.

    Raises:
        ValueError: there is no such part, or none is the training part and none was chosen.
    """
    there = sorted({part for part in parts.values() if part})
    if wanted == ALL or (wanted is None and not parts):
        return ALL
    chosen = next((split for split, words in _WORDS.items() if wanted in words), wanted) or "train"
    if chosen in there:
        return chosen
    listed = ", ".join(there)
    if not there:
        raise ValueError(f"{where} is not divided into parts: leave --split out")
    if wanted is None:
        raise ValueError(f"{where} has the parts {listed}, and none for training: choose one with --split")
    raise ValueError(f"{where} has no part {wanted!r}, only {listed}: choose one of these with --split")


def _divides(parts: Collection[str | None]) -> bool:
    found = {part for part in parts if part}
    return len(found) > 1 and bool(found & _WORDS.keys())
