"""Measurements of a generator, pure on samples or features; the feature network is passed in."""

from paripassu.metrics.digits import ClassifierFeatures, DigitFeatures, MnistFeatures
from paripassu.metrics.efficientnet import EfficientNetLite0Features
from paripassu.metrics.feature_metric import MAX_PAIRED_SAMPLES, FeatureMetric, FeatureSample, Kind, score
from paripassu.metrics.features import FeatureNetwork
from paripassu.metrics.frechet import frechet_distance
from paripassu.metrics.inception import InceptionFeatures
from paripassu.metrics.manifold import ManifoldScores, manifold_scores
from paripassu.metrics.mmd import kernel_distance
from paripassu.metrics.modes import ModeCoverage, mode_coverage
from paripassu.metrics.moments import Moments
from paripassu.metrics.name import metric_name
from paripassu.metrics.networks import NETWORKS
from paripassu.metrics.pixels import PixelFeatures
from paripassu.metrics.triples import TripleCoverage, triple_coverage
from paripassu.records import better

__all__ = [
    "MAX_PAIRED_SAMPLES",
    "NETWORKS",
    "ClassifierFeatures",
    "DigitFeatures",
    "EfficientNetLite0Features",
    "FeatureMetric",
    "FeatureNetwork",
    "FeatureSample",
    "InceptionFeatures",
    "Kind",
    "ManifoldScores",
    "MnistFeatures",
    "ModeCoverage",
    "Moments",
    "PixelFeatures",
    "TripleCoverage",
    "better",
    "frechet_distance",
    "kernel_distance",
    "manifold_scores",
    "metric_name",
    "mode_coverage",
    "score",
    "triple_coverage",
]
