"""Words of the trade are explained once, where they first stand, and docs say the same."""

import re
from pathlib import Path

from markupsafe import Markup
from tests.cases.folders import HOSTILE, study_folder

from paripassu.report.glossary import TERMS, Glossary
from paripassu.report.study import write_study_page

ROOT = Path(__file__).parents[2]


def test_a_word_is_explained_the_first_time():
    glossary = Glossary()
    first, second = (glossary.explained(f"the pace of all arms {n}") for n in (1, 2))
    assert re.findall('href="#([^"]*)"', first) == ["term-pace", "term-arm"]
    assert second == "the pace of all arms 2"
    assert [term for _, term, _ in glossary.entries()] == ["arm", "pace"]


def test_no_word_is_found_in_tags_links_code_or_other_words():
    for text in ('<i title="pace">x</i>', '<a href="pace">pace</a>', "<code>arm</code>", "harm", "pace-gap"):
        assert Glossary().explained(Markup(text)) == text


def test_text_with_words_is_escaped():
    assert "<script" not in Glossary().explained(f"arm {HOSTILE} pace")


def test_each_word_of_a_page_leads_to_what_it_means(tmp_path):
    study_folder(tmp_path / "s")
    text = write_study_page(tmp_path / "s").read_text()
    links = re.findall('class="term" href="#([^"]*)"', text)
    assert {"term-arm", "term-confirmation-seeds"} <= set(links)
    assert sorted(links) == sorted(re.findall('<dt id="([^"]*)"', text))


def test_docs_have_every_word():
    text = (ROOT / "docs" / "glossary.md").read_text()
    found = {title: " ".join(words.split()) for title, words in re.findall(r"## (.+)\n\n((?:.+\n)+)", text)}
    assert found == TERMS
