"""A person's own data: any map-style torch ``Dataset``, or a list or array of samples, read once."""

from collections.abc import Iterator, Sized
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import IterableDataset

from paripassu.data.labels import labels_of
from paripassu.data.source import ImageSet, Samples, Source

_MODES = ("L", "RGB")
_SLACK = 1e-3  # by which resizing or float16 may leave a range


@dataclass(frozen=True)
class PointSet(Samples):
    """A finite set of points, drawn uniformly with replacement.

    Attributes:
        points: ``[N, D]``, float32.
    """

    points: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """``[D]``."""
        return tuple(self.points.shape[1:])

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """``[count, D]`` points."""
        return self.points[
            torch.randint(len(self.points), (count,), generator=generator, device=self.points.device)
        ]


@dataclass(frozen=True)
class FromDataset(Source):
    """The samples of a map-style dataset, read once into memory.

    A sample is an image or a point; of a tuple or list, such as (image, label), its first item. The second
    is its class, for conditional networks.

    | sample | taken as |
    |---|---|
    | PIL image, grey or RGB | an image |
    | uint8 tensor or array, ``[H, W]`` or ``[C, H, W]``, C 1 or 3 | an image, levels 0..255 |
    | uint8 array ``[H, W, C]`` | an image, levels 0..255 |
    | floats of those shapes, none below 0 in the whole dataset | an image, levels in [0, 1] |
    | floats of those shapes, some below 0 | an image, levels in [-1, 1] |
    | floats ``[D]`` | a point |

    Images are kept as 256 levels, so that floats are rounded to the nearest. Random transforms are drawn
    once, while the dataset is read, from a generator of torch's that is seeded alike each time.

    Args:
        dataset: has a length and gives samples by their number; or a function without arguments that makes
            one, which is called where the data are loaded.

    Example:
        >>> pixels = [(torch.zeros(1, 8, 8), 7), (torch.ones(1, 8, 8), 1)]  # (image, label)
        >>> FromDataset(pixels).load(torch.device("cpu")).pixels[:, 0, 0, 0]
        tensor([  0, 255], dtype=torch.uint8)
    """

    dataset: Any

    @property
    def name(self) -> str:
        """The function's or the dataset's class's, in lower case."""
        return getattr(self.dataset, "__name__", type(self.dataset).__name__).lower()

    def load(self, device: torch.device) -> ImageSet | PointSet:
        """All samples.

        Raises:
            ValueError: a sample cannot be used, or differs in shape or kind from the first; it is named.
        """
        return self._load(device, {})

    def labelled(self, device: torch.device, column: str | None = None) -> ImageSet:
        """All images, with the second item of each sample as its class."""
        if column is not None:
            raise ValueError(f"{self.name} has samples with one label each: leave --labels out")
        labels: dict[int, Any] = {}
        loaded = self._load(device, labels)
        if isinstance(loaded, PointSet):
            raise ValueError(  # noqa: TRY004 - a setting is wrong, not an argument
                f"{self.name} holds points, and labels are for images: leave --conditional out"
            )
        lacking = [number for number, label in sorted(labels.items()) if label is None]
        if lacking:
            raise ValueError(
                f"sample {lacking[0]} of {self.name} has no whole number as its second item: "
                "give (image, label), or leave --conditional out"
            )
        ordered = np.array([labels[number] for number in range(len(loaded))])
        return replace(loaded, labels=labels_of(ordered, self.name))

    def _load(self, device: torch.device, labels: dict[int, Any]) -> ImageSet | PointSet:
        """All samples; their labels by number, or None for what is none, are put into ``labels``."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            dataset = self.dataset() if callable(self.dataset) else self.dataset
            is_map = hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
            if isinstance(dataset, IterableDataset) or not is_map:
                raise ValueError(
                    f"{self.name} is a {type(dataset).__name__} without a length and numbered samples: "
                    "give a map-style dataset"
                )
            if not len(cast(Sized, dataset)):
                raise ValueError(f"{self.name} holds no samples: give a dataset that does")
            first = self._sample(dataset, 0, labels)
            if first.ndim == 1:
                points = np.stack([each for _, each in self._samples(dataset, first, labels)])
                return PointSet(torch.from_numpy(points).to(device))
            pixels = self._pixels(dataset, first, labels)
        return ImageSet.on(device, torch.from_numpy(pixels))

    def _pixels(self, dataset: Any, first: NDArray[Any], labels: dict[int, Any]) -> NDArray[np.uint8]:
        levels: Literal["bytes", "0..1", "-1..1"] = "bytes" if first.dtype == np.uint8 else "0..1"
        pixels = np.empty((len(dataset), *first.shape), np.uint8)
        while True:
            for number, image in self._samples(dataset, first, labels):
                if levels == "0..1" and image.min() < -_SLACK:
                    levels = "-1..1"  # so they were all along: read again
                    break
                pixels[number] = _as_bytes(image, levels)
            else:
                return pixels

    def _samples(
        self, dataset: Any, first: NDArray[Any], labels: dict[int, Any]
    ) -> Iterator[tuple[int, NDArray[Any]]]:
        for number in range(len(dataset)):
            sample = self._sample(dataset, number, labels)
            if (sample.shape, sample.dtype) != (first.shape, first.dtype):
                raise ValueError(
                    f"sample {number} of {self.name} is {sample.dtype} {list(sample.shape)}, and sample 0 is "
                    f"{first.dtype} {list(first.shape)}: bring all to one shape and kind"
                )
            yield number, sample

    def _sample(self, dataset: Any, number: int, labels: dict[int, Any]) -> NDArray[Any]:
        try:
            found = dataset[number]
        except Exception as error:  # datasets raise whatever they like
            raise ValueError(
                f"sample {number} of {self.name} cannot be read ({type(error).__name__}: {error}): "
                "mend the dataset"
            ) from error
        labels[number] = _label(found)
        while isinstance(found, tuple | list) and found:
            found = found[0]
        sample = _as_array(found)
        if isinstance(sample, str):
            raise ValueError(  # noqa: TRY004 - a setting is wrong, not an argument
                f"sample {number} of {self.name} is {sample}: give images as uint8, or floats in [0, 1] or "
                "[-1, 1], of [C, H, W] with C 1 or 3, or points as floats [D]"
            )
        return sample


def _label(found: object) -> int | None:
    """The class of a sample that is (image, label); None for any other."""
    second: object = found[1] if isinstance(found, tuple | list) and len(found) > 1 else None
    is_one = isinstance(second, Tensor | np.ndarray) and second.ndim == 0
    value: object = cast(Tensor, second).item() if is_one else second
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return int(cast(int, value)) if is_whole else None


def _as_array(found: object) -> NDArray[Any] | str:
    """An image ``[C, H, W]``, uint8 or float32, or a point ``[D]``, float32; or what it is instead."""
    if isinstance(found, Image.Image):
        if found.mode not in _MODES:
            return f"a PIL image of mode {found.mode}"
        found = np.atleast_3d(np.asarray(found)).transpose(2, 0, 1)
    may_be_last = not isinstance(found, Tensor)  # channels: never in torch
    if isinstance(found, Tensor):
        found = found.detach().cpu()
        found = (found.float() if found.is_floating_point() else found).numpy()
    if not isinstance(found, np.ndarray):
        return f"a {type(found).__name__}"
    array: NDArray[Any] = found
    kind = f"{array.dtype} {list(array.shape)}"
    if array.dtype.kind == "f":
        array = array.astype(np.float32)
        if not np.isfinite(array).all():
            return f"{kind} with NaN or inf"
    elif array.dtype != np.uint8:
        return kind
    if array.ndim == 1 and array.size and array.dtype == np.float32:
        return array
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or not array.size:
        return kind
    if array.shape[0] not in (1, 3):
        if array.shape[2] not in (1, 3) or not may_be_last:
            return kind
        array = array.transpose(2, 0, 1)
    if array.dtype == np.float32 and (array.min() < -1 - _SLACK or array.max() > 1 + _SLACK):
        return f"{kind} with values from {array.min():.4g} to {array.max():.4g}"
    return array


def _as_bytes(image: NDArray[Any], levels: str) -> NDArray[Any]:
    if levels == "bytes":
        return image
    scaled = image * 255 if levels == "0..1" else (image + 1) * 127.5
    return scaled.round().clip(0, 255)
