"""npz, IDX and CIFAR's batches: what was written is what is read, and damage is named."""

import gzip
import struct

import numpy as np
import pytest
import torch

from paripassu.data import Cifar, Idx, Npz, cache

CPU = torch.device("cpu")


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def idx(images: np.ndarray) -> bytes:
    return b"\0\0\x08\x03" + struct.pack(">III", *images.shape) + images.tobytes()


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
