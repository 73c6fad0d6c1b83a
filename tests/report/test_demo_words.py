"""What the demo says of the full studies is what README says."""

import re
from pathlib import Path

import pytest

from paripassu.report.demo_words import STUDIES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.short)
def test_a_studys_outcome_is_the_one_in_readme(study):
    claim = study.words[:2]
    (row,) = re.findall(rf"^\| {claim} .*", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert f"**{study.outcome}" in row
    assert [number for number in re.findall(r"(?<![\w-])\d[\d.]*", study.short) if number not in row] == []
    assert (ROOT / "docs" / "results" / f"{study.page}.md").is_file()
