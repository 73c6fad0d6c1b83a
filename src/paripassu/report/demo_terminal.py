"""The demo's story for the terminal, at 80 columns and without colour."""

from textwrap import wrap

from rich.console import RenderableType
from rich.panel import Panel
from rich.text import Text

from paripassu.report.demo import what_you_saw
from paripassu.report.demo_story import DIGITS, FRAMEWORK, GameAct, Story, modes_of
from paripassu.report.demo_words import COMMANDS, STUDIES
from paripassu.report.sparkline import sparkline

_BAR = 16
_NAME = 31
_MARKS = {"supported": "✓", "contradicted": "✗", "undecided": "?"}


def act_lines(story: Story, act: str) -> list[str]:
    """What an act showed, a line for each arm.

    Args:
        story: of a demo whose act is done.
        act: the name of the act's folder.
    """
    if act == FRAMEWORK:
        return _framework(story)
    return _digits(story.digits) if act == DIGITS else _ring(story)


def closing_box(story: Story) -> RenderableType:
    """What was seen, what the full studies say, and what to do next."""
    studies = [f"{_MARKS[study.outcome]} {study.short} ({study.page}.md)" for study in STUDIES]
    parts = [
        ("What you saw (not decided at this size)", what_you_saw(story, brief=True)),
        ("What the full studies say, in docs/results", studies),
        (
            "In your code, from Adam's learning rate",
            ["pp.NSGD(params, lr=ADAMS, momentum=0.5)"],
        ),
        ("Next", [line.partition("  ")[0] for line in COMMANDS.splitlines()]),
    ]
    text = Text()
    for number, (title, lines) in enumerate(parts):
        text.append(f"{title}\n", "bold")
        text.append("\n".join(lines) + ("\n" if number < len(parts) - 1 else ""))
    return Panel(text)


def _framework(story: Story) -> list[str]:
    act = story.framework
    assert act is not None
    found = [
        f"  {m.name:{_NAME}}{_bar(m.ever / m.seeds)} {m.ever:2} of {m.seeds} runs find both"
        for m in act.methods
    ]
    claims = [f"{_MARKS[f.verdict.outcome]} {f.claim}" for f in act.findings if not f.claim.startswith("C6")]
    return [*found, f"  {'. '.join(claims)}.", *_wrapped(f"C6: {act.pace}")]


def _digits(act: GameAct) -> list[str]:
    metric = act.metric("fd-digits")
    curves = {arm.name: [value for _, value in arm.curve(metric)] for arm in act.arms}
    everything = [value for values in curves.values() for value in values]
    return [
        f"  {name:{_NAME}}{sparkline(values, everything)}  {values[-1]:.3g}"
        for name, values in curves.items()
        if values
    ]


def _ring(story: Story) -> list[str]:
    lines: list[str] = []
    for words, act in (("best rates", story.ring), ("twice these", story.doubled)):
        for arm in act.arms:
            modes = modes_of(arm, act)
            counts = " ".join(f"{value:g}" for _, value in modes)
            lines.append(f"  {f'{arm.name}, {words}':{_NAME}}{counts}")
    return lines


def _wrapped(text: str) -> list[str]:
    return wrap(text, 80, initial_indent="  ", subsequent_indent="  ")


def _bar(share: float) -> str:
    return f"{'█' * round(_BAR * share):{_BAR}}"
