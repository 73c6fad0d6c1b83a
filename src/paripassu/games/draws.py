"""Random numbers for this process's rows of a batch, where several processes train one GAN.

Each process draws what one process alone would draw for the whole batch and keeps its own rows. All of them
together therefore play the same game as one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Draws:
    """Draws of one step, for the rows of the ``rank``-th of ``processes`` equal parts of each batch.

    Args:
        generator: source of the numbers, in the same state in every process.
        rank: of this process, from 0.
        processes: that share each batch, >= 1.
        average: the mean of a tensor over all processes, each of which calls it; no gradient goes through it.

    Example:
        >>> first, second = (Draws(torch.Generator().manual_seed(0), rank, 2) for rank in range(2))
        >>> whole = Draws(torch.Generator().manual_seed(0)).uniform((4,))
        >>> torch.equal(whole, torch.cat([first.uniform((2,)), second.uniform((2,))]))
        True
    """

    generator: torch.Generator
    rank: int = 0
    processes: int = 1
    average: Callable[[Tensor], Tensor] = Tensor.detach

    def rows(self, whole: Tensor) -> Tensor:
        """This process's rows of a batch ``[B, ...]``; ``processes`` divides B."""
        rows, left = divmod(len(whole), self.processes)
        assert not left, f"{len(whole)} rows for {self.processes} processes"
        return whole.narrow(0, self.rank * rows, rows)

    def uniform(self, shape: tuple[int, ...], like: Tensor | None = None) -> Tensor:
        """Rows ``shape`` of numbers in [0, 1), of the dtype and on the device of ``like``."""
        return self._drawn(torch.rand, shape, self._options(like))

    def normal(self, shape: tuple[int, ...], like: Tensor | None = None) -> Tensor:
        """Rows ``shape`` of N(0, 1), of the dtype and on the device of ``like``."""
        return self._drawn(torch.randn, shape, self._options(like))

    def _options(self, like: Tensor | None) -> dict[str, Any]:
        if like is None:
            return {"device": self.generator.device}
        return {"dtype": like.dtype, "device": like.device}

    def _drawn(self, draw: Callable[..., Tensor], shape: tuple[int, ...], options: dict[str, Any]) -> Tensor:
        rows, *rest = shape
        return self.rows(draw((self.processes * rows, *rest), generator=self.generator, **options))
