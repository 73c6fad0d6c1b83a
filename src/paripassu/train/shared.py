"""What the runs of a pack share: their data, which each of them only reads."""

import torch

from paripassu.data import Samples, Source
from paripassu.train.own_parts import own_files


class SharedData:
    """Data that are loaded once.

    A person's own may keep something between draws. Each run loads its own of those.

    Example:
        >>> from paripassu.data import Digits
        >>> shared, cpu = SharedData(), torch.device("cpu")
        >>> shared.load(Digits(), cpu) is shared.load(Digits(), cpu)
        True
    """

    def __init__(self) -> None:
        self._loaded: list[tuple[Source, torch.device, Samples]] = []

    def load(self, source: Source, device: torch.device) -> Samples:
        """The data of ``source`` on ``device``."""
        if own_files(source):
            return source.load(device)
        for known, place, real in self._loaded:
            if known == source and place == device:
                return real
        real = source.load(device)
        self._loaded.append((source, device, real))
        return real
