"""The page of a study: question, claim, verdicts, then everything they rest on."""

from collections.abc import Callable, Mapping
from pathlib import Path

from paripassu.evidence.kinds import of_kind
from paripassu.evidence.shape import expected_shape
from paripassu.records import STUDY_FILE, StudyResult
from paripassu.records.codec import load
from paripassu.records.study import finding_title, flat_settings
from paripassu.report import collapse, comparison, dissection, played
from paripassu.report.answer import dissection_answer, framework_answer, played_answer
from paripassu.report.effort import run_count
from paripassu.report.page import (
    Badge,
    Block,
    Page,
    Section,
    Text,
    environment_blocks,
    left_out,
)

_SECTIONS: Mapping[str, Callable[[StudyResult, Path], list[Section]]] = {
    "comparison": comparison.sections,
    "run": collapse.run_sections,
    "phase": collapse.phase_sections,
    "scaling": collapse.scaling_sections,
    "vary": collapse.vary_sections,
    "played": played.sections,
    "dissection": dissection.sections,
}
"""By the kind of study: what its verdicts rest on, from its result and its folder."""

_ANSWERS: Mapping[str, Callable[[StudyResult, Path], str]] = {
    "comparison": lambda result, _: comparison.answers(result),
    **dict.fromkeys(("run", "phase", "scaling", "vary"), framework_answer),
    "played": played_answer,
    "dissection": dissection_answer,
}
"""By the kind of study: what was seen, in words, from its result and its folder."""


def write_study_page(folder: Path) -> Path:
    """Write the page of the study in ``folder`` from its result, its tables and those of its runs.

    Returns:
        The path of the page.

    Raises:
        ValueError: the folder's files are not a study's, or damaged.
    """
    return study_page(folder).write_into(folder)


def study_page(folder: Path) -> Page:
    """The page of the study in ``folder``, as `write_study_page` writes it."""
    result = load(folder / STUDY_FILE, StudyResult)
    with expected_shape(folder):
        return _page(result, folder)


def _page(result: StudyResult, folder: Path) -> Page:
    sections = of_kind(_SECTIONS, result)
    claim = f"Claim under test: {result.claim}" if result.claim else "No claim is tested."
    answer = of_kind(_ANSWERS, result)(result, folder) if result.is_judged else ""
    small = [] if result.decides or not answer else ["Runs of this size decide nothing."]
    words = "\n\n".join(text for text in (result.protocol, result.rule) if text)
    return Page(
        title=result.question or result.name,
        lead=" ".join([answer, *small]) or claim,
        blocks=[
            *(comparison.first_screen(result, folder) if result.is_judged else []),
            *([Text(claim)] if answer else []),
            *_findings(result),
            *left_out(result.cut),
            *(Text(remark) for remark in result.remarks),
        ],
        sections=[
            *(sections(result, folder) if result.is_judged else []),
            *([Section("Protocol", [Text(words)])] if words else []),
            Section("How it was made", environment_blocks(result.environment, _made(result))),
        ],
    )


def _findings(result: StudyResult) -> list[Block]:
    findings: list[Block] = [Badge(finding_title(result, each), each.verdict) for each in result.findings]
    if result.finished:
        return findings
    if not result.reached:
        return [Text("Not finished: the command below goes on where it stopped.")]
    undecided = sum(finding.verdict.outcome == "undecided" for finding in result.findings)
    return [
        Text(
            f"Not finished: this is the result after {result.reached}, and {undecided} of "
            f"{len(findings)} verdicts are undecided. The command below goes on where it stopped."
        ),
        *findings,
    ]


def _made(result: StudyResult) -> list[tuple[str, str]]:
    runs = sum(run_count(arm) for game in result.games for arm in game.arms)
    rows = {"study": result.name, "scale": result.scale} | ({"runs": f"{runs:,}"} if runs else {})
    settings = {name: value for name, value in flat_settings(result.settings).items() if _is_told(value)}
    rows |= {name.replace("_", " "): _in_words(value) for name, value in settings.items()}
    return list(rows.items())


def _is_told(value: object) -> bool:
    return value is not None and value not in ({}, "")


def _in_words(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {_in_words(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)
