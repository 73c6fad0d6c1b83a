"""The cache of decoded images: used when right, rebuilt when interrupted, damaged or out of date."""

import errno
import json
import os
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from filelock import FileLock
from PIL import Image
from tests.cases.strange_files import put

from paripassu.data import ImageFolder, Npz, cache, images, listing
from paripassu.data.source import digest

CPU = torch.device("cpu")


def _png(seed: int) -> bytes:
    buffer = BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_LEAST_BYTES", 1)
    monkeypatch.setenv("PARIPASSU_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "photos"
    made.mkdir()
    for i in range(4):
        (made / f"{i}.png").write_bytes(_png(i))
    return made


@pytest.fixture
def decoded(monkeypatch):
    """Names of the files decoded so far."""
    names = []
    decode = images._pixels
    monkeypatch.setattr(images, "_pixels", lambda file, *rest: names.append(file.name) or decode(file, *rest))
    return names


def _entries(home):
    return [path for path in home.iterdir() if path.name != ".locks"]


def _load(path, **settings):
    return ImageFolder(path, 8, **settings).load(CPU)


def _expected(*seeds):
    return np.stack([np.asarray(Image.open(BytesIO(_png(seed)))).transpose(2, 0, 1) for seed in seeds])


def test_images_are_decoded_once(folder, decoded):
    first, second = _load(folder), _load(folder)
    assert len(decoded) == 4
    assert np.array_equal(first.pixels.numpy(), _expected(0, 1, 2, 3))
    assert torch.equal(first.pixels, second.pixels)


def test_mapped_pixels_can_be_written_to_without_harm(folder):
    _load(folder)
    _load(folder).pixels.zero_()
    assert np.array_equal(_load(folder).pixels.numpy(), _expected(0, 1, 2, 3))


def test_settings_have_entries_of_their_own(folder, decoded, home):
    _load(folder)
    assert ImageFolder(folder, 4).load(CPU).pixels.shape == (4, 3, 4, 4)
    assert _load(folder, channels=1).pixels.shape == (4, 1, 8, 8)
    assert len(_entries(home)) == 3


@pytest.mark.parametrize("change", ["content", "time", "added", "removed"])
def test_a_changed_source_is_noticed(folder, decoded, home, change):
    _load(folder)
    if change == "content":
        (folder / "1.png").write_bytes(_png(9))
    elif change == "time":
        os.utime(folder / "1.png", ns=(1, 1))
    elif change == "added":
        (folder / "9.png").write_bytes(_png(9))
    else:
        (folder / "1.png").unlink()
    seeds = {"content": (0, 9, 2, 3), "time": (0, 1, 2, 3), "added": (0, 1, 2, 3, 9), "removed": (0, 2, 3)}
    assert np.array_equal(_load(folder).pixels.numpy(), _expected(*seeds[change]))
    assert len(decoded) == 4 + len(seeds[change])
    assert len(_entries(home)) == 1  # in the place of the old


def test_a_changed_zip_of_the_same_size_is_noticed(tmp_path, decoded):
    path = tmp_path / "photos.zip"
    for colour in (1, 2):
        buffer = BytesIO()
        Image.new("RGB", (8, 8), (colour, 0, 0)).save(buffer, "BMP")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.bmp", buffer.getvalue())
        assert _load(path).pixels[0, 0, 0, 0] == colour


class _Interrupted(Exception):
    pass


def test_an_interrupted_cache_is_rebuilt(folder, home, monkeypatch):
    def interrupted(*_):
        raise _Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(cache, "digest", interrupted)  # decoded, not yet whole
        with pytest.raises(_Interrupted):
            _load(folder)
    assert not _entries(home)
    assert np.array_equal(_load(folder).pixels.numpy(), _expected(0, 1, 2, 3))


@pytest.mark.parametrize(
    "harm", ["bit", "cut", "empty", "index", "no index", "no pixels", "pipe", "pipe as index"]
)
def test_a_damaged_cache_is_rebuilt(folder, home, decoded, harm):
    _load(folder)
    (entry,) = _entries(home)
    pixels, index = entry / "pixels.npy", entry / "index.json"
    if harm == "bit":
        content = bytearray(pixels.read_bytes())
        content[-1] ^= 1
        pixels.write_bytes(content)
    elif harm == "cut":
        pixels.write_bytes(pixels.read_bytes()[:-5])
    elif harm == "empty":
        pixels.write_bytes(b"")
    elif harm == "index":
        index.write_text(json.dumps([1]))
    elif harm.startswith("pipe"):
        put("a named pipe", pixels if harm == "pipe" else index)
    else:
        (index if harm == "no index" else pixels).unlink()
    assert np.array_equal(_load(folder).pixels.numpy(), _expected(0, 1, 2, 3))
    assert len(decoded) == 8


def test_bad_images_are_remembered(folder, decoded):
    (folder / "1.png").write_bytes(b"not a picture")
    for _ in range(2):
        loaded = _load(folder, on_bad_image="skip")
        assert np.array_equal(loaded.pixels.numpy(), _expected(0, 2, 3))
        assert [reason.split(" ")[0] for reason in loaded.skipped] == ["1.png"]
        with pytest.raises(ValueError, match="1 of 4 images"):
            _load(folder)
    assert len(decoded) == 4


@pytest.mark.parametrize("policy", ["refuse", "skip"])
def test_an_image_the_disk_failed_to_give_is_not_remembered_as_bad(folder, monkeypatch, policy):
    read = listing.read_whole

    def failing(path):
        if Path(path).name == "2.png":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(listing, "read_whole", failing)
        with pytest.raises(OSError, match=r"Input/output error: '.*2\.png'"):
            _load(folder, on_bad_image=policy)
    assert _load(folder, on_bad_image=policy).skipped == ()


def test_the_good_images_are_mapped_from_disk_as_they_were_compacted(folder, home):
    """Between bad ones, and at both ends."""
    good = np.random.default_rng(0).integers(0, 256, (7, 3, 2, 2), dtype=np.uint8)
    complaints = ["bad" if i in (0, 3, 6) else None for i in range(7)]

    def decode(pixels):
        pixels[:] = good
        return complaints

    entry = cache.CacheEntry("photos", "", "")
    expected = good[[1, 2, 4, 5]]
    for decoded in (entry.write(good.shape, decode), entry.read()):
        assert isinstance(decoded.pixels, np.memmap)
        assert np.array_equal(decoded.pixels, expected)
        assert decoded.complaints == complaints
        assert decoded.digest == digest(torch.from_numpy(expected))


def test_a_process_checks_pixels_once_and_after_changes(folder, home, monkeypatch):
    checks = []
    pieces = cache._pieces
    monkeypatch.setattr(cache, "_pieces", lambda file: checks.append(1) or pieces(file))
    _load(folder)
    _load(folder)
    assert len(checks) == 1  # when they were written
    cache._CHECKED.clear()  # another process
    _load(folder)
    _load(folder)
    assert len(checks) == 2
    (entry,) = _entries(home)
    os.utime(entry / "pixels.npy")
    _load(folder)
    assert len(checks) == 3


@pytest.mark.parametrize("is_new_process", [True, False])
def test_rot_is_found_though_the_time_is_kept(folder, home, decoded, is_new_process):
    _load(folder)
    (entry,) = _entries(home)
    status = (entry / "pixels.npy").stat()
    content = bytearray((entry / "pixels.npy").read_bytes())
    content[-1] ^= 1
    (entry / "pixels.npy").write_bytes(content)
    os.utime(entry / "pixels.npy", ns=(status.st_atime_ns, status.st_mtime_ns))
    if is_new_process:
        cache._CHECKED.clear()
    assert np.array_equal(_load(folder).pixels.numpy(), _expected(0, 1, 2, 3))
    assert len(decoded) == 8


@pytest.mark.parametrize("part", ["digest", "complaints", "fingerprint", "pieces"])
def test_a_changed_index_is_damage(folder, home, decoded, part):
    expected = _load(folder).digest
    (entry,) = _entries(home)
    index = json.loads((entry / "index.json").read_text())
    index[part] = ["a complaint", None, None, None] if part == "complaints" else "another"
    (entry / "index.json").write_text(json.dumps(index))
    loaded = _load(folder)
    assert (len(loaded), loaded.digest, len(decoded)) == (4, expected, 8)


def test_a_file_rewritten_with_its_old_time_is_noticed(folder):
    """As tar and rsync do."""
    _load(folder)
    status = (folder / "1.png").stat()
    changed = _png(9)
    changed += bytes(status.st_size - len(changed)) if len(changed) < status.st_size else b""
    (folder / "1.png").write_bytes(changed)
    os.utime(folder / "1.png", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert np.array_equal(_load(folder).pixels.numpy(), _expected(0, 9, 2, 3))


def test_a_parquet_file_rewritten_with_its_old_time_is_noticed(tmp_path):
    path = tmp_path / "set.parquet"
    for seed in range(2):
        pl.DataFrame({"image": [_png(seed)] * 3}).write_parquet(path)
        os.utime(path, (1, 1))
        assert np.array_equal(_load(path).pixels.numpy(), _expected(*[seed] * 3))


def test_what_killed_processes_left_is_cleared_but_not_of_living_ones(folder, home):
    _load(folder)
    (entry,) = _entries(home)
    own, other = home / f".partial-1-{entry.name}", home / ".partial-2-gone-0123456789ab"
    busy, features = home / ".partial-3-busy-0123456789ab", home / ".partial-4-features.safetensors"
    for leftover in (own, other, busy, features):
        leftover.mkdir()
    (entry / "index.json").unlink()
    with FileLock(home / ".locks" / "busy-0123456789ab"):
        _load(folder)
    assert [path.exists() for path in (own, other, busy, features)] == [False, False, True, False]


def test_entries_have_names_that_every_file_system_takes(tmp_path, home):
    long = tmp_path / ("\u00e9" * 100 + "\udce9")
    long.mkdir()
    (long / "caf\udce9.png").write_bytes(_png(0))
    for _ in range(2):
        assert np.array_equal(_load(long).pixels.numpy(), _expected(0))
    (entry,) = _entries(home)
    assert len(os.fsencode(entry.name)) < 120


def test_arrays_of_pixels_are_read_once(tmp_path, home, monkeypatch):
    path = tmp_path / "set.npz"
    reads = []
    read = Npz.read
    monkeypatch.setattr(Npz, "read", lambda source: reads.append(1) or read(source))
    for level in (1, 2):
        np.savez(path, x=np.full((4, 8, 8, 3), level, np.uint8))
        for resolution in (None, 4, None, 4):
            loaded = Npz(path, resolution).load(CPU)
            assert loaded.shape == (3, resolution or 8, resolution or 8)
            assert (loaded.pixels == level).all()
    assert len(reads) == 4
    assert len(_entries(home)) == 2


def test_a_cache_that_cannot_be_written_says_what_to_do(folder, home, monkeypatch):
    home.write_text("a file")
    with pytest.raises(OSError, match="PARIPASSU_CACHE"):
        _load(folder)
    home.unlink()
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage)
    told = r"need 0 MB in .*cache \(0 MB are free\): make room, or name another folder in PARIPASSU_CACHE"
    with pytest.raises(OSError, match=told):
        _load(folder)
    assert not _entries(home)


def test_little_is_not_cached(folder, home, monkeypatch):
    monkeypatch.setattr(cache, "_LEAST_BYTES", 4 * 3 * 8 * 8 + 1)
    _load(folder)
    assert not home.exists()


@pytest.mark.parametrize("struct", [True, False])
def test_parquet_of_images(tmp_path, struct):
    rows = [_png(seed) for seed in range(3)]
    column = [{"bytes": row, "path": "x.png"} for row in rows] if struct else rows
    pl.DataFrame({"label": [1, 2, 3], "image": column}).write_parquet(tmp_path / "set.parquet")
    assert np.array_equal(_load(tmp_path / "set.parquet").pixels.numpy(), _expected(0, 1, 2))
    assert ImageFolder(tmp_path / "set.parquet", 8).name == "set"


def test_a_folder_of_parquet_files_is_read_in_order(tmp_path):
    shards = tmp_path / "shards"
    shards.mkdir()
    for i in range(3):
        frame = pl.DataFrame({"image": [_png(2 * i), _png(2 * i + 1)]})
        frame.write_parquet(shards / f"train-{i}-of-3.parquet")
    assert np.array_equal(_load(shards).pixels.numpy(), _expected(0, 1, 2, 3, 4, 5))


def test_a_parquet_file_of_no_rows_among_others_is_named(tmp_path):
    for i, rows in enumerate(([_png(0)], [], [_png(1)])):
        frame = pl.DataFrame({"image": rows}, schema={"image": pl.Binary})
        frame.write_parquet(tmp_path / f"train-{i}-of-3.parquet")
    loaded = _load(tmp_path)
    assert len(loaded) == 2
    assert "train-1-of-3.parquet (a Parquet file of no rows)" in loaded.skipped


def test_bad_parquet(tmp_path):
    path = tmp_path / "set.parquet"
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(ValueError, match="no intact Parquet"):
        _load(path)
    pl.DataFrame({"label": [1]}).write_parquet(path)
    with pytest.raises(ValueError, match="no column of image bytes, only label"):
        _load(path)
    pl.DataFrame({"image": [_png(0), None, b"junk"]}).write_parquet(path)
    with pytest.raises(ValueError, match=r"2 of 3 images .* set.parquet row 1 \(no bytes\)"):
        _load(path)
