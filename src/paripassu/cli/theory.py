"""``paripassu theory``: the synthetic framework, mode collapse at any dimension."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from paripassu.cli import choices
from paripassu.cli.engines import EngineOptions
from paripassu.cli.progress import progress_bar
from paripassu.engine import Engine, LocalEngine
from paripassu.protocol.sweeps.runner import key, run_sweep
from paripassu.protocol.sweeps.sweep import BOTH, PhaseSweep, RunSweep, ScalingSweep, Sweep, VarySweep
from paripassu.records import Purpose, SweepResult
from paripassu.records.codec import dump
from paripassu.report.collapse import headline, title, write_theory_page
from paripassu.studies import collapse as theory_modes
from paripassu.studies import collapse_dimension as theory_dimension
from paripassu.theory import Framework
from paripassu.theory.collapse.framework import Law
from paripassu.theory.collapse.full import FULL_METHODS
from paripassu.theory.collapse.simulate import Updates

_ALL_METHODS = (*BOTH, *FULL_METHODS)
_THOUSAND = 1000  # the bar counts thousands of run-steps: single ones are too many to read


@dataclass(kw_only=True)
class _Options(EngineOptions):
    """What every sweep has."""

    d: int = 10_000
    """Dimension of the data; changes no cost except with Adam and the grafts."""
    gamma: float = 0.1
    """In [0, 1): inner product of the modes, or the probability that both coefficients are on."""
    law: Law = "modes"
    """Of the data: one mode at a time, or sums of two orthogonal ones."""
    modes: int = 2
    """How many."""
    weights: tuple[float, ...] | None = None
    """Probability of each mode; even without it."""
    m_d: int = 10
    """Discriminator neurons."""
    m_g: int = 8
    """Generator neurons."""
    p_pair: float = 0.05
    """Probability that two latents are on instead of one."""
    out: Path | None = None
    """The sweep's folder; runs/theory-COMMAND-KEY without it. The same command goes on where it stopped."""
    quiet: bool = False
    """No progress."""
    json: bool = False
    """The result as JSON."""

    def framework(self) -> Framework:
        """The game that these options describe."""
        return Framework(
            d=self.d,
            gamma=self.gamma,
            n_discriminator=self.m_d,
            n_generator=self.m_g,
            p_pair=self.p_pair,
            law=self.law,
            modes=self.modes,
            weights=self.weights,
        )

    def carry_out(self, sweep: Sweep, purpose: Purpose) -> None:
        """Run what is missing, write the page, print the result."""
        out = self.out or Path("runs") / f"theory-{sweep.kind}-{key(sweep)}"
        result = run(sweep, out, purpose=purpose, engine=self.chosen_engine(out), quiet=self.quiet)
        show(result, out, as_json=self.json)


@dataclass
class RunTheory(_Options):
    """Play one configuration by some methods and watch it: modes, ways through the plane, pace.

    Adam and the grafts are played in full dimension, at a cost that grows with d.
    """

    d: int = 1000
    """Dimension of the data; changes no cost except with Adam and the grafts."""
    methods: Annotated[
        tuple[str, ...],
        tyro.conf.arg(help=f"Any of {', '.join(_ALL_METHODS)}."),
        tyro.conf.arg(name="method"),
    ] = BOTH
    lr_d: float = 0.1
    """Discriminator's learning rate > 0, of every method."""
    lr_g: float = 0.01
    """Generator's learning rate > 0, of every method."""
    seeds: int = 8
    """How many starts."""
    steps: int = 10_000
    """Updates of each player."""
    momentum: float = 0.0
    """In [0, 1)."""
    updates: Updates = "simultaneous"
    """Whether both step at once or the generator answers the new discriminator."""
    batch: int = 0
    """Samples per step; 0 for exact expectations."""
    trainable: bool = False
    """Whether the discriminator learns its output weight and bias too."""

    def __call__(self) -> None:
        """Run, write the page, print the result."""
        options = {
            "momentum": self.momentum,
            "updates": self.updates,
            "batch": self.batch,
            "trainable": self.trainable,
        }
        defaults = {"momentum": 0.0, "updates": "simultaneous", "batch": 0, "trainable": False}
        given = {name: value for name, value in options.items() if value != defaults[name]}
        sweep = RunSweep(self.framework(), self.methods, self.lr_d, self.lr_g, self.seeds, self.steps, given)
        self.carry_out(sweep, sweep.purpose())


@dataclass
class Phase(_Options):
    """Try every pair of a grid of learning rates with each method; judge the best on fresh seeds."""

    methods: tuple[str, ...] = PhaseSweep.methods
    """nsgda, sgda or both."""
    lr_d: tuple[float, ...] = PhaseSweep.lr_d
    """Discriminator's learning rates, > 0."""
    lr_g: tuple[float, ...] = PhaseSweep.lr_g
    """Generator's learning rates, > 0."""
    seeds: int = PhaseSweep.seeds
    """Starts per pair."""
    fresh_seeds: int = PhaseSweep.fresh_seeds
    """Other starts, at the best pair of each method."""
    steps: int = PhaseSweep.steps
    """The budget."""
    patience: int = PhaseSweep.patience
    """Times the budget that SGDA gets at rates up to 1 in a part of its own; 1 for none."""

    def __call__(self) -> None:
        """Run, write the page, print the result."""
        self.carry_out(
            PhaseSweep(
                self.framework(),
                self.lr_d,
                self.lr_g,
                self.methods,
                self.seeds,
                self.fresh_seeds,
                self.steps,
                self.patience,
            ),
            theory_modes.STUDY.of_ones_own(),
        )


