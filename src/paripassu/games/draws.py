"""One process's share of every batch, where several processes train one GAN.

Each draws what one process alone would draw for the whole batch and keeps its own rows, so that all of them
together play the same game as one.
"""

from dataclasses import dataclass

import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Share:
    """The ``rank``-th of ``ranks`` equal parts.

    Args:
        rank: of this process, from 0.
        ranks: how many processes there are, >= 1; more than one need torch's process group.
    """

    rank: int = 0
    ranks: int = 1

    def of(self, whole: Tensor) -> Tensor:
        """This process's rows of a batch ``[B, ...]``; ``ranks`` divides B."""
        rows, left = divmod(len(whole), self.ranks)
        assert not left, f"{len(whole)} rows for {self.ranks} processes"
        return whole.narrow(0, self.rank * rows, rows)

    def mean(self, own: Tensor) -> Tensor:
        """The mean over all processes, each of which calls this; no gradient goes through it."""
        if self.ranks == 1:
            return own.detach()
        total = own.detach().clone()
        dist.all_reduce(total)
        return total / self.ranks


WHOLE = Share()
