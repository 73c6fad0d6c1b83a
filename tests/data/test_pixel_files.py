"""npz, IDX and CIFAR's batches: what was written is what is read, and damage is named."""

import gzip
import struct
import zipfile
from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
import torch
from tests.cases.idx import idx

from paripassu.data import Cifar, Idx, Npz, cache

CPU = torch.device("cpu")


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((5, 8, 8), (0, None, 1, 2)), ((5, 8, 6, 3), (0, 3, 1, 2)), ((5, 1, 6, 8), (0, 1, 2, 3))],
)
def test_npz_in_every_layout(tmp_path, shape, axes):
    images = noise(*shape)
    np.savez_compressed(tmp_path / "set.npz", x=images, labels=np.arange(5), names=np.array(["a"] * 5))
    source = Npz(tmp_path / "set.npz")
    expected = images[:, None] if None in axes else images.transpose(axes)
    assert np.array_equal(source.load(CPU).pixels.numpy(), expected)
    assert source.name == "set"


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"labels": np.arange(5)}, "0 arrays of images.*labels int64"),
        ({"a": noise(2, 4, 4), "b": noise(2, 4, 4)}, "2 arrays of images"),
        ({"x": noise(2, 4, 4, 2)}, r"0 arrays of images.*x uint8 \[2, 4, 4, 2\]"),
        ({"x": np.zeros((2, 4, 4), np.float32)}, "float32"),
        ({"x": np.array([{}], dtype=object)}, "no intact .npz of plain arrays"),
        ({"x": noise(0, 4, 4)}, "holds no images"),
    ],
)
def test_npz_of_something_else(tmp_path, arrays, told):
    np.savez(tmp_path / "set.npz", **arrays)
    with pytest.raises(ValueError, match=told):
        Npz(tmp_path / "set.npz").load(CPU)


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x93NUMPY"])
def test_damaged_npz(tmp_path, content):
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(ValueError, match="no intact"):
        Npz(tmp_path / "set.npz").load(CPU)


@pytest.mark.parametrize("packed", [False, True])
def test_idx_gzipped_or_not(tmp_path, packed):
    images = noise(7, 5, 6)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(gzip.compress(idx(images)) if packed else idx(images))
    assert np.array_equal(Idx(path).load(CPU).pixels.numpy(), images[:, None])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\0\0\x08\x01" + struct.pack(">I", 3) + b"123", "starts with 00000801"),
        (idx(noise(7, 5, 6))[:-1], "should hold 7 images of 5 x 6, but has 209"),
        (gzip.compress(idx(noise(7, 5, 6)))[:-20], "damaged gzip"),
        (b"", "no IDX file"),
    ],
)
def test_damaged_idx(tmp_path, content, told):
    (tmp_path / "images-ubyte").write_bytes(content)
    with pytest.raises(ValueError, match=told):
        Idx(tmp_path / "images-ubyte").load(CPU)


def test_cifar_10_batches_in_order(tmp_path):
    images = noise(6, 3, 32, 32)
    for batch in (2, 1):
        records = [bytes([9]) + image.tobytes() for image in images[3 * batch - 3 : 3 * batch]]
        (tmp_path / f"data_batch_{batch}.bin").write_bytes(b"".join(records))
    (tmp_path / "test_batch.bin").write_bytes(bytes(3073))
    assert Cifar.is_at(tmp_path)
    assert np.array_equal(Cifar(tmp_path).load(CPU).pixels.numpy(), images)


def test_cifar_100_has_two_labels(tmp_path):
    images = noise(4, 3, 32, 32)
    (tmp_path / "train.bin").write_bytes(b"".join(b"\1\2" + image.tobytes() for image in images))
    assert np.array_equal(Cifar(tmp_path).load(CPU).pixels.numpy(), images)


