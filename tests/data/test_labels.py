"""Labels: where each source has them, what of them is refused, and that they follow their images."""

import gzip
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.datasets import load_digits
from tests.cases.idx import idx
from tests.cases.labelled import levels
from tests.data.test_contents import png, put, zipped

from paripassu.data import (
    Augmented,
    Cifar,
    Digits,
    FromDataset,
    Idx,
    ImageFolder,
    ImageSet,
    Labelled,
    Npz,
    Ring,
    Source,
    StackedDigits,
    labels_of,
    to_bytes,
)
from paripassu.data.augmented import AugmentedSamples
from paripassu.data.prefetch import Prefetcher

CPU = torch.device("cpu")


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def folder(path, **settings) -> Labelled:
    return Labelled(ImageFolder(path, 4, channels=1, **settings))


def named(source: Labelled) -> list[tuple[int, str]]:
    """The level of each image and the name of its class."""
    loaded = source.load(CPU)
    return [
        (int(pixels[0, 0, 0]), loaded.classes[number])
        for pixels, number in zip(loaded.pixels, loaded.labels.numbers, strict=True)
    ]


# --- where sources have them


@pytest.mark.parametrize(
    ("names", "split", "classes"),
    [
        (["cat/1.png", "dog/2.png", "dog/old/3.png"], None, ["cat", "dog", "dog"]),
        (["set/cat/1.png", "set/dog/2.png"], None, ["cat", "dog"]),
        (["train/cat/1.png", "train/dog/2.png", "val/cat/3.png"], None, ["cat", "dog"]),
        (["test/cat/1.png", "train/cat/2.png", "train/dog/3.png"], "all", ["cat", "cat", "dog"]),
        (["bus/1.png", "train/2.png"], None, ["bus", "train"]),
    ],
)
def test_folders_of_classes(tmp_path, names, split, classes):
    expected = list(enumerate(classes, 1))
    assert named(folder(put(tmp_path / "set", *names), split=split)) == expected
    assert named(folder(zipped(tmp_path / "set.zip", *names), split=split)) == expected


def test_a_bad_image_takes_its_label_with_it(tmp_path):
    put(tmp_path, "a/1.png", "b/2.png", "b/3.png", "c/4.png")
    (tmp_path / "b" / "2.png").write_bytes(b"broken")
    assert named(folder(tmp_path, on_bad_image="skip")) == [(1, "a"), (3, "b"), (4, "c")]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["1.png", "2.png"], "2 images in no folder of a class, the first is 1.png"),
        (["a/1.png", "2.png"], "1 images in no folder of a class, the first is 2.png"),
        (["a/1.png", "a/2.png"], "of one class, a"),
    ],
)
def test_folders_that_say_no_classes(tmp_path, names, told):
    with pytest.raises(ValueError, match=told):
        folder(put(tmp_path, *names)).load(CPU)


def parquet(path, **columns):
    images = [png(level) for level in range(1, 1 + len(next(iter(columns.values()))))]
    pl.DataFrame({"image": images, **columns}).write_parquet(path)
    return path


def test_columns_of_parquet(tmp_path):
    one = parquet(tmp_path / "one.parquet", label=[5, 2, 5], text=["x", "y", "z"])
    several = parquet(tmp_path / "two.parquet", fine=[1, 2, 3], coarse=[0, 1, 1])
    assert named(folder(one)) == [(1, "5"), (2, "2"), (3, "5")]
    chosen = replace(folder(several), column="coarse")
    assert named(chosen) == [(1, "0"), (2, "1"), (3, "1")]


@pytest.mark.parametrize(
    ("columns", "column", "told"),
    [
        ({"fine": [1, 2], "coarse": [0, 1]}, None, "no column that must be its labels.*--labels"),
        ({"text": ["a", "b"]}, None, "no column that must be its labels"),
        ({"label": [0.5, 1.0]}, "label", "no column of whole numbers 'label'.*Float64"),
        ({"label": [0, 1]}, "class", "no column of whole numbers 'class'"),
        ({"label": [0, None]}, None, "1 rows without a label"),
        ({"label": [0, -1]}, None, "label -1: number classes from 0"),
    ],
)
def test_columns_that_are_no_labels(tmp_path, columns, column, told):
    source = replace(folder(parquet(tmp_path / "a.parquet", **columns)), column=column)
    with pytest.raises(ValueError, match=told):
        source.load(CPU)


