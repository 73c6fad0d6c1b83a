"""One configuration of the framework, recorded over time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from paripassu.protocol.sweeps.chunk import Chunk
from paripassu.protocol.sweeps.sweep import (
    METHODS,
    PlainSettings,
    Stage,
    check_counts,
    check_methods,
    check_rates,
    groups_of,
)
from paripassu.records import Decay
from paripassu.theory import Framework
from paripassu.theory.collapse.full import FULL_METHODS
from paripassu.theory.collapse.lanes import WIDTH
from paripassu.theory.collapse.simulate import Updates, check_settings


@dataclass(frozen=True)
class RunSweep(PlainSettings):
    """One configuration by each of some methods, recorded over time.

    Args:
        framework: the game.
        methods: names of methods: ``nsgda``, ``sgda``, ``shares``, or one of `full.FULL_METHODS`.
        lr_d: discriminator's learning rate, for every method.
        lr_g: generator's learning rate, for every method; left at its default with a ``pace``.
        seeds: number of seeds, counted from 0.
        steps: number of steps of a run.
        updates: whether both players step at once, or the generator answers the new discriminator.
        momentum: of both players, in [0, 1). Those of `full.FULL_METHODS` take none, and no ``batch`` and
            ``decay`` either.
        batch: samples per step, 0 for exact expectations.
        trainable: whether the discriminator learns its output weight and bias too; ``nsgda`` and ``sgda``
            alone.
        decay: how both rates fall over the run.
        pace: discriminator's relative step over the generator's, > 0, to which the generator's steps are
            rescaled; None leaves them unchanged.
    """

    framework: Framework
    methods: tuple[str, ...] = METHODS
    lr_d: float = 0.1
    lr_g: float = 0.01
    seeds: int = 16
    steps: int = 10_000
    updates: Updates = "simultaneous"
    momentum: float = 0.0
    batch: int = 0
    trainable: bool = False
    decay: Decay = "constant"
    pace: float | None = None

    kind: ClassVar[str] = "run"

    def __post_init__(self) -> None:
        check_methods(self.methods, (*METHODS, "shares", *FULL_METHODS))
        check_counts(seeds=self.seeds, steps=self.steps)
        check_rates("lr_d", (self.lr_d,))
        check_rates("lr_g", (self.lr_g,))
        for method in [each for each in self.methods if each not in FULL_METHODS] or ["sgda"]:
            given = method, self.momentum, self.updates, self.batch, self.decay, self.pace
            check_settings(*given, trainable=self.trainable)
        if self.pace is not None and self.lr_g != RunSweep.lr_g:
            raise ValueError(
                f"a pace sets the length of the generator's steps: leave out lr_g, got {self.lr_g:g}"
            )
        in_full = [method for method in self.methods if method in FULL_METHODS]
        given = [name for name in ("momentum", "batch", "trainable") if getattr(self, name)]
        given += ["decay"] if self.decay != "constant" else []
        if in_full and given:
            raise ValueError(
                f"{', '.join(in_full)} plays with exact expectations, at constant rates, without momentum, a "
                f"and b fixed: leave out {', '.join(given)}"
            )

    @property
    def run_steps(self) -> int:
        """Steps of all runs."""
        return len(self.methods) * self.seeds * self.steps

    def stages(self) -> Sequence[Stage]:
        """One stage: every method's runs."""
        return [lambda _: self._chunks()]

    def _chunks(self) -> list[Chunk]:
        whole = Chunk(
            "run", self.framework, "", ((self.lr_d, self.lr_g),), (), self.steps, self.updates, self.momentum,
            self.batch, self.trainable, self.decay, paths=True, pace=self.pace,
        )  # fmt: skip
        return [
            replace(whole, method=method, seeds=seeds)
            for method in self.methods
            for seeds in groups_of(range(self.seeds), 1 if method in FULL_METHODS else WIDTH)
        ]
