"""The demo's three acts: plays them, and writes the page as they go."""

import json
import os
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from paripassu import protocol
from paripassu.cli import output, study
from paripassu.cli.demo import Demo
from paripassu.data import Digits
from paripassu.engine import Engine, LocalEngine
from paripassu.evidence.under_way import UnderWay
from paripassu.files import is_empty
from paripassu.records import StudyResult
from paripassu.records.codec import dump
from paripassu.report.demo import PAGE, REAL, write_demo_page
from paripassu.report.demo_story import ACTS, DIGITS, FRAMEWORK, RING, read_story
from paripassu.report.demo_terminal import act_lines, closing_box
from paripassu.report.study import write_study_page
from paripassu.studies import custom
from paripassu.studies import demo as acts
from paripassu.train import pictures

_BETWEEN = 4.0  # seconds between two writings of the page
_REAL_SHOWN = 25

_TITLES = {
    FRAMEWORK: "Act 1. In theory, 100,000 dimensions: who finds both modes?",
    DIGITS: "Act 2. On digits: which half of Adam is needed? Distance to real ones, falling.",
    RING: "Act 3. On a ring: who keeps all eight modes? Their number over training.",
}


@dataclass
class Acts:
    """The acts of one demo."""

    options: Demo

    def play(self) -> None:
        """Play the acts, rewrite the page as they go, print the same story."""
        _check(self.options.out)
        engine = LocalEngine(self.options.workers)
        page = write_demo_page(self.options.out, "Act 1 begins.")
        if not self.options.json:
            output.line("Three acts, 2 to 3 minutes on 2 cores. This page fills as runs end:")
            output.line(page.resolve().as_uri())
            sys.stdout.flush()  # at once, into a pipe too
        if self.options.open and not (self.options.json or self.options.quiet) and _somebody_watches():
            webbrowser.open(page.resolve().as_uri())
        _draw_real(self.options.out / REAL)
        engines: dict[str, Engine] = {FRAMEWORK: _Here(), DIGITS: engine, RING: engine}
        studies = {
            FRAMEWORK: (acts.FRAMEWORK, custom.SCALE),
            DIGITS: (acts.DIGITS, acts.SCALE),
            RING: (acts.RING, acts.SCALE),
        }
        results: dict[str, StudyResult] = {}
        try:
            for number, act in enumerate(ACTS, 1):
                if not self.options.json:
                    output.line("")
                    output.line(_TITLES[act])
                results[act] = self._play(number, act, *studies[act], engines[act])
        finally:
            write_demo_page(self.options.out)
        self._end(results)

    def _play(self, number: int, act: str, played: protocol.Study, scale: str, engine: Engine) -> StudyResult:
        """One act: its study, its own page, and what was seen."""
        page = _Page(
            self.options.out, f"Act {number} of {len(ACTS)} is under way. This page loads itself again."
        )
        page.write()
        folder = self.options.out / act
        result = study.run(played, scale, folder, engine=engine, quiet=self.options.quiet, of_runs=page)
        write_study_page(folder)
        if not self.options.json:
            for line in act_lines(read_story(self.options.out), act):
                output.line(line)
            sys.stdout.flush()
        return result

    def _end(self, results: dict[str, StudyResult]) -> None:
        if self.options.json:
            print(json.dumps({act: json.loads(dump(result)) for act, result in results.items()}, indent=2))
            return
        output.line("")
        output.show(closing_box(read_story(self.options.out)))
        output.line(f"Page: {(self.options.out / PAGE).resolve().as_uri()}")


@dataclass
class _Page:
    """Writes the demo's page again, every few seconds at most."""

    folder: Path
    doing: str
    _written: float = field(default=0.0, init=False)

    def __call__(self, _: Sequence[UnderWay]) -> None:
        if time.monotonic() - self._written > _BETWEEN:
            self.write()

    def write(self) -> None:
        write_demo_page(self.folder, self.doing)
        self._written = time.monotonic()


class _Here:
    """An engine in this process: the framework takes a second, and another process would start for longer."""

    workers = 1
    at_once = 1

    def execute(self, function: Callable[[Any], Any], tasks: Sequence[Any], /) -> Iterator[tuple[Any, Any]]:
        return ((task, function(task)) for task in tasks)


def _check(out: Path) -> None:
    """Raise ``ValueError`` unless the folder is free or the demo's."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file: name a folder for the demo with --out")
    if out.exists() and not (is_empty(out) or (out / PAGE).exists()):
        raise ValueError(
            f"{out} holds files that are no demo of this version: name another folder with --out"
        )


def _draw_real(path: Path) -> None:
    """Real digits as the runs' samples are drawn; the same each time."""
    real = Digits().load(torch.device("cpu"))
    pictures.grid(real.draw(_REAL_SHOWN, torch.Generator().manual_seed(0)), path)


def _somebody_watches() -> bool:
    """Whether a person is at a terminal with a display: a browser in text would take the terminal."""
    has_display = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return sys.stdout.isatty() and has_display
