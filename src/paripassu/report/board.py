"""The claims board: what the studies of one folder found on each claim of the paper."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from paripassu.records import STUDY_FILE, Finding, StudyResult
from paripassu.records.codec import load
from paripassu.records.study import finding_title
from paripassu.report.answer import in_words
from paripassu.report.page import PAGE_FOLDER, Badge, Block, Link, Page, Section, Table, Text, left_out
from paripassu.report.study import write_study_page

# Jelassi et al. 2022, arXiv:2210.04319, abstract.
CLAIMS = {
    "C1": "Adam's update splits into a magnitude and a direction; each can be put on SGDA's other half.",
    "C2": "The adaptive magnitude of Adam is what GAN training needs.",
    "C3": "Normalised SGDA recovers Adam's performance on several datasets.",
    "C4": "In a synthetic framework, networks trained by nSGDA recover all modes of the distribution.",
    "C5": "In the same framework SGDA suffers from mode collapse, whatever its learning rates.",
    "C6": "The reason: normalising makes discriminator and generator move at the same pace.",
}
_BEYOND = "Beyond these claims"
_NO_STUDY = {
    "C1": (
        "No study: the tests of the rules and the optimizers show that the grafts exist and reduce to Adam "
        "and to SGDA."
    )
}
_TESTED = {
    "C6": (
        " The studies test the premise, that normalising makes both move at the same pace. No study here "
        "tests whether this is the reason it works."
    )
}
_FEW = 2  # numbers of a claim in the first lines
_LEAD = (
    "What was measured here, per claim of arXiv:2210.04319. A verdict is its study's rule applied to the "
    "runs. It is for these games at this size, and says nothing of others."
)


class _BoardEntry(NamedTuple):
    """A study and where it is."""

    folder: Path
    result: StudyResult

    @property
    def name(self) -> str:
        """The study's, with its scale."""
        return f"{self.result.name}, {self.result.scale}"

    def rows(self) -> list[tuple[str, tuple[str, str, str, str]]]:
        """Claims, each with where it was tested, verdict, effect and budget.

        A study without findings has a row for each claim that its own claim names.
        """
        result = self.result
        if result.findings and result.is_judged:
            return [(_claim(found.claim), _cells(found)) for found in result.findings]
        state = "no rule to decide by" if result.finished else "not finished"
        named = [claim for claim in CLAIMS if re.search(rf"\b{claim}\b", result.claim)] or [_BEYOND]
        return [(claim, ("", state, "", "")) for claim in named]


def _cells(finding: Finding) -> tuple[str, str, str, str]:
    verdict = finding.verdict
    return finding.about, verdict.outcome, str(verdict.effect or ""), finding.budget


def studies_in(folder: Path) -> list[Path]:
    """The folders in ``folder`` that hold a study, by name."""
    return sorted(path.parent for path in folder.glob(f"*/{STUDY_FILE}"))


def write_board(folder: Path) -> Path:
    """Write the board of the studies in ``folder``, and the page of each anew.

    Returns:
        The path of the board.

    Raises:
        ValueError: there are none, or all are damaged. The board names one that is damaged among others.
    """
    entries: list[_BoardEntry] = []
    flaws: list[str] = []
    for path in studies_in(folder):
        try:
            entries.append(_entry(path))
        except ValueError as error:
            flaws.append(str(error))
    if not entries:
        none = f"{folder} holds no studies: name a folder with study folders in it"
        raise ValueError(flaws[0] if flaws else none)
    home = folder / PAGE_FOLDER
    rows: list[Sequence[str | Link]] = []
    sections: list[Section] = []
    for claim in (*CLAIMS, _BEYOND):
        own = [entry for entry in entries if claim in dict(entry.rows())]
        rows += _rows(claim, own, home)
        if own or claim in CLAIMS:
            sections.append(Section(claim, _blocks(claim, own)))
    columns = ("claim", "study", "game", "verdict", "effect and 95 % interval", "budget")
    blocks = [Text(_LEAD), *(Text(f"A study is not shown: {flaw}.") for flaw in flaws), Table(columns, rows)]
    page = Page("The claims, and what was measured", _answer(entries), blocks, sections)
    return page.write_into(folder)


def _answer(entries: Sequence[_BoardEntry]) -> str:
    """What was seen on each claim of the paper, then how often its rules decided."""
    sentences: list[str] = []
    silent: list[str] = []
    for claim in CLAIMS:
        own = [
            found
            for entry in entries
            if entry.result.is_judged
            for found in entry.result.findings
            if _claim(found.claim) == claim
        ]
        seen = [f"{found.about}, {found.verdict.effect}" for found in own if found.verdict.effect]
        if not own:
            silent.append(claim)
            continue
        more = f"; and {len(seen) - _FEW} more" if len(seen) > _FEW else ""
        outcomes = Counter(found.verdict.outcome for found in own)
        judged = in_words([f"{outcome} {count} ×" for outcome, count in outcomes.most_common()])
        sentences.append(f"{claim}: {'; '.join(seen[:_FEW]) or 'no number'}{more} ({judged}).")
    if silent:
        sentences.append(f"No study here has a result on {in_words(silent)}.")
    return " ".join(sentences)


def _entry(folder: Path) -> _BoardEntry:
    write_study_page(folder)
    return _BoardEntry(folder, load(folder / STUDY_FILE, StudyResult))


def _claim(text: str) -> str:
    named = re.match(r"(C\d+)\b", text)
    return named[1] if named and named[1] in CLAIMS else _BEYOND


def _rows(claim: str, entries: Iterable[_BoardEntry], home: Path) -> list[Sequence[str | Link]]:
    short = claim if claim in CLAIMS else "beyond"
    rows: list[Sequence[str | Link]] = []
    for entry in entries:
        name = Link(entry.name, os.path.relpath(entry.folder / PAGE_FOLDER / "index.html", home))
        rows += [(short, name, *cells) for of, cells in entry.rows() if of == claim]
    return rows or ([(short, "no study here", *[""] * 4)] if claim in CLAIMS else [])


def _blocks(claim: str, entries: Sequence[_BoardEntry]) -> list[Block]:
    blocks: list[Block] = [Text(CLAIMS[claim] + _TESTED.get(claim, ""))] if claim in CLAIMS else []
    if not entries:
        blocks.append(Text(_NO_STUDY.get(claim, "No study of this claim is in this folder.")))
    for entry in entries:
        result = entry.result
        blocks.append(Text(f"{entry.name}. {result.question} {result.claim}".strip()))
        blocks += [
            Badge(f"{entry.name}: {finding_title(result, found)}", found.verdict)
            for found in result.findings
            if result.is_judged and _claim(found.claim) == claim
        ]
        blocks += left_out(result.cut)
    return blocks
