"""Sources of real samples: digits and mixtures need no download; any folder or zip of images will do."""

from paripassu.data.augmented import Augmented
from paripassu.data.digits import Digits
from paripassu.data.images import ImageFolder
from paripassu.data.mixtures import Grid, Mixture, MixtureSamples, Ring
from paripassu.data.source import ImageSet, Samples, Source, to_bytes, to_unit
from paripassu.data.wanted import Wanted

__all__ = [
    "Augmented",
    "Digits",
    "Grid",
    "ImageFolder",
    "ImageSet",
    "Mixture",
    "MixtureSamples",
    "Ring",
    "Samples",
    "Source",
    "Wanted",
    "to_bytes",
    "to_unit",
]
