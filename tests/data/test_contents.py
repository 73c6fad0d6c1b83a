"""What counts as data: every file once, everything else named, one candidate or a choice."""

import os
import socket
import stat
import warnings
import zipfile
from io import BytesIO

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from paripassu.data import Cifar, Idx, ImageFolder, Npz
from paripassu.data.listing import folder_listing
from paripassu.data.splits import split_of

CPU = torch.device("cpu")


def png(level: int) -> bytes:
    buffer = BytesIO()
    Image.new("L", (4, 4), level).save(buffer, "PNG")
    return buffer.getvalue()


def put(folder, *names):
    """Files with a picture each, of the grey level of their place among ``names``, the first one 1."""
    for level, name in enumerate(names, 1):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(level))
    return folder


def zipped(path, *names):
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")  # of a name that is there twice
        for level, name in enumerate(names, 1):
            archive.writestr(name, png(level))
    return path


def parquet(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(columns).write_parquet(path)
    return path


def load(path, **settings):
    return ImageFolder(path, 4, channels=1, **settings).load(CPU)


def levels(loaded) -> list[int]:
    return loaded.pixels[:, 0, 0, 0].tolist()


def passed(loaded) -> list[str]:
    return sorted(each.split(" (")[0] for each in loaded.skipped)


SYSTEMS = [
    *("__MACOSX/._a.png", "c/@eaDir/a.png/SYNOPHOTO_THUMB_M.png", "#recycle/a.png", "$RECYCLE.BIN/a.png"),
    *(".@__thumb/a.png", "@Recycle/a.png", "lost+found/a.png", "System Volume Information/a.png"),
    *(".git/a.png", ".Trash-1000/a.png", "c/.hidden.png", "c/._1.png"),
]


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_what_systems_leave_is_nobodys_image(tmp_path, kind):
    names = ["c/1.png", "c/2.png", *SYSTEMS]
    made = put(tmp_path / "set", *names) if kind == "folder" else zipped(tmp_path / "set.zip", *names)
    loaded = load(made)
    assert levels(loaded) == [1, 2]
    assert len(loaded.skipped) == len(SYSTEMS)
    assert "of Synology 2 (such as" in loaded.account
    assert "of Windows 2" in loaded.account


def test_zips_of_parent_folders_are_read(tmp_path):
    """Info-ZIP writes .. for what was above its folder; nothing is unpacked."""
    made = zipped(tmp_path / "a.zip", "../images/1.png", "images/2.png", "/abs/3.png", "./4.png", "w\\5.png")
    assert sorted(levels(load(made))) == [1, 2, 3, 4, 5]
    assert load(made).skipped == ()
    assert load(zipped(tmp_path / "b.zip", "1.png", "__MACOSX\\._1.png")).account.endswith("(__MACOSX)")


def test_of_members_of_one_name_the_last_counts(tmp_path):
    loaded = load(zipped(tmp_path / "a.zip", "1.png", "2.png", "1.png"))
    assert levels(loaded) == [3, 2]
    assert loaded.skipped == ("1.png (replaced by a later member of the same name)",)


def test_linked_folders_and_files_are_read_once(tmp_path):
    put(tmp_path / "away/deep", "3.png", "4.png")
    made = put(tmp_path / "set", "cats/1.png", "cats/2.png")
    (made / "dogs").symlink_to(tmp_path / "away")
    (made / "again").symlink_to(made / "cats")
    (made / "loop").symlink_to(made)
    (made / "around").symlink_to(tmp_path)
    (made / "puppies").symlink_to(tmp_path / "away/deep")
    (made / "one.png").symlink_to(tmp_path / "away/deep/3.png")
    loaded = load(made)
    assert levels(loaded) == [1, 2, 1, 2, 1]  # cats, dogs, one.png
    assert passed(loaded) == ["again", "around", "loop", "puppies"]
    assert "links 4 (such as again)" in loaded.account


def test_links_to_nothing_are_bad_images(tmp_path):
    made = put(tmp_path / "set", "cats/1.png")
    for name in ("cats/2.png", "dogs", "notes.txt", "self.png"):
        (made / name).symlink_to("self.png" if name == "self.png" else "/nowhere")
    with pytest.raises(ValueError, match=r"3 of 4 images .* cats/2.png \(a link to nothing\), dogs \(a link"):
        load(made)
    assert levels(load(made, on_bad_image="skip")) == [1]


def test_links_in_a_zip_are_bad_images(tmp_path):
    info = zipfile.ZipInfo("dogs")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(zipped(tmp_path / "a.zip", "cats/1.png"), "a") as archive:
        archive.writestr(info, "../dogs")
    with pytest.raises(ValueError, match=r"1 of 2 images .* dogs \(a link, which a zip"):
        load(tmp_path / "a.zip")


def test_folders_that_cannot_be_read_are_not_passed_over(tmp_path, monkeypatch):
    made, scan = put(tmp_path / "set", "cats/1.png", "dogs/2.png"), os.scandir

    def refused(folder):
        if str(folder).endswith("dogs"):
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr("paripassu.data.listing.os.scandir", refused)
    with pytest.raises(ValueError, match=r"1 of 2 .* dogs \(a folder that cannot be read: Permission denied"):
        load(made)


def test_pipes_sockets_and_devices_are_never_opened(tmp_path):
    for name in ("a.zip", "a.parquet", "a.npz", "a-ubyte", "train.bin"):
        os.mkfifo(tmp_path / name)
    pipes = [
        ImageFolder(tmp_path / "a.zip", 4),
        ImageFolder(tmp_path / "a.parquet", 4),
        Npz(tmp_path / "a.npz"),
        Idx(tmp_path / "a-ubyte"),
        Cifar(tmp_path),
    ]
    for source in pipes:
        with pytest.raises(ValueError, match="is a named pipe, neither a file nor a folder: copy"):
            source.load(CPU)
    with pytest.raises(ValueError, match="is a device"):
        load("/dev/zero")
    made = put(tmp_path / "set", "1.png")
    os.mkfifo(made / "p.png")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(made / "s.png"))
        assert load(made).skipped == ("p.png (a named pipe, not a file)", "s.png (a socket, not a file)")


