"""What differs between kinds of study is in mappings from a kind's name."""

from collections.abc import Mapping
from typing import TypeVar

from paripassu.records import StudyResult

T = TypeVar("T")


class UnknownKindError(ValueError):
    """Another version of paripassu wrote the study."""


def of_kind(by_kind: Mapping[str, T], result: StudyResult) -> T:
    """What a mapping has for a study's kind.

    Raises:
        UnknownKindError: it has nothing for it.
    """
    try:
        return by_kind[result.kind]
    except KeyError:
        known = ", ".join(by_kind)
        raise UnknownKindError(
            f"{result.name} is a study of kind {result.kind!r}, and this paripassu knows {known}: "
            "read it with the paripassu that wrote it"
        ) from None
