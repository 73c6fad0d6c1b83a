"""Files appear whole or not at all, and a folder's files name nothing outside of it."""

import ast
from pathlib import Path

import pytest
from tests.cases.strange_files import STRANGE, put

import paripassu
from paripassu.files import FolderInUseError, file_digest, inside, locked, opened, read_whole, write_whole

SOURCES = sorted(Path(paripassu.__file__).parent.rglob("*.py"))


def test_an_interrupted_write_leaves_the_old_text(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_whole(path, "old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_lock_clears_leftovers_at_any_depth_but_through_no_link(tmp_path):
    mine, elsewhere = tmp_path / "mine", tmp_path / "elsewhere"
    deep = mine / "runs" / "ring8" / "nsgda" / "seed-0"
    for folder in (deep, elsewhere):
        folder.mkdir(parents=True)
        (folder / ".partial-999999999-records.parquet.json").touch()
    (mine / "runs" / "linked").symlink_to(elsewhere)
    with locked(mine):
        assert list(deep.iterdir()) == []
    assert len(list(elsewhere.iterdir())) == 1


def test_a_folder_in_use_is_named_whatever_became_of_its_holders_name(tmp_path):
    with locked(tmp_path):
        (tmp_path / ".holder").write_bytes(b"process \xff")
        with pytest.raises(FolderInUseError, match="is in use by process"), locked(tmp_path):
            pass


@pytest.mark.parametrize("relative", ["samples/1.png", "./samples/1.png", "samples//1.png"])
def test_a_path_inside_is_given_as_it_is_written(relative, tmp_path):
    assert inside(tmp_path, relative, pattern="samples/*.png") == tmp_path / "samples" / "1.png"


@pytest.mark.parametrize(
    "relative",
    ["", "1.png", "/samples/1.png", "../samples/1.png", "samples/a/1.png", "samples/1.PNG.txt", "a/1.png"],
)
def test_another_path_is_refused(relative, tmp_path):
    with pytest.raises(ValueError, match=r"which is not samples/\*\.png in that folder"):
        inside(tmp_path, relative, pattern="samples/*.png")


def test_a_link_that_leads_out_is_refused(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "samples").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="in that folder"):
        inside(tmp_path / "run", "samples/1.png", pattern="samples/*.png")


@pytest.mark.parametrize("read", [read_whole, opened, file_digest])
@pytest.mark.parametrize("kind", STRANGE)
def test_nothing_but_a_file_is_read(kind, read, tmp_path):
    put(kind, tmp_path / "run.json")
    for path in (tmp_path / "run.json", tmp_path / "link"):
        if path.name == "link":
            path.symlink_to("run.json")
        with pytest.raises(ValueError, match=rf"{path.name} is {kind}, not a file: remove it"):
            read(path)


def test_a_file_is_read_through_a_link(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("file")
    assert read_whole(tmp_path / "link") == b"abc"


def _reads(call: ast.AST) -> bool:
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
        return False
    mode = getattr(call.args[0], "value", "") if call.args else ""
    return call.func.attr in {"read_bytes", "read_text", "fromfile"} or (
        call.func.attr == "open" and mode in {"r", "rb"}
    )


def test_files_are_opened_for_reading_in_one_place():
    """A second way would wait for a named pipe for ever."""
    found = [path.name for path in SOURCES for node in ast.walk(ast.parse(path.read_bytes())) if _reads(node)]
    assert found == ["digits.py", "folder.py", "live.py"]  # what was installed with the package