def test_names_of_any_bytes_load_and_are_shown_escaped(tmp_path):
    made = tmp_path / "se\udcfft"
    put(made, "caf\udce9.png", "\x1b]0;owned\x07.txt", "a\u202eb/2.png")
    loaded = load(made)
    assert levels(loaded) == [3, 1]
    assert loaded.skipped == (r"\x1b]0;owned\x07.txt (no image by its name)",)
    (made / "caf\udce9.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"1 of 2 images in .*se\\xfft .* caf\\xe9.png \(no BMP"):
        load(made)
    shards = tmp_path / "shards"
    parquet(shards / "a.parquet", image=[png(5)]).rename(shards / "\udce9.parquet")
    assert levels(load(shards)) == [5]


def test_brackets_in_a_name_are_no_pattern(tmp_path):
    assert levels(load(parquet(tmp_path / "x[1].parquet", image=[png(5)]))) == [5]


def test_everything_else_is_counted_in_the_account(tmp_path):
    made = put(tmp_path / "set", "1.png", "a.txt", "b.json", "rest.zip", ".x")
    loaded = load(made)
    assert loaded.account == (
        "set: 1 images; left out: hidden 1 (.x), other files 2 (such as a.txt), archives 1 (rest.zip)"
    )
    assert load(put(tmp_path / "two", "1.png", "2.png")).account == "two: 2 images"


SPLITS = {
    "folders": (["train/c/1.png", "val/c/2.png", "Test/c/3.png", "extra/4.png"], [1]),
    "within classes": (["c/train/1.png", "c/test/2.png", "d/train/3.png"], [1, 3]),
    "years": (["train2017/1.png", "val2017/2.png"], [1]),
    "letters": (["trainA/1.png", "trainB/2.png", "testA/3.png", "testB/4.png"], [1, 2]),
    "names": (["train_1.png", "test_1.png", "train_2.png"], [3, 1][::-1]),
    "vehicles": (["bus/1.png", "train/2.png", "car/3.png"], [1, 3, 2]),
    "names of vehicles": (["bus 1.png", "train 1.png", "test.png"], [1, 3, 2]),
    "one part": (["train/1.png", "train/2.png"], [1, 2]),
    "words within words": (["trainers/1.png", "latest/2.png", "valley/3.png"], [2, 1, 3]),
}


@pytest.mark.parametrize("case", SPLITS)
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_the_training_part_is_taken_where_names_say_parts(tmp_path, case, kind):
    names, expected = SPLITS[case]
    made = put(tmp_path / "set", *names) if kind == "folder" else zipped(tmp_path / "set.zip", *names)
    loaded = load(made)
    assert levels(loaded) == expected
    assert len(loaded.skipped) == len(names) - len(expected)
    assert ("of the part train" in loaded.account) == (len(names) != len(expected))
    if loaded.skipped:
        assert len(load(made, split="all")) == len(names)


def test_another_part_is_taken_if_it_is_named(tmp_path):
    made = put(tmp_path / "set", "train/1.png", "val/2.png", "test/3.png")
    (made / "train/none").mkdir()
    assert levels(load(made, split="validation")) == levels(load(made, split="val")) == [2]
    assert levels(load(made, split="test")) == [3]
    with pytest.raises(ValueError, match="no part 'tset', only test, train, validation: choose one"):
        load(made, split="tset")
    with pytest.raises(ValueError, match=r"1 folders .* hold no images, the first is train/none"):
        load(made)
    with pytest.raises(
        ValueError, match="parts test, validation, and none for training: choose one with --s"
    ):
        load(put(tmp_path / "none", "test/1.png", "dev/2.png"))
    with pytest.raises(ValueError, match="is not divided into parts: leave --split out"):
        load(put(tmp_path / "plain", "1.png"), split="train")


def test_parts_of_parquet_files_are_those_of_the_hub(tmp_path):
    for level, part in enumerate(("train", "test", "unlabeled", "validation"), 1):
        parquet(tmp_path / f"hf/data/{part}-00000-of-00001.parquet", image=[png(level)])
    assert levels(load(tmp_path / "hf")) == [1]
    assert levels(load(tmp_path / "hf", split="unlabeled")) == [3]
    assert levels(load(tmp_path / "hf", split="all")) == [2, 1, 3, 4]
    shards = tmp_path / "hf/data/train-00000-of-00001.parquet"
    assert levels(load(shards, split="train")) == [1]
    with pytest.raises(ValueError, match="one file and not divided into parts"):
        load(shards, split="test")


@pytest.mark.parametrize(
    "name", ["constrain", "trained", "tested", "evaluate", "divalent", "devil", "latest"]
)
def test_parts_are_whole_words(name):
    assert split_of(name) is None


def test_one_column_of_images_or_a_choice(tmp_path):
    views = parquet(tmp_path / "views.parquet", left=[png(1)], right=[png(2)], label=[0])
    with pytest.raises(ValueError, match=r"2 columns of images, left, right: choose one with --column \(col"):
        load(views)
    with pytest.raises(ValueError, match="no column of images 'label': choose one of left, right"):
        load(views, column="label")
    assert levels(load(views, column="right")) == [2]
    assert levels(load(views, column="left")) == [1]
    masked = load(parquet(tmp_path / "masks.parquet", mask=[png(1)], image=[png(2)], label=[0]))
    assert levels(masked) == [2]
    assert masked.skipped == (
        "mask (Binary) (other columns of images)",
        "label (Int64) (other columns)",
    )
    with pytest.raises(ValueError, match=r"no column of image bytes, only images \(List\(Binary\)\)"):
        load(parquet(tmp_path / "lists.parquet", images=[[png(1)]]))
    with pytest.raises(ValueError, match="no Parquet with columns: leave --column out"):
        load(put(tmp_path / "set", "1.png"), column="image")


def test_a_folder_of_both_images_and_parquet_is_refused(tmp_path):
    """As a clone from the Hub, with a picture for its README."""
    made = put(tmp_path / "set", "assets/logo.png")
    parquet(made / "meta.parquet", label=[1])
    assert levels(load(made)) == [1]
    parquet(made / "data/train.parquet", image=[png(2)])
    with pytest.raises(
        ValueError, match=r"1 images, .* assets/logo.png, and 1 Parquet .* data/train.parquet:"
    ):
        load(made)


def test_a_damaged_part_of_a_parquet_file_is_read_once(tmp_path, monkeypatch):
    from paripassu.data import parquet as module

    path = tmp_path / "set.parquet"
    rows = [np.random.default_rng(i).bytes(400) for i in range(50)]
    pl.DataFrame({"image": rows}).write_parquet(path, compression="zstd")
    data = bytearray(path.read_bytes())
    data[20:400] = bytes(380)
    path.write_bytes(data)
    reads = []
    scan = pl.scan_parquet
    monkeypatch.setattr(module.pl, "scan_parquet", lambda *a, **k: reads.append(1) or scan(*a, **k))
    with pytest.raises(ValueError, match=r"50 of 50 images .* row 0 \(a damaged file"):
        load(path)
    assert len(reads) < 5


def test_a_listing_has_every_file_of_a_folder(tmp_path):
    names = [f"{a}/{b}.png" for a in "xyz" for b in range(3)]
    listing = folder_listing(put(tmp_path / "set", *names))
    assert (sorted(listing.files), listing.folders) == (names, {"x", "y", "z"})
