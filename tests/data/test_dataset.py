"""Datasets of torch's kind become images or points, and what is neither is named."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import IterableDataset, TensorDataset

from paripassu.data import FromDataset
from paripassu.train.random import Stream, generator

CPU = torch.device("cpu")
LEVELS = torch.randint(256, (6, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
LEVELS[:, :, 0, 0], LEVELS[:, :, 0, 1] = 0, 255  # so that a range shows


def _pixels(dataset) -> torch.Tensor:
    return FromDataset(dataset).load(CPU).pixels


IMAGES = {
    "bytes": LEVELS,
    "arrays": LEVELS.numpy(),
    "channels last": [image.permute(1, 2, 0).numpy() for image in LEVELS],
    "PIL": [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in LEVELS],
    "in [0, 1]": LEVELS / 255,
    "in [-1, 1]": LEVELS / 127.5 - 1,
    "in float16": (LEVELS / 127.5 - 1).half(),
    "in float64": LEVELS.double() / 255,
    "with labels": [(image, 7) for image in LEVELS],
    "TensorDataset": TensorDataset(LEVELS, torch.arange(6)),
    "made when loaded": lambda: LEVELS,
}


@pytest.mark.parametrize("kind", IMAGES)
def test_every_kind_of_image_gives_its_levels(kind):
    levels = _pixels(IMAGES[kind])
    assert torch.equal(levels, LEVELS)
    assert levels.dtype == torch.uint8


@pytest.mark.parametrize("convert", [torch.Tensor.numpy, lambda t: Image.fromarray(t.numpy())])
def test_grey_images_need_no_channel(convert):
    assert torch.equal(_pixels([convert(image) for image in LEVELS[:, 0]]), LEVELS[:, :1])


@pytest.mark.parametrize("height", [1, 2, 3])
def test_low_images_of_pillow_keep_their_channels(height):
    low = LEVELS[:, :, :height]
    pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in low]
    assert torch.equal(_pixels(pictures), low)


def test_the_range_is_that_of_the_whole_dataset():
    """The first image has no negative value, the last one has."""
    dark = torch.full((1, 2, 2), -1.0)
    assert _pixels([torch.zeros(1, 2, 2), dark])[:, 0, 0, 0].tolist() == [128, 0]
    assert _pixels([torch.zeros(1, 2, 2), -dark])[:, 0, 0, 0].tolist() == [0, 255]


def test_points_are_drawn_from_the_dataset():
    points = torch.randn(50, 3)
    loaded = FromDataset(TensorDataset(points)).load(CPU)
    drawn = loaded.draw(200, generator(0, Stream.TRAINING, 0, CPU))
    assert (loaded.shape, drawn.dtype) == ((3,), torch.float32)
    assert {tuple(point) for point in drawn.tolist()} <= {tuple(point) for point in points.tolist()}
    assert torch.equal(drawn, loaded.draw(200, generator(0, Stream.TRAINING, 0, CPU)))


def test_random_transforms_are_the_same_at_each_load():
    class Random(list):
        def __getitem__(self, number):
            return torch.rand(1, 2, 2)

    random = Random([None] * 5)
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(_pixels(random), _pixels(random))
    assert torch.equal(torch.rand(1), expected)


class Failing(list):
    def __getitem__(self, number):
        return {"image": LEVELS[0]}["pixels"]


class Stream_(IterableDataset):
    def __iter__(self):
        return iter(LEVELS)


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ([], r"list holds no samples: give a dataset that does"),
        ([{"image": 1}], r"sample 0 of list is a dict: give images as uint8"),
        ([torch.zeros(2, 3, 3)], r"sample 0 of list is float32 \[2, 3, 3\]"),
        ([torch.zeros(3, dtype=torch.uint8)], r"sample 0 of list is uint8 \[3\]"),
        ([torch.zeros(1, 4, 4, dtype=torch.int64)], r"sample 0 of list is int64 \[1, 4, 4\]"),
        ([torch.full((1, 4, 4), 200.0)], r"float32 \[1, 4, 4\] with values from 200 to 200"),
        ([torch.full((1, 4, 4), torch.nan)], r"float32 \[1, 4, 4\] with NaN or inf"),
        ([Image.new("RGBA", (4, 4))], r"sample 0 of list is a PIL image of mode RGBA"),
        (
            [LEVELS[0], LEVELS[0, :, 1:]],
            r"sample 1 of list is uint8 \[3, 3, 5\], and sample 0 is uint8 \[3, 4, 5\]",
        ),
        ([LEVELS[0], LEVELS[0] / 255], r"sample 1 of list is float32 \[3, 4, 5\], and sample 0 is uint8"),
        (Failing([1]), r"sample 0 of failing cannot be read \(KeyError: 'pixels'\)"),
        (Stream_(), r"stream_ is a Stream_ without a length and numbered samples"),
        (lambda: 3, r"is a int without a length"),
        ([np.zeros((0, 4, 4), np.float32)], r"sample 0 of list is float32 \[0, 4, 4\]"),
    ],
)
def test_unusable_samples_are_named(dataset, said):
    with pytest.raises(ValueError, match=said) as caught:
        FromDataset(dataset).load(CPU)
    assert "\n" not in str(caught.value)
