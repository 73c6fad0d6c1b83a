"""Sources of real samples: digits and mixtures need no download; any folder of images will do."""

from paripassu.data.arrays import PixelFile
from paripassu.data.augmented import Augmented
from paripassu.data.cifar import Cifar
from paripassu.data.dataset import FromDataset, PointSet
from paripassu.data.digits import Digits
from paripassu.data.hub import PUBLISHED, Hub
from paripassu.data.idx import Idx
from paripassu.data.images import ImageFolder
from paripassu.data.labelled import Labelled
from paripassu.data.labels import MOST_CLASSES, Batch, Labels, class_folders, labels_of
from paripassu.data.mixtures import Grid, Mixture, MixtureSamples, Ring
from paripassu.data.npz import Npz
from paripassu.data.placeholder import Placeholder
from paripassu.data.source import ImageSet, Modes, Samples, Source, to_bytes, to_unit
from paripassu.data.spectra import Spectra, SpectraSamples
from paripassu.data.stacked import StackedDigits, StackedMnist, StackedSamples

__all__ = [
    "MOST_CLASSES",
    "PUBLISHED",
    "Augmented",
    "Batch",
    "Cifar",
    "Digits",
    "FromDataset",
    "Grid",
    "Hub",
    "Idx",
    "ImageFolder",
    "ImageSet",
    "Labelled",
    "Labels",
    "Mixture",
    "MixtureSamples",
    "Modes",
    "Npz",
    "PixelFile",
    "Placeholder",
    "PointSet",
    "Ring",
    "Samples",
    "Source",
    "Spectra",
    "SpectraSamples",
    "StackedDigits",
    "StackedMnist",
    "StackedSamples",
    "class_folders",
    "labels_of",
    "to_bytes",
    "to_unit",
]
