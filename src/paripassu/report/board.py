"""The claims board: what the studies of one folder say of each claim of the paper."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from paripassu.records import STUDY_FILE, DatasetResult, Effect, StudyResult, load
from paripassu.report.page import PAGE_FOLDER, Badge, Block, Link, Page, Section, Table, Text
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
_LEAD = (
    "What was measured here, per claim of arXiv:2210.04319 and dataset. A verdict is its study's rule, fixed "
    "before the runs, applied to them: it holds for these games at this size, and says nothing of others."
)


class _Entry(NamedTuple):
    folder: Path
    study: StudyResult


def studies_in(folder: Path) -> list[Path]:
    """The folders in ``folder`` that hold a study, by name."""
    return sorted(path.parent for path in folder.glob(f"*/{STUDY_FILE}"))


def write_board(folder: Path) -> Path:
    """Write the board of the studies in ``folder``, and each study's page anew.

    Returns:
        The path of the board.

    Raises:
        ValueError: there are no studies, or a file of one is damaged.
    """
    entries = [_Entry(path, load(path / STUDY_FILE, StudyResult)) for path in studies_in(folder)]
    if not entries:
        raise ValueError(f"{folder} holds no studies: name a folder with study folders in it")
    for entry in entries:
        write_study_page(entry.folder)
    by_claim = {
        claim: [entry for entry in entries if _claim(entry.study) == claim] for claim in (*CLAIMS, _BEYOND)
    }
    home = folder / PAGE_FOLDER
    rows = [row for claim, own in by_claim.items() for row in _rows(claim, own, home)]
    columns = ("claim", "study", "dataset", "verdict", "effect and 95 % interval", "budget")
    sections = [
        Section(claim if claim in CLAIMS else _BEYOND, _told(claim, own))
        for claim, own in by_claim.items()
        if claim in CLAIMS or own
    ]
    return Page("The claims, and what was measured", _LEAD, [Table(columns, rows)], sections).write(home)


def _claim(study: StudyResult) -> str:
    named = re.match(r"(C\d+)\b", study.claim)
    return named[1] if named and named[1] in CLAIMS else _BEYOND


def _rows(claim: str, entries: Iterable[_Entry], home: Path) -> list[Sequence[str | Link]]:
    short = claim if claim in CLAIMS else "beyond"
    rows: list[Sequence[str | Link]] = []
    for folder, study in entries:
        page = os.path.relpath(folder / PAGE_FOLDER / "index.html", home)
        name = Link(f"{study.name}, {study.scale}", page)
        if not study.datasets:
            rows.append((short, name, "", "not finished", "", ""))
        for dataset in study.datasets:
            effect = _effect(dataset.verdict.effect)
            budget = _budget(study, dataset)
            rows.append((short, name, dataset.dataset, dataset.verdict.outcome, effect, budget))
    return rows or ([(short, "no study here", *[""] * 4)] if claim in CLAIMS else [])


def _effect(effect: Effect | None) -> str:
    if effect is None:
        return ""
    return f"{effect.value:.3g} [{effect.low:.3g}, {effect.high:.3g}] {effect.name}"


def _budget(study: StudyResult, dataset: DatasetResult) -> str:
    tuning = sum(len(arm.grid) for arm in dataset.arms) * len(study.tuning_seeds)
    confirmation = sum(len(arm.runs) for arm in dataset.arms)
    seeds = len(study.confirmation_seeds)
    return f"{len(dataset.arms)} arms, {seeds} seeds, {tuning + confirmation:,} runs; {dataset.setting}"


def _told(claim: str, entries: Sequence[_Entry]) -> list[Block]:
    blocks: list[Block] = [Text(CLAIMS[claim])] if claim in CLAIMS else []
    if not entries:
        blocks.append(Text(_NO_STUDY.get(claim, "No study of this claim is in this folder.")))
    for _, study in entries:
        blocks.append(Text(f"{study.question} {study.claim}"))
        blocks += [
            Badge(f"{study.name}, {study.scale}, on {dataset.dataset}", dataset.verdict)
            for dataset in study.datasets
        ]
        blocks += [Text("What this size leaves out. " + " ".join(study.cut))] if study.cut else []
    return blocks
