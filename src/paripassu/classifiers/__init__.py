"""Small classifiers of digits as problems that `paripassu.theory.play` plays, and how robust they are."""

from paripassu.classifiers.attacks import accuracy, attacked_accuracy, margins, noisy_accuracy
from paripassu.classifiers.classifier import Classifier
from paripassu.classifiers.frequency import amount, pattern, without_frequency
from paripassu.classifiers.gan import DigitsGan
from paripassu.classifiers.network import Network, lipschitz_bound, matrix_of
from paripassu.classifiers.plain import Convolutional, Perceptron
from paripassu.classifiers.scale_invariant import (
    ScaleInvariantAttention,
    ScaleInvariantPerceptron,
    shares,
)

__all__ = [
    "Classifier",
    "Convolutional",
    "DigitsGan",
    "Network",
    "Perceptron",
    "ScaleInvariantAttention",
    "ScaleInvariantPerceptron",
    "accuracy",
    "amount",
    "attacked_accuracy",
    "lipschitz_bound",
    "margins",
    "matrix_of",
    "noisy_accuracy",
    "pattern",
    "shares",
    "without_frequency",
]
