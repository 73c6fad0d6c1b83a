"""The site of the docs: what it looks like, and pages of notebooks.

``make test-notebooks`` runs the notebooks and writes their pages.
"""

import base64

import pytest
from tools.notebooks import FOLDER, cells, notebooks, page

NOTEBOOKS = dict(notebooks())


def test_a_reader_can_choose_light_or_dark():
    """Without buttons, the scheme of a reader's first visit would stay."""
    palette = (FOLDER.parents[1] / "mkdocs.yml").read_text().partition("palette:")[2].partition("font:")[0]
    assert palette.count("- media:") == palette.count("toggle:") == 3
    assert '- media: "(prefers-color-scheme)"\n' in palette


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_stored_without_outputs(name):
    code = [cell for cell in NOTEBOOKS[name]["cells"] if cell["cell_type"] == "code"]
    assert code
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebooks_page_is_of_the_notebook_as_it_is(name):
    own, _ = page(NOTEBOOKS[name], name)
    shown = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert cells(shown) == cells(own)
    assert f"({name}.ipynb)" in shown


def test_every_notebook_is_in_the_gallery_and_the_site():
    for file in ("gallery.md", "../mkdocs.yml"):
        text = (FOLDER.parent / file).read_text(encoding="utf-8")
        assert all(f"notebooks/{name}.md" in text for name in NOTEBOOKS)


def _cell(*outputs, source="x"):
    return {"cell_type": "code", "source": [source], "outputs": outputs}


def test_what_cells_print_return_and_draw_is_shown():
    drawn = {"image/png": base64.b64encode(b"png").decode(), "text/plain": "<Figure>"}
    rich = {"text/html": ["<style>\np {}\n</style>\n", "<pre>a\n\nb</pre>"], "text/plain": "plain"}
    head = {"cell_type": "markdown", "source": ["# Title"]}
    printed = _cell({"output_type": "stream", "text": ["\x1b[31mred\x1b[0m\n"]})
    made = [head, printed, _cell({"data": drawn}, {"data": rich}), _cell({"data": {"text/plain": ["7"]}})]
    text, pictures = page({"cells": made}, "mine")
    assert pictures == {"mine-1.png": b"png"}
    assert text.startswith("# Title\n\n[This page as a notebook](mine.ipynb)")
    for part in ("```text\nred\n```", "(mine-1.png)", "<pre>a\nb</pre>", "```text\n7\n```"):
        assert f"\n\n{part}\n\n" in text or f"{part}\n\n" in text
    assert "plain" not in text
    assert cells(text) == ["x"] * 3
