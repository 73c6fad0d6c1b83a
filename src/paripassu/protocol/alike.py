"""Whether all work of a study was done by the same code on the same hardware."""

from collections.abc import Iterable, Mapping
from typing import Any

_UNKNOWN = "unknown"


def not_alike(environments: Iterable[Mapping[str, Any]]) -> list[str]:
    """A remark for a study's reader if commits, versions or devices differ; none if they do not.

    Args:
        environments: the fields of each `paripassu.records.Environment`; those that lack are unknown.

    Example:
        >>> here = {"commit": "a1", "versions": {"torch": "2.8"}, "device": "a CPU"}
        >>> not_alike([here, here | {"commit": "b2"}])
        ['The runs were not all made alike: commits a1, b2.']
    """
    where = list(environments)
    names = dict.fromkeys(name for each in where for name in each.get("versions", {}))
    made = {
        "commits": {each.get("commit", _UNKNOWN) or "none" for each in where},
        **{
            f"versions of {name}": {each.get("versions", {}).get(name, _UNKNOWN) for each in where}
            for name in names
        },
        "devices": {each.get("device", _UNKNOWN) for each in where},
    }
    several = [f"{what} {', '.join(sorted(each))}" for what, each in made.items() if len(each) > 1]
    return [f"The runs were not all made alike: {'; '.join(several)}."] if several else []