@dataclass
class Scaling(_Options):
    """Measure how the time to recover every mode grows with the dimension, at each method's best rates."""

    d: tyro.conf.Suppress[int] = 1000
    dimensions: tuple[int, ...] = ScalingSweep.dimensions
    """Of the data."""
    methods: tuple[str, ...] = ScalingSweep.methods
    """nsgda, sgda or both."""
    lr_d: tuple[float, ...] = ScalingSweep.lr_d
    """Discriminator's learning rates to choose from, > 0."""
    lr_g: tuple[float, ...] = ScalingSweep.lr_g
    """Generator's learning rates to choose from, > 0."""
    seeds: int = ScalingSweep.seeds
    """Starts per pair and dimension."""
    fresh_seeds: int = ScalingSweep.fresh_seeds
    """Other starts, at the best pair."""
    steps: int = ScalingSweep.steps
    """The budget; a run stops once it has every mode."""

    def __call__(self) -> None:
        """Run, write the page, print the result."""
        smallest = min(self.dimensions, default=self.d)
        self.carry_out(
            ScalingSweep(
                replace(self, d=smallest).framework(),
                self.dimensions,
                self.lr_d,
                self.lr_g,
                self.methods,
                self.seeds,
                self.fresh_seeds,
                self.steps,
            ),
            theory_dimension.STUDY.of_ones_own(),
        )


@dataclass
class Vary(_Options):
    """Vary one setting at a time, beyond the paper: unequal modes, overlap, how many modes, neurons."""

    d: int = 1000
    """Dimension of the data."""
    lr_d: float = VarySweep.lr_d
    """Discriminator's learning rate > 0, of both methods."""
    lr_g: float = VarySweep.lr_g
    """Generator's learning rate > 0, of both methods."""
    seeds: int = VarySweep.seeds
    """Starts per value."""
    steps: int = VarySweep.steps
    """The budget."""

    def __call__(self) -> None:
        """Run, write the page, print the result."""
        sweep = VarySweep(self.framework(), self.lr_d, self.lr_g, self.seeds, self.steps)
        self.carry_out(sweep, Purpose())


@dataclass
class Theory:
    """The synthetic framework: see mode collapse appear and vanish, exactly, at any dimension."""

    action: (
        Annotated[RunTheory, tyro.conf.subcommand("run")]
        | Annotated[Phase, tyro.conf.subcommand("phase")]
        | Annotated[Scaling, tyro.conf.subcommand("scaling")]
        | Annotated[Vary, tyro.conf.subcommand("vary")]
    )

    def __call__(self) -> None:
        """Do what was asked."""
        self.action()


def demo_panel(folder: Path, *, quiet: bool) -> SweepResult:
    """The demo's panel: nSGDA and SGDA at d = 100,000 and the rates `phase` chose for nSGDA.

    Args:
        folder: of the panel's sweep and page; goes on where it stopped.
        quiet: no progress.
    """
    sweep = RunSweep(Framework(d=100_000), lr_d=1.0, lr_g=0.01, steps=5000)
    # Seconds of work: two processes would each compile the kernel first.
    return run(sweep, folder, purpose=sweep.purpose(), engine=LocalEngine(1), quiet=quiet)


def run(sweep: Sweep, out: Path, *, purpose: Purpose, engine: Engine, quiet: bool) -> SweepResult:
    """Run a sweep behind a progress bar."""
    total = sweep.run_steps // _THOUSAND
    with progress_bar(f"theory {sweep.kind}, thousand run-steps", total, quiet=quiet) as advance:
        return run_sweep(
            sweep,
            out,
            command=choices.as_typed(),
            purpose=purpose,
            engine=engine,
            progress=lambda done: advance(done // _THOUSAND),
        )


def show(result: SweepResult, out: Path, *, as_json: bool) -> None:
    """Write the page; print the verdicts, the fits and where the page is."""
    page = write_theory_page(out)
    if as_json:
        print(dump(result), end="")
        return
    console = Console()
    console.print(_told(result, out))
    console.print(f"Page: {page}", soft_wrap=True)


def _told(result: SweepResult, out: Path) -> RenderableType:
    shown = headline(result, out)
    table = Table(*shown.columns, box=None, pad_edge=False)
    for row in shown.rows:
        table.add_row(*map(str, row))
    parts: list[RenderableType] = [Text(title(result), style="bold"), Text(result.purpose.claim), table]
    for fit in result.fits:
        told = f"{fit.method}: time ~ d^{fit.exponent:.2f} [{fit.low:.2f}, {fit.high:.2f}]"
        parts += ["", Text(told if fit.dimensions[1:] else f"{fit.method}: too few dimensions recovered")]
    for claim in result.claims:
        parts += [
            "",
            Text(claim.claim, style="bold"),
            Text(f"{claim.verdict.outcome}. {claim.verdict.reason}"),
        ]
    return Group(*parts, *(Text(told, style="dim") for told in ("", *result.purpose.cut, *result.remarks)))
