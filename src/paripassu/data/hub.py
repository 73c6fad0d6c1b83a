"""Published image sets by name, fetched once from the Hugging Face Hub as Parquet.

They are kept where the Hub's own client keeps them (``HF_HOME``), and read from there without a network. A
repository may change: the commit that was loaded is `ImageSet.revision`, and can be asked for.
"""

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import torch

from paripassu.data.images import Channels, ImageFolder, OnBadImage
from paripassu.data.source import ImageSet, Source
from paripassu.printable import printable


class _Published(NamedTuple):
    repository: str
    files: str
    resolution: int  # of most of its images


# The images that GANs are trained on: of STL-10 those without labels, of LSUN's churches both parts.
PUBLISHED: Mapping[str, _Published] = MappingProxyType(
    {
        "cifar10": _Published("uoft-cs/cifar10", "plain_text/train-*.parquet", 32),
        "stl10": _Published("jxie/stl10", "data/unlabeled-*.parquet", 96),
        "lsun-church": _Published("tglcourse/lsun_church_train", "data/*.parquet", 256),
        "celeba-hq": _Published("korexyz/celeba-hq-256x256", "data/*.parquet", 256),
        "ffhq": _Published("merkol/ffhq-256", "data/train-*.parquet", 256),
    }
)
"""Data sets on the Hub under short names."""


_REVISION = re.compile(r"[\w][\w./-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Hub(Source):
    """A published set of images, which are RGB.

    Args:
        dataset: one of `PUBLISHED`.
        resolution: height and width of the loaded images, >= 1; None for the published one.
        channels: as for an `ImageFolder`.
        on_bad_image: as for an `ImageFolder`.
        revision: a commit, tag or branch of its repository; None for the newest commit that is at hand.

    Example:
        >>> Hub("cifar10", revision="0123abc").name
        'cifar10'
    """

    dataset: str
    resolution: int | None = None
    channels: Channels = 3
    on_bad_image: OnBadImage = "refuse"
    revision: str | None = None

    def __post_init__(self) -> None:
        if self.revision is not None and not _REVISION.fullmatch(self.revision):
            raise ValueError(f"revision must name a commit, tag or branch, got {self.revision!r}")
        if self.dataset not in PUBLISHED:
            raise ValueError(f"there is no data set {self.dataset!r}: choose from {', '.join(PUBLISHED)}")
        self._images(Path())  # which checks the other settings

    @property
    def name(self) -> str:
        """The data set's."""
        return self.dataset

    def load(self, device: torch.device) -> ImageSet:
        """``[N, channels, resolution, resolution]``, in the files' order.

        Raises:
            ValueError: the extra is missing, or the data are neither here nor can be fetched, or as for an
                `ImageFolder`.
        """
        return self._load(device, None)

    def labelled(self, device: torch.device, column: str | None = None) -> ImageSet:
        """As `load`, with a column of labels."""
        return self._load(device, column or "")

    def _load(self, device: torch.device, labels: str | None) -> ImageSet:
        published = PUBLISHED[self.dataset]
        try:
            hub = importlib.import_module("huggingface_hub")
        except ImportError as error:
            raise ValueError(f"{self.name} is on the Hub: pip install 'paripassu[hub]'") from error
        try:
            pinned = {"revision": self.revision} if self.revision else {}
            fetched = hub.snapshot_download(
                published.repository, repo_type="dataset", allow_patterns=published.files, **pinned
            )
        except Exception as error:  # its clients raise whatever they like without a network
            reason = printable(str(error).partition("\n")[0])
            at = f" at {self.revision}" if self.revision else ""
            raise ValueError(
                f"{self.name} cannot be fetched from the Hub's {published.repository}{at} ({reason}): "
                "connect this machine, or give a folder of images as --data"
            ) from error
        folder = Path(fetched)  # of the client's cache, named after the commit; other parts may lie in it
        loaded = self._images(folder).load_part(device, published.files, labels=labels)
        commit = folder.name if _COMMIT.fullmatch(folder.name) else ""
        return replace(loaded, revision=commit, account=loaded.account.replace(folder.name, self.name, 1))

    def at_revision(self, revision: str) -> "Hub":
        """This set at a commit, unless a revision was chosen already."""
        return self if self.revision else replace(self, revision=revision)

    def _images(self, path: Path) -> ImageFolder:
        resolution = PUBLISHED[self.dataset].resolution if self.resolution is None else self.resolution
        return ImageFolder(path, resolution, self.channels, self.on_bad_image)
