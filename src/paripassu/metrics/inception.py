"""Features of Inception, as FID and KID are defined on: torch-fidelity's network with TensorFlow's weights.

The 2,048 features before the classifier, of 8-bit images at 299 px, resized as TensorFlow 1 does. The
protocol of most papers is ``fid-inception@50k``: 50,000 generated samples against the whole training set.

Heusel et al. 2017, arXiv:1706.08500; https://github.com/toshas/torch-fidelity. The weights (96 MB) are
downloaded once, to torch's hub folder, and checked before they are loaded.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from paripassu.metrics.features import FeatureNetwork, as_rgb
from paripassu.metrics.pretrained import by_parts, check_weights, packaged

_FILE = "weights-inception-2015-12-05-6726825d.pth"
_URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{_FILE}"
_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


@dataclass(frozen=True)
class InceptionFeatures(FeatureNetwork):
    """On whatever device the images are; grey images are spread over three channels.

    Args:
        weights: the published file, for a machine without a network; downloaded without it.
    """

    aliases: ClassVar = MappingProxyType({"fd": "fid", "kd": "kid"})

    weights: Path | None = None

    @property
    def name(self) -> str:
        """``"inception"``."""
        return "inception"

    @property
    def digest(self) -> str:
        """Of the one file of weights that is accepted."""
        return _SHA256

    def check_installed(self) -> None:
        """Check that the extra ``fid`` is there."""
        _package()

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Features ``[N, 2048]`` of images ``[N, 1 or 3, H, W]``.

        Raises:
            ValueError: images of other channels, the extra is missing, or the weights are not the published
                ones or cannot be had.
        """
        images, network = as_rgb(images, self.name), _network(self.weights, images.device)
        # Bytes are what the network was converted to take, and what a saved image would hold.
        levels = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return by_parts(lambda part: network(part)[0], levels)


def _package() -> Any:
    return packaged("torch_fidelity.feature_extractor_inceptionv3", "inception", "fid")


@cache
def _network(weights: Path | None, device: torch.device) -> nn.Module:
    fidelity = _package()
    path = weights or _downloaded()
    check_weights(path, _SHA256, f"fetch {_URL} anew")
    # Fresh initial weights would advance torch's global generator, on which reproducible runs depend.
    with torch.random.fork_rng(devices=[]):
        # It unpickles: only a file whose hash is known comes this far.
        network: nn.Module = fidelity.FeatureExtractorInceptionV3("inception", ["2048"], str(path))
    return network.to(device)


def _downloaded() -> Path:
    path = Path(torch.hub.get_dir()) / "checkpoints" / _FILE
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(_URL, str(path), hash_prefix=_SHA256, progress=False)
        except (OSError, RuntimeError) as error:
            raise ValueError(
                f"Inception's weights cannot be downloaded ({error}): fetch {_URL} where there is a network "
                "and give the file as --inception-weights"
            ) from error
    return path
