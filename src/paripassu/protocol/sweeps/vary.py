"""One setting of the framework varied at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from paripassu.protocol.sweeps.chunk import Chunk
from paripassu.protocol.sweeps.sweep import (
    METHODS,
    PlainSettings,
    Stage,
    check_counts,
    check_rates,
    groups_of,
)
from paripassu.theory import Framework


@dataclass(frozen=True)
class VarySweep(PlainSettings):
    """One setting of the framework at a time, everything else fixed: does the recovery depend on it?

    Both methods play at the same pair of rates. This goes beyond the paper.

    Args:
        framework: the framework whose settings vary.
        lr_d: discriminator's learning rate, for every method.
        lr_g: generator's learning rate, for every method.
        seeds: number of seeds per value, counted from 0.
        steps: number of steps of a run.
    """

    framework: Framework
    lr_d: float = 0.1
    lr_g: float = 0.01
    seeds: int = 16
    steps: int = 60_000

    kind: ClassVar[str] = "vary"

    def __post_init__(self) -> None:
        check_counts(seeds=self.seeds, steps=self.steps)
        check_rates("lr_d", (self.lr_d,))
        check_rates("lr_g", (self.lr_g,))

    @property
    def run_steps(self) -> int:
        """Steps of all runs."""
        return sum(chunk.run_steps for chunk in self._chunks())

    def stages(self) -> Sequence[Stage]:
        """One stage with all chunks."""
        return [lambda _: self._chunks()]

    def _chunks(self) -> list[Chunk]:
        base = self.framework
        varied: dict[str, list[Framework]] = {
            "gamma": [replace(base, gamma=gamma) for gamma in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)],
            "rarest": [
                replace(base, modes=2, weights=(1 - rare, rare)) for rare in (0.5, 0.4, 0.3, 0.2, 0.1, 0.05)
            ],
            "modes": [replace(base, gamma=0.0, modes=modes) for modes in (1, 2, 3, 4, 6, 8)],
            "n_generator": [replace(base, n_generator=m) for m in (2, 3, 4, 6, 8, 12, 16)],
            "n_discriminator": [replace(base, n_discriminator=m) for m in (2, 4, 6, 10, 16, 24)],
        }
        return [
            Chunk(part, framework, method, ((self.lr_d, self.lr_g),), seeds, self.steps)
            for part, frameworks in varied.items()
            for framework in frameworks
            for method in METHODS
            for seeds in groups_of(range(self.seeds))
        ]
