"""A folder belongs to one run, and to one process at a time."""

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from types import ModuleType

import polars as pl
import pytest
import torch
from PIL import Image

from paripassu.data import PUBLISHED, FromDataset, Hub, ImageFolder, ImageSet, Source
from paripassu.files import FolderInUseError
from paripassu.records import Metric, RunHeader
from paripassu.records.codec import load, read_records
from paripassu.rules import RMSprop
from paripassu.train import Player, evaluate, load_run, train


def _contents(folder) -> dict:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def test_another_run_is_told_every_difference_and_writes_nothing(points, tmp_path):
    folder = tmp_path / "run"
    train(points, folder)
    before = _contents(folder)
    other = replace(points, seed=3, generator=Player(RMSprop(), 0.5))
    with pytest.raises(ValueError, match="holds another run") as caught:
        train(other, folder)
    for difference in (
        "seed is 0 there and 3 here",
        "generator.lr is 0.001 there and 0.5 here",
        "generator.rule.is",
    ):
        assert difference in str(caught.value)
    assert _contents(folder) == before


def test_files_that_are_no_run_are_not_written_over(points, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(ValueError, match="no run"):
        train(points, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(ValueError, match="is a file"):
        train(points, tmp_path / "thesis.tex")


_HOLDS = """
import sys
from pathlib import Path
from paripassu.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_processes_do_not_share_a_folder(points, tmp_path):
    """The second is told which the first is, and has its turn once that has died."""
    folder = tmp_path / "run"
    folder.mkdir()
    command = [sys.executable, "-c", _HOLDS, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        for _ in range(2):  # trying does not wipe who it is
            told = f"is in use by process {process.pid} on {os.uname().nodename}, since 20.* UTC: wait for it"
            with pytest.raises(FolderInUseError, match=told):
                train(points, folder)
        process.kill()
    assert train(points, folder).outcome == "finished"
    assert not (folder / ".holder").exists()


def test_a_kill_while_a_folder_is_made_leaves_one_that_can_be_used(points, tmp_path):
    (tmp_path / ".lock").touch()
    (tmp_path / ".run.json.4711").write_text('{"sett')
    assert train(points, tmp_path).outcome == "finished"


def test_data_that_cannot_be_used_leave_no_folder(images, points, tmp_path):
    with pytest.raises(ValueError, match="mlp"):
        train(replace(points, model=images.model), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@dataclass(frozen=True)
class Grey(Source):
    """So many images of a size."""

    count: int
    side: int

    def load(self, device):
        return ImageSet.on(device, torch.zeros(self.count, 1, self.side, self.side, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (Grey(1, 8), "grey has one image, and a distance between sets takes two of each"),
        (Grey(20, 4), "takes images .* of at least 8 px, got .*: bring them to that size"),
        (FromDataset([torch.zeros(1, 8, 8)] * 20), "this list could not be made again"),
    ],
    ids=["one", "small", "nameless"],
)
def test_data_that_cannot_be_measured_or_named_leave_no_folder(points, tmp_path, data, said):
    with pytest.raises(ValueError, match=said):
        train(replace(points, data=data), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_comes_back_from_its_folder(points, tmp_path):
    train(points, tmp_path / "run")
    assert load_run(tmp_path / "run") == points
    with pytest.raises(ValueError, match=r"is no run, but holds some: .* such as .*run"):
        load_run(tmp_path)
    (tmp_path / "run" / "run.json").write_text('{"schema": 1, "settings"')
    with pytest.raises(ValueError, match="corrupt"):
        load_run(tmp_path / "run")


@pytest.fixture
def of_files(images, tmp_path):
    """A tiny run on image files."""
    (tmp_path / "photos").mkdir()
    for level in range(4):
        Image.new("L", (8, 8), 60 * level).save(tmp_path / "photos" / f"{level}.png")
    return replace(images, data=ImageFolder(tmp_path / "photos", 8, channels=1))


def test_a_run_goes_on_with_the_images_it_began_with_and_no_others(of_files, tmp_path):
    folder, photos = tmp_path / "run", tmp_path / "photos"
    train(of_files, folder)
    before = _contents(folder)
    os.utime(photos / "0.png", ns=(1, 1))  # the same image in another copy
    train(of_files, folder)
    evaluate(of_files, folder)
    for path in photos.iterdir():
        Image.new("L", (8, 8), 0).save(path)
    told = f"run in {folder} began with 4 images, and these 4 are others: bring back the first ones, or name"
    with pytest.raises(ValueError, match=told):
        train(of_files, folder)
    with pytest.raises(ValueError, match=told):
        evaluate(of_files, folder)
    (photos / "0.png").unlink()
    with pytest.raises(ValueError, match="began with 4 images, and these 3 are others"):
        train(of_files, folder)
    assert _contents(folder) == before


def test_what_was_skipped_is_listed_in_the_folder(of_files, tmp_path):
    photos = tmp_path / "photos"
    for i in range(4):
        (photos / f"bad{i}.png").write_bytes(b"")
    (photos / "none").mkdir()
    notices = []
    run = replace(of_files, data=replace(of_files.data, on_bad_image="skip"))
    train(run, tmp_path / "run", notice=notices.append)
    reason = "(no BMP, GIF, JPEG, PNG, TIFF or WebP inside)"
    bad = [f"bad{i}.png {reason}" for i in range(4)]
    listed = (tmp_path / "run" / "skipped.txt").read_text()
    assert listed.splitlines() == [*bad, "none (a folder without images)"]
    account = (
        f"photos: 4 images; left out: bad images 4 (such as {bad[0]}), folders without images 1 (none); "
        "skipped.txt has all"
    )
    assert notices == [account, "photos has 4 images for batches of 8: are these all?"]


def test_a_run_goes_on_with_the_commit_it_began_with(of_files, tmp_path, monkeypatch):
    """Though the Hub has another one by now."""
    asked = []

    def download(*_, revision="b" * 40, **__):
        asked.append(revision)
        (tmp_path / revision).mkdir(exist_ok=True)
        frame = pl.DataFrame({"image": [path.read_bytes() for path in (tmp_path / "photos").iterdir()]})
        frame.write_parquet(tmp_path / revision / "data.parquet")
        return str(tmp_path / revision)

    hub = ModuleType("huggingface_hub")
    hub.snapshot_download = download
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    run = replace(of_files, data=Hub("celeba-hq", 8, channels=1))
    monkeypatch.setattr(
        "paripassu.data.hub.PUBLISHED", {"celeba-hq": PUBLISHED["celeba-hq"]._replace(files="*.parquet")}
    )
    train(run, tmp_path / "run")
    header = load(tmp_path / "run" / "run.json", RunHeader)
    assert header.images.revision == "b" * 40
    monkeypatch.setattr(download, "__kwdefaults__", {"revision": "c" * 40})
    train(run, tmp_path / "run")
    evaluate(run, tmp_path / "run")
    assert asked == ["b" * 40] * 3


def test_absurdly_few_images_are_told_of_whatever_the_batch(of_files, tmp_path):
    notices = []
    train(replace(of_files, batch=2), tmp_path / "run", notice=notices.append)
    assert notices == ["photos: 4 images", "photos has 4 images for batches of 2: are these all?"]
    assert not (tmp_path / "run" / "skipped.txt").exists()


def test_evaluation_repeats_the_last_measurement(points, tmp_path):
    train(points, tmp_path / "run")
    last = {
        r.name: r.value for r in read_records(tmp_path / "run" / "records.jsonl") if isinstance(r, Metric)
    }
    assert evaluate(points, tmp_path / "run") == (40, last)
    assert set(evaluate(points, tmp_path / "run", samples=7)[1]) == {
        "mode-overlap@7",
        "high-quality@7",
        "modes@7",
    }
    with pytest.raises(ValueError, match="samples"):
        evaluate(points, tmp_path / "run", samples=1)
    with pytest.raises(ValueError, match="is no run, but holds some"):
        evaluate(points, tmp_path)
