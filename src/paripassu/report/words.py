"""A run's settings in words: data, networks, optimizers, rates."""

from collections.abc import Mapping
from typing import Any

Settings = Mapping[str, Any]


def run_in_words(settings: Settings) -> str:
    """What a run trained, in two sentences; empty where its settings name no data and no players.

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
        model = settings.get("model")
        network = model["is"] if isinstance(model, Mapping) and "is" in model else ""
        sentences.append(f"{network} on {data}." if network else f"{data}.")
    players = {name: optimizer_in_words(settings.get(name)) for name in ("generator", "discriminator")}
    if all(players.values()):
        generator, discriminator = players.values()
        if generator == discriminator:
            sentences.append(f"Both players: {generator}.")
        else:
            sentences.append(f"Generator: {generator}. Discriminator: {discriminator}.")
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
    return _part(rule)


def _inner(rule: Settings) -> str:
    """What is normalised, where it is not plain SGD."""
    inner = rule.get("rule", {})
    if not isinstance(inner, Mapping) or inner.get("is") != "SGD":
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
    if not (isinstance(part, Mapping) and "is" in part):
        return ""
    plain = {name: value for name, value in part.items() if name != "is" and _is_plain(value)}
    inner = ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in plain.items())
    return f"{part['is']} ({inner})" if inner else str(part["is"])


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
