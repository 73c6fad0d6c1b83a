"""Measurements of a generator, pure on samples or features; the feature network is passed in."""

from paripassu.metrics.digits import DigitFeatures
from paripassu.metrics.features import FeatureNetwork
from paripassu.metrics.frechet import frechet_distance
from paripassu.metrics.kernel import kernel_distance
from paripassu.metrics.manifold import ManifoldScores, manifold_scores
from paripassu.metrics.modes import ModeCoverage, mode_coverage
from paripassu.metrics.name import better, metric_name
from paripassu.metrics.pixels import PixelFeatures
from paripassu.metrics.triples import TripleCoverage, triple_coverage

__all__ = [
    "DigitFeatures",
    "FeatureNetwork",
    "ManifoldScores",
    "ModeCoverage",
    "PixelFeatures",
    "TripleCoverage",
    "better",
    "frechet_distance",
    "kernel_distance",
    "manifold_scores",
    "metric_name",
    "mode_coverage",
    "triple_coverage",
]
