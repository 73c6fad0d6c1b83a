"""Names and choices that options list, without the modules that define what they stand for.

A command line is parsed, and its help printed, before torch and the rest are imported. Tests hold each to the
mapping or type that it names.
"""

from typing import Literal

RECIPES = (
    "digits", "wgangp-cifar10", "sngan-cifar10", "sngan-stl10", "sngan64", "sngan128", "dcgan32", "dcgan64",
    "stylegan2-cifar10", "stylegan2-256",
)  # fmt: skip
MODELS = ("mlp", "dcgan", "wgangp-resnet", "sngan", "stylegan2")
OPTIMIZERS = (
    "adam", "sgd", "rmsprop", "nsgd", "nsgd-global", "nsgd-layer", "adansgd", "adadir", "nsgd-row",
    "nsgd-running", "sign", "maxva", "optimistic-adam", "orthogonal", "lars", "lamb",
)  # fmt: skip
PENALTIES = ("wgan-gp", "r1", "r1-r2")
LOSSES = ("non_saturating", "wasserstein", "hinge", "relativistic")
NETWORKS = ("digits", "mnist", "pixels8", "efficientnet-lite0", "inception")

Channels = Literal[1, 3]
OnBadImage = Literal["refuse", "skip"]
Updates = Literal["alternating", "simultaneous"]
Precision = Literal["float32", "tf32", "bf16"]
Capture = Literal["auto", "on", "off"]
Law = Literal["modes", "coefficients"]