def test_a_column_is_for_tables(tmp_path):
    put(tmp_path, "a/1.png", "b/2.png")
    with pytest.raises(ValueError, match="leave --labels out, folders are its classes"):
        replace(folder(tmp_path), column="label").load(CPU)


def npz(path, **arrays) -> Labelled:
    np.savez(path / "set.npz", **arrays)
    return Labelled(Npz(path / "set.npz"))


def test_arrays_of_an_npz(tmp_path):
    images = np.zeros((3, 4, 4), np.uint8)
    divided = npz(
        tmp_path, x_train=images, y_train=[[3], [4], [3]], x_test=images[:2], y_test=[0, 1], size=[1.0] * 3
    )
    assert divided.load(CPU).labels.numbers.tolist() == [0, 1, 0]
    assert divided.load(CPU).classes == ("3", "4")
    several = npz(tmp_path, images=images, fine=[0, 1, 2], coarse=[0, 0, 1])
    assert replace(several, column="coarse").load(CPU).labels.numbers.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("arrays", "column", "told"),
    [
        ({}, None, "no array of labels"),
        ({"a": [0, 1, 2], "b": [0, 1, 2]}, None, "2 arrays of labels.*--labels"),
        ({"a": [0, 1]}, "a", "give one label an image"),
        ({"a": [0.0, 1.5, 2.0]}, "a", "float64.*give one whole number a sample"),
        ({"a": [0, 1, 2]}, "b", "no array of labels 'b'"),
    ],
)
def test_arrays_that_are_no_labels(tmp_path, arrays, column, told):
    source = npz(tmp_path, images=np.zeros((3, 4, 4), np.uint8), **arrays)
    with pytest.raises(ValueError, match=told):
        replace(source, column=column).load(CPU)


@pytest.mark.parametrize(("file", "before"), [("data_batch_1.bin", b""), ("train.bin", b"\7")])
def test_cifars_labels_are_the_finest(tmp_path, file, before):
    (tmp_path / file).write_bytes(
        b"".join(before + bytes([label]) + bytes([9]) * 3072 for label in (4, 1, 4))
    )
    loaded = Labelled(Cifar(tmp_path)).load(CPU)
    assert (loaded.classes, loaded.labels.numbers.tolist()) == (("1", "4"), [1, 0, 1])
    assert torch.equal(loaded.pixels, torch.full((3, 3, 32, 32), 9, dtype=torch.uint8))


