"""What every source of real samples is: settings that load, and loaded samples to draw from."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import torch
from torch import Tensor

from paripassu.data.labels import Batch, Labels, no_labels
from paripassu.data.prefetch import Prefetcher, fits

_HASHED_AT_ONCE = 256  # images: bounds the memory that those on a GPU take on the host


class Modes(NamedTuple):
    """The modes of a mixture of isotropic Gaussians.

    Attributes:
        centres: ``[K, 2]``.
        std: standard deviation of each coordinate of a mode.
    """

    centres: Tensor
    std: float


class Samples(ABC):
    """Loaded data, on one device. What is drawn depends on the generator's state alone.

    Subclasses write `shape` and `draw`. `images`, `modes` and `is_stacked` decide what is measured of a
    generator that was trained on them (`paripassu.train.measures`). Data with `classes` train conditional
    networks.
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Of one sample: ``[2]`` for points, ``[C, H, W]`` for images."""

    @property
    def images(self) -> "ImageSet | None":
        """The images that samples are, or are made of; None for points."""
        return None

    @property
    def modes(self) -> Modes | None:
        """The modes that a generator should reach, if they are known."""
        return None

    @property
    def is_stacked(self) -> bool:
        """Whether the channels of a sample are three independent `images` of digits."""
        return False

    @abstractmethod
    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """``[count, *shape]`` independent samples, float32; images are in [-1, 1]."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; empty for data without labels."""
        return ()

    def batch(self, count: int, generator: torch.Generator) -> Batch:
        """The samples that `draw` gives, with the class of each where the data have labels."""
        return Batch(self.draw(count, generator))

    def draw_labels(self, count: int, generator: torch.Generator) -> Tensor | None:  # noqa: ARG002 - most have none
        """``[count]`` independent labels, as frequent as in the data; None, and no draw, without labels."""
        return None

    def expect(self, seed: int, counts: Sequence[int]) -> None:  # noqa: B027 - most have nothing to prepare
        """Prepare the draws of ``counts`` samples, draw by draw, that a generator of ``seed`` will make."""


class Source(ABC):
    """Where real samples come from: a frozen dataclass of settings.

    Subclasses write `load`, which for images returns an `ImageSet`.

    Example:
        >>> class Noise(Source):
        ...     def load(self, device):
        ...         return ImageSet.on(device, torch.randint(256, (100, 1, 8, 8), dtype=torch.uint8))
        >>> Noise().load(torch.device("cpu")).shape
        (1, 8, 8)
    """

    @property
    def name(self) -> str:
        """A short name for tables and files; by default the class's in lower case."""
        return type(self).__name__.lower()

    @property
    def features(self) -> str:
        """The network on whose features its images are measured, one of `paripassu.metrics.NETWORKS`."""
        return "pixels8"

    @property
    def is_labelled(self) -> bool:
        """Whether what `load` gives has labels, so that networks are conditional."""
        return False

    def at_revision(self, revision: str) -> "Source":  # noqa: ARG002 - most have no revisions
        """This source with the data that it had at ``revision``, one that `ImageSet.revision` named."""
        return self

    @abstractmethod
    def load(self, device: torch.device) -> Samples:
        """Read or make the data.

        Raises:
            ValueError: the data cannot be used; the message says what to do.
        """

    def labelled(self, device: torch.device, column: str | None = None) -> "ImageSet":  # noqa: ARG002 - the interface's
        """As `load`, with `ImageSet.labels`: what `Labelled` loads.

        Args:
            device: as for `load`.
            column: which labels, of sources that may have several; None for the only ones.

        Raises:
            ValueError: the source has no labels; the message says what to do.
        """
        raise no_labels(self.name)


@dataclass(frozen=True)
class SourceAround(Source):
    """A source that hands out another source's images in its own way.

    Args:
        source: of images.
    """

    source: Source

    @property
    def name(self) -> str:
        """The source's."""
        return self.source.name

    @property
    def features(self) -> str:
        """The source's."""
        return self.source.features

    def at_revision(self, revision: str) -> Self:
        """Around the source's images at ``revision``."""
        return replace(self, source=self.source.at_revision(revision))


