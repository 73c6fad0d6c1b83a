"""The feature networks by the names they have in metrics."""

from collections.abc import Mapping
from types import MappingProxyType

from paripassu.metrics.digits import DigitFeatures, MnistFeatures
from paripassu.metrics.efficientnet import EfficientNetLite0Features
from paripassu.metrics.features import FeatureNetwork
from paripassu.metrics.inception import InceptionFeatures
from paripassu.metrics.pixels import PixelFeatures

NETWORKS: Mapping[str, FeatureNetwork] = MappingProxyType(
    {
        network.name: network
        for network in (
            DigitFeatures(),
            MnistFeatures(),
            PixelFeatures(),
            EfficientNetLite0Features(),
            InceptionFeatures(),
        )
    }
)
"""Feature networks by the name that a metric has."""