def test_labels_beside_idx(tmp_path):
    images, labels = idx(np.zeros((3, 2, 2))), idx([7, 0, 7])
    (tmp_path / "train-images-idx3-ubyte").write_bytes(images)
    source = Labelled(Idx(tmp_path / "train-images-idx3-ubyte"))
    with pytest.raises(ValueError, match=r"no .*train-labels-idx1-ubyte with the labels"):
        source.load(CPU)
    for damaged in (b"", labels[:6], labels[:9], labels + b"\0", images):
        (tmp_path / "train-labels-idx1-ubyte").write_bytes(damaged)
        with pytest.raises(ValueError, match="no intact IDX file of labels"):
            source.load(CPU)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(labels)
    assert source.load(CPU).labels.numbers.tolist() == [1, 0, 1]
    (tmp_path / "a-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
    (tmp_path / "a-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    assert Labelled(Idx(tmp_path / "a-images-idx3-ubyte.gz")).load(CPU).classes == ("0", "7")


def test_digits_have_the_labels_of_scikit_learn():
    loaded = Labelled(Digits()).load(CPU)
    assert np.array_equal(loaded.labels.numbers.numpy(), load_digits().target)
    assert torch.equal(loaded.pixels, Digits().load(CPU).pixels)


def test_second_items_of_a_dataset():
    images = [torch.full((1, 4, 4), level - 1.0) for level in (0, 1, 2)]  # read twice: some are below 0
    pairs = list(zip(images, (np.int64(4), torch.tensor(2), 4), strict=True))
    assert Labelled(FromDataset(pairs)).load(CPU).labels.numbers.tolist() == [1, 0, 1]


@pytest.mark.parametrize("second", [(), ("cat",), (1.5,), (True,), (torch.zeros(2),)])
def test_samples_without_a_label(second):
    pairs = [(torch.zeros(1, 4, 4), 0), (torch.zeros(1, 4, 4), *second)]
    with pytest.raises(ValueError, match="sample 1 of list has no whole number as its second item"):
        Labelled(FromDataset(pairs)).load(CPU)


@pytest.mark.parametrize("source", [Ring(), StackedDigits(), FromDataset([torch.zeros(3)])], ids=str)
def test_data_without_labels(source):
    with pytest.raises(ValueError, match="leave --conditional out"):
        Labelled(source).load(CPU)


@dataclass(frozen=True)
class Wrong(Source):
    def load(self, device):
        return levels()

    def labelled(self, device, column=None):
        found = levels()
        return {
            None: None,
            "few": replace(found, labels=found.labels._replace(numbers=torch.zeros(1).long())),
        }[column]


def test_an_own_source_that_labels_wrongly():
    for column, told in ((None, "let its labelled return"), ("few", "11 images and 1 labels")):
        with pytest.raises(ValueError, match=told):
            Labelled(Wrong(), column).load(CPU)
    with pytest.raises(ValueError, match="labels already"):
        Labelled(Labelled(Digits()))
    with pytest.raises(ValueError, match=r"labels of digits go inside: give Augmented\(Labelled\(source\)"):
        Labelled(Augmented(Digits(), flip=True)).load(CPU)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.array([1, 1]), "of one class, 1"),
        (np.array([0.0, 1.0]), "one whole number a sample"),
        (np.array([True, False]), "one whole number a sample"),
        (np.zeros((2, 2), int), "one whole number a sample"),
        (np.arange(10_001), "10,001 classes, more than 10,000"),
    ],
)
def test_what_labels_cannot_be(values, told):
    with pytest.raises(ValueError, match=told):
        labels_of(values, "set")


# --- labels follow their images


def held_elsewhere(images: ImageSet) -> ImageSet:
    return replace(images, prefetcher=Prefetcher(images.pixels, CPU))


SAMPLES = {
    "stored": levels(),
    "gathered ahead": held_elsewhere(levels()),
    "mirrored": AugmentedSamples(levels(), flip=True),
}


@pytest.mark.parametrize("samples", SAMPLES.values(), ids=SAMPLES)
def test_labels_follow_their_images(samples):
    images, labels = samples.batch(50, rng())
    assert torch.equal(to_bytes(images)[:, 0, 0, 0].long(), labels)
    assert torch.equal(images, samples.draw(50, rng()))
    samples.expect(3, [50])
    assert torch.equal(samples.batch(50, rng(3)).samples, samples.draw(50, rng(3)))


@pytest.mark.parametrize("samples", SAMPLES.values(), ids=SAMPLES)
def test_labels_are_as_frequent_as_in_the_data(samples):
    shares = samples.draw_labels(20_000, rng()).bincount() / 20_000
    assert torch.allclose(shares, torch.tensor([4.0, 4.0, 3.0]) / 11, atol=0.01)


@pytest.mark.parametrize(
    "source", [Digits(), Augmented(Digits(), flip=True, dequantize=True), Ring()], ids=str
)
def test_data_without_labels_draw_what_they_drew(source):
    real = source.load(CPU)
    first, second = rng(1), rng(1)
    samples, labels = real.batch(5, first)
    assert labels is None
    assert torch.equal(samples, real.draw(5, second))
    assert real.draw_labels(5, first) is None
    assert torch.equal(first.get_state(), second.get_state())
    assert real.classes == ()