def test_damaged_cifar(tmp_path):
    assert not Cifar.is_at(tmp_path)
    with pytest.raises(ValueError, match="binary version"):
        Cifar(tmp_path).load(CPU)
    (tmp_path / "data_batch_1.bin").write_bytes(bytes(3072))
    with pytest.raises(ValueError, match="no multiple of the 3,073"):
        Cifar(tmp_path).load(CPU)


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_batch_of_cifar_that_is_empty_is_damage(tmp_path, lost):
    for number in range(1, 4):
        (tmp_path / f"data_batch_{number}.bin").write_bytes(bytes(0 if number == lost else 3073))
    with pytest.raises(ValueError, match=rf"data_batch_{lost}\.bin is empty: fetch it anew"):
        Cifar(tmp_path).load(CPU)


@pytest.mark.parametrize("lost", [1, 2])
def test_a_missing_batch_of_cifar_is_named(tmp_path, lost):
    for number in {1, 2, 3} - {lost}:
        (tmp_path / f"data_batch_{number}.bin").write_bytes(bytes(3073))
    with pytest.raises(ValueError, match=rf"data_batch_{lost}\.bin is missing: fetch it anew"):
        Cifar(tmp_path).load(CPU)


@pytest.mark.parametrize("resolution", [None, 4])
def test_files_of_no_images_are_refused(tmp_path, resolution):
    (tmp_path / "t.idx3-ubyte").write_bytes(idx(noise(0, 8, 8)))
    np.savez(tmp_path / "t.npz", x=noise(0, 8, 8))
    for source in (Idx(tmp_path / "t.idx3-ubyte", resolution), Npz(tmp_path / "t.npz", resolution)):
        with pytest.raises(ValueError, match="holds no images: give one that does"):
            source.load(CPU)


def test_pixels_are_brought_to_a_resolution(tmp_path):
    images = np.full((3, 8, 12), 200, np.uint8)
    images[:, :, :2] = images[:, :, -2:] = 0  # outside the central square
    np.savez(tmp_path / "set.npz", x=images)
    loaded = Npz(tmp_path / "set.npz", resolution=8).load(CPU).pixels
    assert loaded.shape == (3, 1, 8, 8)
    assert (loaded == 200).all()
    np.savez(tmp_path / "colour.npz", x=noise(2, 4, 4, 3))
    assert Npz(tmp_path / "colour.npz", resolution=2).load(CPU).pixels.shape == (2, 3, 2, 2)


def test_only_what_is_slow_is_kept(tmp_path, monkeypatch):
    """CIFAR and MNIST at their own size are read as fast as a cache is checked."""
    monkeypatch.setattr(cache, "_LEAST_BYTES", 1)
    monkeypatch.setenv("PARIPASSU_CACHE", str(tmp_path / "cache"))
    (tmp_path / "train.bin").write_bytes(b"\1\2" + noise(3072).tobytes())
    (tmp_path / "images-ubyte").write_bytes(idx(noise(7, 5, 6)))
    for source in (Cifar(tmp_path), Cifar(tmp_path, 32), Idx(tmp_path / "images-ubyte")):
        source.load(CPU)
    assert not (tmp_path / "cache").exists()
    first, again = (Cifar(tmp_path, 8).load(CPU) for _ in range(2))
    assert torch.equal(first.pixels, again.pixels)
    Idx(tmp_path / "images-ubyte", 4).load(CPU)
    assert len([path for path in (tmp_path / "cache").iterdir() if path.name != ".locks"]) == 2


@pytest.mark.parametrize("kind", [Npz, Idx])
def test_missing_files_and_wrong_settings(tmp_path, kind):
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        kind(tmp_path / "nowhere").load(CPU)
    with pytest.raises(ValueError, match="resolution must be >= 1"):
        kind(tmp_path, resolution=0)
    with pytest.raises(ValueError, match="resolution must be a whole number"):
        kind(tmp_path, resolution=8.0)


SPLIT = {"x_train": noise(3, 4, 4), "x_test": noise(2, 4, 4), "y_train": np.zeros(3), "y_test": np.zeros(2)}


