"""The demo's page: three acts in one file, which is there at once and is rewritten as runs end."""

import math
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from paripassu.files import read_whole, write_whole
from paripassu.printable import printable
from paripassu.report.demo_story import (
    ARMS,
    GameAct,
    Story,
    digits_seen,
    modes_of,
    read_story,
    ring_seen,
)
from paripassu.report.demo_words import COMMANDS, PASTE, STUDIES
from paripassu.report.svg import Line, lines, names, plane

PAGE = "index.html"
REAL = "real.png"
"""Beside the page: real digits, to compare generated ones with."""

_GENERATOR = "paripassu demo"
_REFRESH = 3  # seconds
_GAMMA = 0.1  # of the framework
_NUMBERS = {slug: number for number, slug in enumerate(ARMS)}
_OF_METHODS = {"nSGDA": _NUMBERS["nsgda-rms"], "SGDA": _NUMBERS["sgda"]}


def write_demo_page(folder: Path, doing: str = "") -> Path:
    """Write the page of the demo in ``folder`` from what is there so far.

    Args:
        folder: the demo's; made if it does not exist.
        doing: what is under way, in words; empty once the demo has ended. While something is under way, the
            page loads itself again every few seconds.

    Returns:
        The path of the page.

    Raises:
        ValueError: a page that the demo did not write is there.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> "Act 1 begins" in write_demo_page(folder, "Act 1 begins.").read_text(encoding="utf-8")
        True
    """
    page = folder / PAGE
    if page.exists() and f'content="{_GENERATOR}"'.encode() not in read_whole(page)[:2000]:
        raise ValueError(f"{page} is a page that the demo did not write: name another folder with --out")
    story = read_story(folder)
    folder.mkdir(parents=True, exist_ok=True)
    template = _environment().get_template("demo.html")
    write_whole(page, template.render(**_parts(story, doing)))
    return page


def _parts(story: Story, doing: str) -> dict[str, Any]:
    folder = story.folder
    docs = {study.page: _docs(folder, study.page) for study in STUDIES}
    saw = what_you_saw(story)
    return {
        "generator": _GENERATOR,
        "style": Markup(_environment().get_template("demo.css").render()),  # noqa: S704 - our own
        "refresh": _REFRESH if doing else 0,
        "doing": doing or ("All three acts are done." if story.is_finished else _STOPPED),
        "acts": _acts(story, is_running=bool(doing)),
        "framework": _framework(story),
        "digits": _digits(story),
        "ring": _ring(story),
        "docs": docs,
        "finished": story.is_finished,
        "saw": saw,
        "studies": [study._asdict() | {"url": docs[study.page]} for study in STUDIES],
        "paste": PASTE,
        "commands": COMMANDS,
    }


_STOPPED = "Stopped. The same command goes on where it stopped."


def what_you_saw(story: Story, *, brief: bool = False) -> list[str]:
    """A sentence or two for each act that is done; without the players' paces if ``brief``."""
    said: list[str] = []
    if story.framework:
        said.append(story.framework.seen if brief else f"{story.framework.seen} {story.framework.pace}")
    if story.digits.finished:
        said.append(digits_seen(story.digits))
    if story.doubled.finished:
        said.append(ring_seen(story.ring, story.doubled))
    return said


def _acts(story: Story, *, is_running: bool) -> list[dict[str, str]]:
    """The acts with how far each is."""
    ended = (story.framework is not None, story.digits.finished, story.doubled.finished)
    runs = (0, story.digits.runs_ended, story.ring.runs_ended + story.doubled.runs_ended)
    names = (
        ("framework", "1. The framework"),
        ("digits", "2. Digits"),
        ("ring", "3. Eight modes"),
    )
    found: list[dict[str, str]] = []
    for number, (identifier, short) in enumerate(names):
        now = is_running and not ended[number] and all(ended[:number])
        has_begun = (False, bool(story.digits.arms), bool(story.ring.arms))[number]
        so_far = f"{runs[number]} runs ended" if runs[number] else "under way" if now else "begun"
        state = "done" if ended[number] else so_far if now or has_begun else "not begun"
        mark = "done" if ended[number] else "now" if now else "later"
        found.append({"id": identifier, "short": short, "state": state, "mark": mark})
    return found


