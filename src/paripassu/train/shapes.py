"""What settings say of samples before data are read, so that unfit networks are refused at once."""

import torch

from paripassu.data import Cifar, Digits, Hub, ImageFolder, Placeholder, Source, StackedDigits
from paripassu.data.arrays import PixelFile
from paripassu.data.mixtures import Mixture
from paripassu.data.source import SourceAround
from paripassu.train.run import Run

_CIFAR = 32
_COLOURS = 3


def check_shape(run: Run) -> None:
    """Raise ``ValueError`` if settings say that the run's networks cannot make its samples; reads no data."""
    shape = known_shape(run.data)
    if shape and run.model.resolutions:
        run.model.square(shape)


def known_shape(source: Source) -> tuple[int, ...] | None:
    """The shape of a source's samples, if its settings say it; an image's channels may be others.

    Raises:
        ValueError: the source is around points, and made for images.

    Example:
        >>> from paripassu.data import Ring
        >>> known_shape(Ring()), known_shape(Digits())
        ((2,), (1, 8, 8))
    """
    inside = source
    while isinstance(inside, SourceAround):
        inside = inside.source
    if isinstance(inside, Mixture):
        return source.load(torch.device("cpu")).shape  # nothing is read
    if isinstance(inside, Digits | StackedDigits):
        return (1 if isinstance(inside, Digits) else _COLOURS, 8, 8)
    side = inside.resolution if isinstance(inside, ImageFolder | PixelFile | Hub | Placeholder) else None
    if side is None and isinstance(inside, Cifar):
        side = _CIFAR
    return None if side is None else (_COLOURS, side, side)