@dataclass(frozen=True)
class ImageSet(Samples):
    """A finite set of images, drawn uniformly with replacement.

    Attributes:
        pixels: ``[N, C, H, W]``, uint8.
        skipped: path and reason of everything in the source that is not among the images.
        prefetcher: brings batches to the device; None if ``pixels`` are there.
        known: their `digest`, if it is known already.
        account: what was taken of the source and what was left out, in one line.
        revision: of the published set that they are; empty for others.
        labels: the class of each; None without.
    """

    pixels: Tensor
    skipped: tuple[str, ...] = ()
    prefetcher: Prefetcher | None = None
    known: str = ""
    account: str = ""
    revision: str = ""
    labels: Labels | None = None

    @classmethod
    def on(
        cls,
        device: torch.device,
        pixels: Tensor,
        skipped: tuple[str, ...] = (),
        known: str = "",
        account: str = "",
    ) -> Self:
        """Of ``pixels`` on the host: moved to the device if they fit there, else sent batch by batch."""
        if fits(pixels, device):
            return cls(pixels.to(device), skipped, None, known, account)
        return cls(pixels, skipped, Prefetcher(pixels, device), known, account)

    @cached_property
    def digest(self) -> str:
        """The pixels' `digest`."""
        return self.known or digest(self.pixels)

    @property
    def images(self) -> "ImageSet":
        """This set."""
        return self

    @property
    def device(self) -> torch.device:
        """Where images are handed out."""
        return self.prefetcher.device if self.prefetcher else self.pixels.device

    @property
    def shape(self) -> tuple[int, ...]:
        """``[C, H, W]``."""
        return tuple(self.pixels.shape[1:])

    def __len__(self) -> int:
        return len(self.pixels)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """``[count, C, H, W]`` images in [-1, 1]."""
        return to_unit(self.draw_bytes(count, generator))

    def draw_bytes(self, count: int, generator: torch.Generator) -> Tensor:
        """``[count, C, H, W]``, uint8, from the stored images."""
        return self.batch_bytes(count, generator).samples

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; empty without labels."""
        return self.labels.names if self.labels else ()

    def batch(self, count: int, generator: torch.Generator) -> Batch:
        """The images that `draw` gives, with their classes."""
        pixels, labels = self.batch_bytes(count, generator)
        return Batch(to_unit(pixels), labels)

    def batch_bytes(self, count: int, generator: torch.Generator) -> Batch:
        """The images that `draw_bytes` gives, with their classes."""
        if self.prefetcher:
            pixels, chosen = self.prefetcher.draw_numbered(count, generator)
        else:
            chosen = torch.randint(len(self), (count,), generator=generator, device=self.device)
            pixels = self.pixels[chosen]
        return Batch(pixels, self.labels.numbers[chosen.to(self.device)] if self.labels else None)

    def draw_labels(self, count: int, generator: torch.Generator) -> Tensor | None:
        """``[count]`` labels, each that of an image drawn uniformly."""
        if not self.labels:
            return None
        return self.labels.numbers[
            torch.randint(len(self), (count,), generator=generator, device=self.device)
        ]

    def of_class(self, number: int) -> "ImageSet":
        """The images of one class alone."""
        assert self.labels
        chosen = (self.labels.numbers == number).nonzero().flatten()
        return ImageSet.on(self.device, self.pixels[chosen.to(self.pixels.device)])

    def expect(self, seed: int, counts: Sequence[int]) -> None:
        """Gather those batches now, if the images are not on the device."""
        if self.prefetcher:
            self.prefetcher.expect(seed, counts)

    def at(self, chosen: Tensor) -> Tensor:
        """The images of these indices, in [-1, 1]."""
        return to_unit(self.pixels[chosen.to(self.pixels.device)].to(self.device))


def digest(pixels: Tensor) -> str:
    """SHA-256 of the shape and the bytes of ``[N, ...]``, uint8, on any device."""
    hashed = hashlib.sha256(str(list(pixels.shape)).encode())
    for part in pixels.split(_HASHED_AT_ONCE):
        hashed.update(part.cpu().contiguous().numpy().data)
    return hashed.hexdigest()


def to_unit(pixels: Tensor) -> Tensor:
    """Bytes 0..255 as float32 in [-1, 1]."""
    return pixels.float() / 127.5 - 1


def to_bytes(images: Tensor) -> Tensor:
    """The inverse of `to_unit`, rounded and clipped."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
