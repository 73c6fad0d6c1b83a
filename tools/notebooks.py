"""Run the notebooks of the documentation, and write each with its outputs as a page.

    python tools/notebooks.py [OUT]

A notebook is stored without outputs. Its page is Markdown with pictures beside it, so that the site needs no
plugin, and a checkout shows it too. ``make test-notebooks`` runs this, and the pages cannot grow stale.
"""

import base64
import json
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_SECONDS = re.compile(r"(finished at step [\d,]+), [\d,]+ s\b")  # another each time
_STYLE = re.compile(r"<style\b.*?</style>\s*", re.DOTALL)


def page(notebook: dict[str, Any], name: str) -> tuple[str, dict[str, bytes]]:
    """A notebook as Markdown, and the pictures that it shows, by name of file.

    Args:
        notebook: as its file has it, run or not.
        name: of its file, without an ending.
    """
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in notebook["cells"]:
        text = "".join(cell["source"]).strip()
        if cell["cell_type"] == "markdown":
            parts.append(text)
            continue
        parts.append(f"```python\n{text}\n```")
        for output in cell["outputs"]:
            if "image/png" in output.get("data", {}):
                file = f"{name}-{len(pictures) + 1}.png"
                pictures[file] = base64.b64decode(output["data"]["image/png"])
                parts.append(f"![What the cell above draws]({file})")
            elif shown := _shown(output):
                parts.append(shown)
    place = f"[This page as a notebook]({name}.ipynb), to run and to change."
    head, *rest = parts
    return "\n\n".join([head, place, *rest, ""]), pictures


def _shown(output: dict[str, Any]) -> str:
    """What a cell printed or returned; empty for what is only for other programs."""
    data = output.get("data", {})
    if "text/html" in data:  # Markdown has it as it is, up to its first empty line
        html = _SECONDS.sub(r"\1", _STYLE.sub("", "".join(data["text/html"])))
        return re.sub(r"\n\s*\n", "\n", html.strip())
    text = "".join(output.get("text", data.get("text/plain", "")))
    text = _SECONDS.sub(r"\1", _COLOURS.sub("", text)).strip()
    return f"```text\n{text}\n```" if text else ""


def cells(markdown: str) -> list[str]:
    """The code of a page's cells."""
    return re.findall(r"^```python\n(.*?)\n```$", markdown, re.DOTALL | re.MULTILINE)


def notebooks(folder: Path = FOLDER) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and contents of the notebooks in a folder."""
    for path in sorted(folder.glob("*.ipynb")):
        yield path.stem, json.loads(path.read_text(encoding="utf-8"))


def run(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook with the outputs of a run in an empty folder.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed; the error shows it.
    """
    import nbformat
    from nbclient import NotebookClient

    whole = nbformat.reads(json.dumps(notebook), as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        client = NotebookClient(whole, timeout=1800, startup_timeout=600, resources=resources)
        return json.loads(nbformat.writes(client.execute()))


def main(arguments: Iterable[str]) -> None:
    """Write all pages into a folder, the documentation's by default."""
    out = Path(*arguments) if arguments else FOLDER
    out.mkdir(parents=True, exist_ok=True)
    for name, notebook in notebooks():
        text, pictures = page(run(notebook), name)
        (out / f"{name}.md").write_text(text, encoding="utf-8")
        for file, content in pictures.items():
            (out / file).write_bytes(content)
        print(f"{out / name}.md, {len(pictures)} pictures")


if __name__ == "__main__":
    main(sys.argv[1:])
