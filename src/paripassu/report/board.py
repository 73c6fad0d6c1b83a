"""The claims board: what the studies of one folder say of each claim of the paper."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from paripassu.records import (
    STUDY_FILE,
    SWEEP_FILE,
    ClaimVerdict,
    Effect,
    GameResult,
    StudyResult,
    SweepResult,
)
from paripassu.records.codec import load
from paripassu.report.collapse import title, write_theory_page
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
        "No study: that the grafts exist, and reduce to Adam and to SGDA where they must, is what the tests "
        "of the rules and the optimizers show."
    )
}
_TESTED = {
    "C6": (
        " Tested is the premise, that normalising makes both move at the same pace; no study tests that this "
        "is why it works."
    )
}
_LEAD = (
    "What was measured here, per claim of arXiv:2210.04319 and dataset. A verdict is its study's rule "
    "applied to the runs: it holds for these games at this size, and says nothing of others."
)


class _Finding(NamedTuple):
    claim: str
    game: str
    outcome: str
    effect: Effect | None
    budget: str


class _Entry(NamedTuple):
    """A study or a sweep, and what it found; what has not finished found that."""

    folder: Path
    name: str
    told: str
    findings: Sequence[_Finding]
    badges: Sequence[tuple[str, Badge]]  # with the claim that each is of
    cut: Sequence[str]

    def claims(self) -> set[str]:
        return {finding.claim for finding in self.findings}


def studies_in(folder: Path) -> list[Path]:
    """The folders in ``folder`` that hold a study or a sweep, by name."""
    return sorted({path.parent for name in (STUDY_FILE, SWEEP_FILE) for path in folder.glob(f"*/{name}")})


def write_board(folder: Path) -> Path:
    """Write the board of the studies and sweeps in ``folder``, and the page of each anew.

    Returns:
        The path of the board.

    Raises:
        ValueError: there are none, or a file of one is damaged.
    """
    entries = [_entry(path) for path in studies_in(folder)]
    if not entries:
        raise ValueError(f"{folder} holds no studies: name a folder with study folders in it")
    home = folder / PAGE_FOLDER
    rows: list[Sequence[str | Link]] = []
    sections: list[Section] = []
    for claim in (*CLAIMS, _BEYOND):
        own = [entry for entry in entries if claim in entry.claims()]
        rows += _rows(claim, own, home)
        if own or claim in CLAIMS:
            sections.append(Section(claim, _told(claim, own)))
    columns = ("claim", "study", "game", "verdict", "effect and 95 % interval", "budget")
    return Page("The claims, and what was measured", _LEAD, [Table(columns, rows)], sections).write(home)


def _entry(folder: Path) -> _Entry:
    if (folder / STUDY_FILE).is_file():
        write_study_page(folder)
        return _of_study(folder, load(folder / STUDY_FILE, StudyResult))
    write_theory_page(folder)
    return _of_sweep(folder, load(folder / SWEEP_FILE, SweepResult))


def _of_study(folder: Path, study: StudyResult) -> _Entry:
    claim = _claim(study.claim)
    name = f"{study.name}, {study.scale}"
    findings = [
        _Finding(claim, d.dataset, d.verdict.outcome, d.verdict.effect, _budget(study, d))
        for d in study.datasets
    ]
    badges = [(claim, Badge(f"{name}, on {d.dataset}", d.verdict)) for d in study.datasets]
    told = f"{study.question} {study.claim}"
    return _Entry(folder, name, told, findings or [_unfinished(claim)], badges, study.cut)


def _of_sweep(folder: Path, sweep: SweepResult) -> _Entry:
    def finding(held: ClaimVerdict) -> _Finding:
        verdict = held.verdict
        return _Finding(
            _claim(held.claim), "synthetic framework", verdict.outcome, verdict.effect, held.claim
        )

    purpose = sweep.purpose
    findings = [finding(held) for held in sweep.claims]
    if not findings:
        nothing = _Finding(_BEYOND, "synthetic framework", "no rule to decide by", None, "")
        tested = [claim for claim in CLAIMS if re.search(rf"\b{claim}\b", purpose.claim)] or [_BEYOND]
        findings = [nothing] if sweep.finished else [_unfinished(claim) for claim in tested]
    badges = [(_claim(held.claim), Badge(held.claim, held.verdict)) for held in sweep.claims]
    name = f"{purpose.study}, {purpose.scale}" if purpose.study else f"theory {sweep.kind}"
    told = f"{title(sweep)} {purpose.claim}".strip()
    return _Entry(folder, name, told, findings, badges, purpose.cut)


def _unfinished(claim: str) -> _Finding:
    return _Finding(claim, "", "not finished", None, "")


def _claim(told: str) -> str:
    named = re.match(r"(C\d+)\b", told)
    return named[1] if named and named[1] in CLAIMS else _BEYOND


def _rows(claim: str, entries: Iterable[_Entry], home: Path) -> list[Sequence[str | Link]]:
    short = claim if claim in CLAIMS else "beyond"
    rows: list[Sequence[str | Link]] = []
    for entry in entries:
        name = Link(entry.name, os.path.relpath(entry.folder / PAGE_FOLDER / "index.html", home))
        rows += [
            (short, name, found.game, found.outcome, str(found.effect or ""), found.budget)
            for found in entry.findings
            if found.claim == claim
        ]
    return rows or ([(short, "no study here", *[""] * 4)] if claim in CLAIMS else [])


def _budget(study: StudyResult, dataset: GameResult) -> str:
    tuning = sum(len(arm.grid) for arm in dataset.arms) * len(study.tuning_seeds)
    confirmation = sum(len(arm.runs) for arm in dataset.arms)
    seeds = len(study.confirmation_seeds)
    return f"{len(dataset.arms)} arms, {seeds} seeds, {tuning + confirmation:,} runs; {dataset.setting}"


def _told(claim: str, entries: Sequence[_Entry]) -> list[Block]:
    blocks: list[Block] = [Text(CLAIMS[claim] + _TESTED.get(claim, ""))] if claim in CLAIMS else []
    if not entries:
        blocks.append(Text(_NO_STUDY.get(claim, "No study of this claim is in this folder.")))
    for entry in entries:
        blocks.append(Text(entry.told))
        blocks += [badge for of, badge in entry.badges if of == claim]
        blocks += left_out(entry.cut)
    return blocks
