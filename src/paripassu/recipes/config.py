"""Runs from settings: what ``paripassu train --dry-run`` prints, the same in TOML, or a run's folder."""

import json
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from paripassu.files import AnyPath, read_whole
from paripassu.train import Run, from_settings, load_run
from paripassu.train.run import check_run


def from_config(config: AnyPath, run: Run, *, lr_follows: Collection[str] = ()) -> Run:
    r"""The run that a file or a run's folder describes.

    Args:
        config: a JSON or TOML (``.toml``) file of settings as `Run.settings` has them, a ``run.json``, or a
            run's folder. A rule, source or model with another ``is`` replaces the whole of ``run``'s. A rule
            of another kind or unit needs its player's ``lr``.
        run: has the settings that a file leaves out. A folder leaves out none.
        lr_follows: players, ``"discriminator"`` or ``"generator"``, whose learning rate you set afterwards.

    Raises:
        ValueError: the file is not there, is no JSON or TOML, or has a setting that does not exist or is out
            of range, or another rule without a learning rate; the folder is no run's.

    Example:
        >>> import tempfile
        >>> from paripassu.recipes import RECIPES
        >>> file = Path(tempfile.mkdtemp()) / "mine.toml"
        >>> _ = file.write_text("steps = 20\ngenerator.lr = 0.1")
        >>> mine = from_config(file, RECIPES["digits"].run)
        >>> mine.steps, mine.generator.lr, mine.discriminator.lr
        (20, 0.1, 0.03)
    """
    check_run(run)
    config = Path(config)
    if config.is_dir():
        return load_run(config)
    try:
        before, read = run.settings(), _read(config)
        settings = _merged(before, read)
        own = from_settings(settings)
        for player in ("discriminator", "generator"):
            if player not in lr_follows and "lr" not in read.get(player, {}):
                _check_rate(player, before[player], settings[player])
    except ValueError as error:
        raise ValueError(f"{config}: {error}") from error
    return own


def _read(file: Path) -> dict[str, Any]:
    is_toml = file.suffix == ".toml"
    other = "" if file.suffix in (".json", ".toml") else "; TOML is read from a file that ends in .toml"
    try:
        text = read_whole(file).decode()
        settings = tomllib.loads(text) if is_toml else json.loads(text)
    except FileNotFoundError as error:
        raise ValueError("there is no such file or folder") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"this is no {'TOML' if is_toml else 'JSON'} ({error}){other}") from error
    if not isinstance(settings, dict):
        raise ValueError(  # noqa: TRY004 - a file holds it
            "settings must be an object, as `paripassu train --dry-run` prints them"
        )
    # A run.json has more than settings.
    return settings["settings"] if settings.keys() >= {"settings", "environment"} else settings


def _merged(old: Any, new: Any) -> Any:
    """``new``, with what it leaves out of the same thing from ``old``."""
    if not (isinstance(old, dict) and isinstance(new, dict)) or new.get("is", old.get("is")) != old.get("is"):
        return new
    return old | {name: _merged(old.get(name), value) for name, value in new.items()}


def _check_rate(player: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    if _kind(after["rule"]) != _kind(before["rule"]):
        raise ValueError(
            f"{player}.rule needs {player}.lr beside it: the recipe's {before['lr']} is for another optimizer"
        )


def _kind(rule: Any) -> Any:
    """A rule's settings without its numbers: what its learning rate's unit depends on."""
    words = rule.items() if isinstance(rule, dict) else ()
    return {
        name: _kind(each) if isinstance(each, dict) else each
        for name, each in words
        if isinstance(each, str | dict)
    }
