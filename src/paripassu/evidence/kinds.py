"""What differs between kinds of study is in mappings from a kind's name."""

from collections.abc import Mapping
from typing import TypeVar

from paripassu.records import StudyResult

T = TypeVar("T")


def of_kind(by_kind: Mapping[str, T], result: StudyResult) -> T:
    """What a mapping has for a study's kind.

    Raises:
        ValueError: it has nothing, because another version of paripassu wrote the study.
    """
    try:
        return by_kind[result.kind]
    except KeyError:
        known = ", ".join(by_kind)
        raise ValueError(
            f"{result.name} is a study of kind {result.kind!r}, and this paripassu knows {known}: "
            "read it with the paripassu that wrote it"
        ) from None
