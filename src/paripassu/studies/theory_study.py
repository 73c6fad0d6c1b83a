"""What a study of the synthetic framework is: one sweep a size."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from paripassu.studies.theory_sweep import Sweep


@dataclass(frozen=True)
class SweepStudy:
    """A question that a sweep answers; claims and verdict rules are the sweep's.

    Attributes:
        name: as in tables.
        question: in one sentence.
        scales: the sweep of each size, by name.
    """

    name: str
    question: str
    scales: Mapping[str, Sweep]

    def plan(self, scale_name: str) -> list[str]:
        """What runs first, in words; what follows depends on it."""
        first, *rest = self.scales[scale_name].stages()
        lines = [
            f"{chunk.part}: {chunk.method}, d = {chunk.framework.d:,}, {len(chunk.rates)} pairs of rates, "
            f"{len(chunk.seeds)} seeds, {chunk.steps:,} steps"
            for chunk in first(pl.DataFrame())
        ]
        return [*lines, *["then the best pairs on fresh seeds"] * len(rest)]
