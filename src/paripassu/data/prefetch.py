"""Batches of images that do not fit their device: gathered on the host while the step before computes."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

_SHARE = 0.5  # of a GPU's memory that images may take: networks and their activations need the rest


def fits(pixels: Tensor, device: torch.device) -> bool:
    """Whether ``device`` has room for ``pixels``, whatever else is there now.

    Batches are drawn in another way where it has not, and a run that goes on has to draw as it did before.
    """
    if device.type != "cuda":
        return True
    _, whole = torch.cuda.mem_get_info(device)
    return pixels.nbytes <= _SHARE * whole


class Prefetcher:
    """Gathers batches from images in the host's memory, or mapped into it, and sends them to the device.

    Which images a batch holds follows from the seed of the generator it is drawn with and from how many were
    drawn with that generator before; whether it was expected changes when it is gathered, and nothing else.
    The generator's own numbers, which are on the device, are not read: the host would have to wait for them.
    """

    def __init__(self, pixels: Tensor, device: torch.device) -> None:
        """Of ``pixels`` ``[N, ...]`` on the host."""
        self.device = device
        self._home = torch.empty(0, device=device).device  # "cuda" and the number that it has in this thread
        self._pixels = pixels
        self._pool = ThreadPoolExecutor(1, "prefetch", initializer=self._enter)
        self._expected: dict[tuple[int, int, int], Future[tuple[Tensor, Tensor]]] = {}
        self._generator: torch.Generator | None = None
        self._drawn = 0

    def expect(self, seed: int, counts: Sequence[int]) -> None:
        """Begin to gather the batches of ``counts`` images that a generator of ``seed`` will draw first.

        What was expected before and not drawn is forgotten.
        """
        keys = [(seed, place, count) for place, count in enumerate(counts)]
        self._expected = {key: self._pool.submit(self._gather, *key) for key in keys}

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """``[count, ...]`` images, uniformly with replacement, on the device."""
        return self.draw_numbered(count, generator)[0]

    def draw_numbered(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The images that `draw` gives, and their numbers ``[count]``, on the host."""
        if generator is not self._generator:
            self._generator, self._drawn = generator, 0
        key = (generator.initial_seed(), self._drawn, count)
        self._drawn += 1
        expected = self._expected.pop(key, None)
        batch, chosen = expected.result() if expected else self._gather(*key)
        return batch.to(self.device, non_blocking=True), chosen

    def _enter(self) -> None:
        # Pinned memory belongs to the current GPU, which in a new thread is the first.
        if self.device.type == "cuda":
            torch.cuda.set_device(self._home)

    def _gather(self, seed: int, place: int, count: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([seed, place])
        chosen = torch.from_numpy(rng.integers(len(self._pixels), size=count))
        shape = (count, *self._pixels.shape[1:])
        batch = torch.empty(shape, dtype=torch.uint8, pin_memory=self.device.type == "cuda")
        return torch.index_select(self._pixels, 0, chosen, out=batch), chosen