def _framework(story: Story) -> dict[str, Any] | None:
    act = story.framework
    if act is None:
        return None
    series = [Line(m.name, _OF_METHODS[m.name], m.share) for m in act.methods]
    chart = lines(
        series,
        x="steps",
        y="share of runs with both modes",
        log_x=True,
    )
    planes = [
        {
            "name": m.name,
            "svg": plane(m.neurons, _OF_METHODS[m.name], f"{m.name} in the plane of the modes", _GAMMA),
        }
        for m in act.methods
    ]
    # The word of C6's verdict alone says less than its factor, which is in words below.
    claims = [
        {"outcome": found.verdict.outcome, "badge": found.verdict.outcome, "words": found.claim}
        for found in act.findings
        if not found.claim.startswith("C6")
    ]
    claims.append(
        {
            "outcome": "undecided",
            "badge": "nearer, not equal" if act.is_nearer else "not nearer",
            "words": "C6: both players move at the same pace",
        }
    )
    seeds = act.methods[0].seeds
    return {
        "seen": act.seen,
        "pace": act.pace,
        "chart": chart + names(series),
        "planes": planes,
        "claims": claims,
        "seeds": seeds,
    }


def _digits(story: Story) -> dict[str, Any]:
    act, folder = story.digits, story.folder
    metric = act.metric("fd-digits")
    arms = [
        {
            "name": arm.name,
            "number": _NUMBERS[arm.slug],
            "last": _three(arm.last(metric)),
            "step": f"{max((run.step for run in arm.runs), default=0):,}",
            "picture": _url(folder, list(arm.pictures.values())[-1]) if arm.pictures else "",
        }
        for arm in act.arms
    ]
    series = [Line(arm.name, _NUMBERS[arm.slug], arm.curve(metric)) for arm in act.arms]
    chart = lines(
        series,
        x="generator updates",
        y="distance to real digits",
        log_y=True,
    )
    real = REAL if (folder / REAL).is_file() else ""
    seen = digits_seen(act) if act.finished else ""
    shown = chart + names(series if chart else [])
    return {"arms": arms, "chart": shown, "real": real, "seen": seen, "finished": act.finished}


def _ring(story: Story) -> dict[str, Any]:
    games = [
        _film(story, act, title)
        for act, title in (
            (story.ring, "At each arm's best rates"),
            (story.doubled, "At twice these rates"),
        )
        if act.arms
    ]
    finished = story.doubled.finished
    seen = ring_seen(story.ring, story.doubled) if finished else ""
    return {"games": games, "seen": seen, "finished": finished}


def _film(story: Story, act: GameAct, title: str) -> dict[str, Any]:
    """A row of pictures over training for each arm."""
    steps = sorted({step for arm in act.arms for step in arm.pictures if step})
    rows: list[Mapping[str, Any]] = []
    for arm in act.arms:
        modes, pictures = dict(modes_of(arm, act)), arm.pictures
        cells = [
            {
                "step": step,
                "picture": _url(story.folder, pictures[step]) if step in pictures else "",
                "modes": f"{modes[step]:g} of 8" if step in modes else "",
                "grade": "lost" if modes.get(step, 8) < 5 else "",
            }
            for step in steps
        ]
        rows.append({"name": arm.name, "number": _NUMBERS[arm.slug], "cells": cells})
    return {"title": title, "steps": [f"{step:,}" for step in steps], "rows": rows}


def _three(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "not yet"


def _url(folder: Path, path: Path) -> str:
    """The address of a file in the demo's folder."""
    return quote(os.fsencode(path.relative_to(folder)))


def _docs(folder: Path, page: str) -> str:
    """The address of a page of results, from a checkout; empty elsewhere."""
    path = Path("docs", "results", f"{page}.md")
    return quote(os.fsencode(os.path.relpath(path, folder))) if path.is_file() else ""


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("paripassu.report", "assets/demo"),
        autoescape=select_autoescape(["html"]),
        finalize=lambda value: (
            value if isinstance(value, Markup) or not isinstance(value, str) else printable(value, keep="\n")
        ),
        trim_blocks=True,
        lstrip_blocks=True,
    )
