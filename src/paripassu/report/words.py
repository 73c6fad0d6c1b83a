"""A run's settings in words: data, networks, optimizers, rates."""

from collections.abc import Mapping
from typing import Any

Settings = Mapping[str, Any]


def run_in_words(settings: Settings) -> str:
    """What a run trained, in two or three sentences; empty where its settings name no data and no players.

    Args:
        settings: of ``run.json``.

    Example:
        >>> player = {"rule": {"is": "Normalize", "rule": {"is": "SGD", "momentum": 0.0}, "scope": "layer"}, "lr": 0.1}
        >>> run_in_words({"data": {"is": "Ring", "modes": 8}, "model": {"is": "MLP"},
        ...     "generator": player, "discriminator": player})
        'MLP on Ring (modes 8). Both players: nSGDA (layer), lr 0.1.'
    """  # noqa: E501 - the settings are one line
    sentences: list[str] = []
    if data := _data(settings.get("data")):
        network = str(_unwrapped(settings.get("model")).get("is", ""))
        sentences.append(f"{network} on {data}." if network else f"{data}.")
    players = {name: optimizer_in_words(settings.get(name)) for name in ("generator", "discriminator")}
    if all(players.values()):
        generator, discriminator = players.values()
        if generator == discriminator:
            sentences.append(f"Both players: {generator}.")
        else:
            sentences.append(f"Generator: {generator}. Discriminator: {discriminator}.")
        if isinstance(pace := settings.get("pace"), int | float):
            sentences.append(f"The generator's steps are rescaled to a pace of {pace:g}.")
    return " ".join(sentences)


def optimizer_in_words(player: object) -> str:
    """A player's optimizer and its rate, such as ``"nSGDA (layer), lr 0.1"``; empty if it has none."""
    if not (isinstance(player, Mapping) and "rule" in player and "lr" in player):
        return ""
    rate = player["lr"]
    decay = player.get("weight_decay")
    tail = f", weight decay {decay:g}" if decay else ""
    return f"{rule_in_words(player['rule'])}, lr {rate:g}{tail}"


def rule_in_words(rule: object) -> str:
    """An update rule, named as papers do.

    Example:
        >>> rule_in_words({"is": "Optimistic", "rule": {"is": "Adam", "eps": 1e-8}})
        'Optimistic, of Adam (eps 1e-08)'
        >>> rule_in_words({"is": "Graft", "magnitude": {"is": "Adam"}, "direction": {"is": "SGD"}})
        "Adam's length on SGD's direction"
    """
    if not (isinstance(rule, Mapping) and "is" in rule):
        return str(rule)
    kind = str(rule["is"])
    if kind == "Normalize":
        unit = ", rms" if rule.get("unit") == "rms" else ""
        return _with(f"nSGDA ({rule.get('scope', 'global')}{unit})", _inner(rule))
    if kind == "Graft":
        scope = ", per player" if rule.get("scope") == "global" else ""
        halves = (rule_in_words(rule.get(half)) for half in ("magnitude", "direction"))
        return "{}'s length on {}'s direction".format(*halves) + scope
    return _with(_part(rule), _inner(rule))


def _inner(rule: Settings) -> str:
    """What a rule is of, where that is not plain SGD; empty for a rule of nothing else."""
    inner = rule.get("rule")
    if not isinstance(inner, Mapping):
        return ""
    if inner.get("is") != "SGD":
        return f"of {rule_in_words(inner)}"
    return f"momentum {inner['momentum']:g}" if inner.get("momentum") else ""


def _with(name: str, more: str) -> str:
    return f"{name}, {more}" if more else name


def _data(data: object) -> str:
    if isinstance(data, Mapping) and data.get("is") == "Labelled":
        return f"{_data(data.get('source'))} by class"
    return _part(data)


def _part(part: object) -> str:
    """A class and its plain settings, in brackets; empty if it is none."""
    known = _unwrapped(part)
    if "is" not in known:
        return ""
    plain = {name: value for name, value in known.items() if name != "is" and _is_plain(value)}
    inner = ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in plain.items())
    return f"{known['is']} ({inner})" if inner else str(known["is"])


def _unwrapped(part: object) -> Settings:
    """A part's class and settings, also of one that somebody's file has: that is wrapped, with its digest."""
    if not isinstance(part, Mapping):
        return {}
    known = dict(part)
    for name in ("function", "dataset"):
        if isinstance(inner := known.get(name), Mapping):
            known |= {"is": inner.get("is"), **_unwrapped(inner)}
    if {"file", "sha256"} <= known.keys():
        known = {name: value for name, value in known.items() if name not in ("file", "sha256")}
    match known.get("settings"):
        case Mapping() as own:
            known |= own
        case list() as pairs if all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
            known |= {str(name): value for name, value in pairs}
        case _:
            pass
    return known


def _is_plain(value: object) -> bool:
    """Whether a value is shown: a setting that is off or nested says little in a line."""
    if isinstance(value, bool | None):
        return value is True
    if isinstance(value, list):
        return all(isinstance(item, int | float) for item in value)
    return isinstance(value, int | float | str) and value not in ("", 0)


def _value(value: object) -> str:
    if isinstance(value, list):
        return " and ".join(f"{item:g}" for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
