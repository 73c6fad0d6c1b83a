"""Files appear whole or not at all, and a folder's files name nothing outside of it."""

import pytest

from paripassu.files import inside, write_whole


def test_an_interrupted_write_leaves_the_old_text(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_whole(path, "old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


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
