"""Published sets by name, from a folder in the place of the Hub."""

import fnmatch
import sys
from io import BytesIO
from types import ModuleType

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from paripassu.data import PUBLISHED, Augmented, Hub, Ring

CPU = torch.device("cpu")


def shard(path, seed, count=3, size=32):
    rows = []
    for pixels in np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8):
        buffer = BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        rows.append({"bytes": buffer.getvalue(), "path": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"label": range(count), "img": rows}).write_parquet(path)


@pytest.fixture
def client(monkeypatch):
    """Installs a function as the Hub's ``snapshot_download``."""

    def install(download):
        module = ModuleType("huggingface_hub")
        module.snapshot_download = download
        monkeypatch.setitem(sys.modules, "huggingface_hub", module)

    return install


@pytest.fixture
def repository(tmp_path, client):
    """CIFAR-10's repository: two shards of the training set, one of the test set."""
    home, calls = tmp_path / "repository", []
    shard(home / "plain_text/train-00000-of-00002.parquet", 0)
    shard(home / "plain_text/train-00001-of-00002.parquet", 1)
    shard(home / "plain_text/test-00000-of-00001.parquet", 2)

    def download(repository, repo_type, allow_patterns):
        calls.append((repository, repo_type))
        snapshot = tmp_path / "snapshot"
        for file in home.rglob("*.parquet"):
            if fnmatch.fnmatch(name := file.relative_to(home).as_posix(), allow_patterns):
                (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
                (snapshot / name).unlink(missing_ok=True)
                (snapshot / name).symlink_to(file)  # as the Hub's client does
        return str(snapshot)

    client(download)
    return calls


def test_the_training_images_are_loaded_in_order(repository):
    loaded = Hub("cifar10").load(CPU)
    expected = [
        np.random.default_rng(seed).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8) for seed in (0, 1)
    ]
    assert np.array_equal(loaded.pixels.numpy(), np.concatenate(expected).transpose(0, 3, 1, 2))
    assert repository == [("uoft-cs/cifar10", "dataset")]
    assert Hub("cifar10", 16).load(CPU).shape == (3, 16, 16)


def test_bad_images_are_refused_or_skipped_and_colours_converted(repository, tmp_path):
    shard = tmp_path / "repository/plain_text/train-00001-of-00002.parquet"
    pl.DataFrame({"img": [b"not a picture"]}).write_parquet(shard)
    with pytest.raises(ValueError, match=r"1 of 4 images .* skip them"):
        Hub("cifar10").load(CPU)
    loaded = Hub("cifar10", channels=1, on_bad_image="skip").load(CPU)
    assert (len(loaded), loaded.shape, len(loaded.skipped)) == (3, (1, 32, 32), 2)


def test_a_network_that_is_not_there_is_told_in_one_sentence(client):
    def unreachable(*_, **__):
        raise ConnectionError("We couldn't connect\nto the Hub")

    client(unreachable)
    with pytest.raises(
        ValueError, match=r"^ffhq cannot be fetched .*merkol/ffhq-256 \(We couldn't connect\): connect"
    ) as told:
        Hub("ffhq").load(CPU)
    assert "\n" not in str(told.value)


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=r"^stl10 is on the Hub: pip install 'paripassu\[hub\]'$"):
        Hub("stl10").load(CPU)


def test_other_names_and_sizes_are_refused():
    with pytest.raises(ValueError, match=r"no data set 'imagenet': choose from cifar10, stl10, lsun-church"):
        Hub("imagenet")
    with pytest.raises(ValueError, match="resolution must be >= 1, got 0"):
        Hub("ffhq", 0)
    with pytest.raises(ValueError, match="on_bad_image must be 'refuse' or 'skip', got 'ignore'"):
        Hub("ffhq", on_bad_image="ignore")
    assert [Hub(name).name for name in PUBLISHED] == [*PUBLISHED]


def test_the_commit_that_was_loaded_is_known_and_can_be_asked_for(client, tmp_path):
    """The client's cache has a folder for each commit; what others fetched lies there too."""
    old, new = "a" * 40, "b" * 40
    for seed, commit in enumerate((old, new)):
        shard(tmp_path / commit / "plain_text/train-00000-of-00001.parquet", seed)
        shard(tmp_path / commit / "plain_text/test-00000-of-00001.parquet", 7)
        (tmp_path / commit / "assets").mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / commit / "assets/logo.png")
    client(lambda *_, revision=new, **__: str(tmp_path / revision))
    newest, pinned = Hub("cifar10").load(CPU), Hub("cifar10", revision=old).load(CPU)
    assert (newest.revision, pinned.revision) == (new, old)
    assert (len(newest), len(pinned)) == (3, 3)
    assert newest.digest != pinned.digest
    assert newest.account.startswith("cifar10: 3 images; left out: of another part 2")
    again = Augmented(Hub("cifar10"), flip=True).at_revision(old)
    assert again.load(CPU).images.digest == pinned.digest
    assert Hub("cifar10", revision=old).at_revision(new).revision == old
    assert Ring().at_revision(old) == Ring()
    with pytest.raises(ValueError, match=r"revision must name a commit, tag or branch, got '\.\./x'"):
        Hub("cifar10", revision="../x")
