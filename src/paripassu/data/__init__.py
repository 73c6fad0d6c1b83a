"""Sources of real samples: digits and mixtures need no download; any folder or zip of images will do."""

from paripassu.data.digits import Digits
from paripassu.data.images import FolderImages, ImageFolder
from paripassu.data.mixtures import Grid, Mixture, MixtureSamples, Ring
from paripassu.data.source import ImageSet, Samples, Source, to_bytes, to_unit

__all__ = [
    "Digits",
    "FolderImages",
    "Grid",
    "ImageFolder",
    "ImageSet",
    "Mixture",
    "MixtureSamples",
    "Ring",
    "Samples",
    "Source",
    "to_bytes",
    "to_unit",
]
