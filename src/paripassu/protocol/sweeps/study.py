"""What a study of the synthetic framework is: one sweep a size."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from paripassu.protocol.sweeps.sweep import Sweep
from paripassu.records import Purpose


@dataclass(frozen=True)
class SweepScale:
    """A size a study can be run at.

    Attributes:
        sweep: what runs.
        cut: what this size leaves out, one sentence each.
        decides: whether its runs are long enough for a verdict; where not, all are *undecided*.
    """

    sweep: Sweep
    cut: tuple[str, ...] = ()
    decides: bool = True


@dataclass(frozen=True)
class SweepStudy:
    """A question that a sweep answers.

    Attributes:
        name: as in tables.
        question: in one sentence.
        claim: under test, in words.
        rule: what is measured and the verdict rules in words; `theory_verdicts` applies them.
        scales: by name.
    """

    name: str
    question: str
    claim: str
    rule: str
    scales: Mapping[str, SweepScale]

    def purpose(self, scale_name: str) -> Purpose:
        """What its sweep of a size is for."""
        scale = self.scales[scale_name]
        return Purpose(
            study=self.name,
            scale=scale_name,
            question=self.question,
            claim=self.claim,
            rule=self.rule,
            cut=list(scale.cut),
            decides=scale.decides,
        )

    def of_ones_own(self) -> Purpose:
        """What a sweep of a person's own size is for."""
        return Purpose(claim=self.claim, rule=self.rule)

    def plan(self, scale_name: str) -> list[str]:
        """What runs first, in words; what follows depends on it."""
        first, *rest = self.scales[scale_name].sweep.stages()
        lines = [
            f"{chunk.part}: {chunk.method}, d = {chunk.framework.d:,}, {len(chunk.rates)} pairs of rates, "
            f"{len(chunk.seeds)} seeds, {chunk.steps:,} steps"
            for chunk in first(pl.DataFrame())
        ]
        return [*lines, *["then the best pairs on fresh seeds"] * len(rest)]