def test_npz_of_parts_gives_the_training_part_or_the_chosen_one(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_LEAST_BYTES", 1)
    monkeypatch.setenv("PARIPASSU_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "set.npz"
    np.savez(path, **SPLIT)
    for _ in range(2):  # from the cache too
        loaded = Npz(path).load(CPU)
        assert len(loaded) == 3
        assert loaded.skipped[0] == "x_test uint8 [2, 4, 4] (of the part test)"
        assert loaded.account.startswith("set: 3 images of the part train; left out: of the part test 1")
    assert len(Npz(path, split="test").load(CPU)) == len(Npz(path, array="x_test").load(CPU)) == 2
    with pytest.raises(ValueError, match=r"no part 'valid', only test, train"):
        Npz(path, split="valid").load(CPU)
    with pytest.raises(ValueError, match=r"2 arrays of images, not one: choose one with --array"):
        Npz(path, split="all").load(CPU)
    with pytest.raises(ValueError, match=r"no array of images 'y_train', it has x_train uint8"):
        Npz(path, array="y_train").load(CPU)
    with pytest.raises(ValueError, match="leave --split out"):
        Npz(path, array="x_test", split="test").load(CPU)


def _member(shape: tuple[int, ...], data: bytes = b"") -> bytes:
    header = BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue() + data


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (_member((10**6, 1000, 1000), b"123"), "promises 1,000,000,000,000 bytes and has 3"),
        (_member((10**40, 4, 4), b"123"), "no intact"),
        (_member((-4, -4, 1), bytes(16)), "no intact"),
        (_member((1, 4, 4), bytes(17)), "promises 16 bytes and has 17"),
        (_member((1, 4, 4))[:20], "no intact"),
        (b"\x93NUMPY\x09\x00", "of version"),
    ],
)
def test_headers_of_npz_are_believed_only_as_far_as_the_bytes(tmp_path, member, said):
    with zipfile.ZipFile(tmp_path / "set.npz", "w") as archive:
        archive.writestr("x.npy", member)
    with pytest.raises(ValueError, match=said):
        Npz(tmp_path / "set.npz").load(CPU)


def test_npz_with_any_byte_changed_is_right_or_refused(tmp_path):
    path, images = tmp_path / "set.npz", noise(20, 8, 8)
    np.savez_compressed(path, x=images)
    data, rng = path.read_bytes(), np.random.default_rng(0)
    for place in rng.integers(len(data), size=150):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << rng.integers(8)]) + data[place + 1 :])
        with suppress(ValueError):
            assert np.array_equal(Npz(path).load(CPU).pixels[:, 0], images)


def test_what_needs_more_than_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("paripassu.data.arrays.os.sysconf", lambda name: 10)
    np.savez(tmp_path / "set.npz", x=noise(5, 8, 8))
    (tmp_path / "a-ubyte").write_bytes(idx(noise(5, 8, 8)))
    for source in (Npz(tmp_path / "set.npz"), Idx(tmp_path / "a-ubyte")):
        with pytest.raises(ValueError, match=r"promises 0.0 GB of images, and this machine has 0.0 GB"):
            source.load(CPU)


def test_idx_is_unpacked_no_further_than_its_header_promises(tmp_path, monkeypatch):
    path, read = tmp_path / "a-ubyte", []
    real = gzip.GzipFile.read
    monkeypatch.setattr(gzip.GzipFile, "read", lambda self, size=-1: read.append(size) or real(self, size))
    for content, said in (
        (bytes(10**7), "no IDX file of images, it starts with 00000000"),
        (idx(noise(1, 2, 2)) + bytes(10**7), "should hold 1 images of 2 x 2, but has more than 4 bytes"),
        (b"\0\0\x08\x03" + struct.pack(">III", *[2**31] * 3), "but has at most"),
    ):
        path.write_bytes(gzip.compress(content))
        with pytest.raises(ValueError, match=said):
            Idx(path).load(CPU)
    assert 0 <= min(read) <= max(read) <= 16
