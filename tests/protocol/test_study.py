"""A study's words are the docstring of its file."""

from pathlib import Path

import pytest
from tests.cases.studies import tiny_study

from paripassu import studies
from paripassu.protocol import CUT_ALL, Study

TEXT = '''"""Which half of Lion\ndoes it?

Claim under test: Beyond the paper: its sign
does it.

Measured is a thing.

*Supported* if it is.
"""
'''


def test_a_files_docstring_is_question_claim_and_rule(tmp_path):
    path = tmp_path / "my_lion.py"
    path.write_text(TEXT)
    study = Study.from_file(str(path), {})
    assert study.name == "my-lion"
    assert study.question == "Which half of Lion does it?"
    assert study.claim == "Beyond the paper: its sign does it."
    assert study.rule == "Measured is a thing.\n\n*Supported* if it is."


@pytest.mark.parametrize(
    "text",
    ["x = 1", '"""One?"""', '"""One?\n\nNo claim.\n\nRule."""', '"""One?\n\nClaim under test: it."""'],
)
def test_a_file_without_its_words_is_refused(text, tmp_path):
    path = tmp_path / "s.py"
    path.write_text(text)
    with pytest.raises(ValueError, match="must be a question, then a paragraph that begins with"):
        Study.from_file(str(path), {})


def test_words_survive_python_without_docstrings():
    """What ``python -OO`` runs of a study's file has no docstring."""
    for study in studies.find().values():
        path = Path(studies.__file__).with_name(study.name.replace("-", "_") + ".py")
        names = {"__name__": study.name, "__file__": str(path)}
        exec(compile(path.read_text(), path, "exec", optimize=2), names)
        assert names.get("__doc__") is None
        assert (names["STUDY"].question, names["STUDY"].rule) == (study.question, study.rule)


def test_an_unknown_scale_is_refused():
    with pytest.raises(ValueError, match="no scale 'large': it has smoke, untuned"):
        tiny_study().scale("large")


def test_every_study_has_a_claim_and_a_rule():
    for name, study in studies.find().items():
        assert study.name == name
        assert study.scales.keys() >= {"smoke", "small", "paper"}
        assert study.claim.endswith(".")
        assert all(word in study.rule.lower() for word in ("supported", "contradicted", "undecided"))
        smoke, small = study.scale("smoke"), study.scale("small")
        assert (smoke.cut, smoke.decides, small.decides) == ((CUT_ALL,), False, True)
