"""``paripassu theory``: the synthetic framework, mode collapse at any dimension."""

import hashlib
import json
import sys
import webbrowser
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from paripassu.cli import study, sweeps
from paripassu.cli.engines import EngineOptions

if TYPE_CHECKING:
    from paripassu import protocol

# The titles of groups of options in the help.
_Sweep, _Game = tyro.conf.arg(name="Sweep"), tyro.conf.arg(name="Framework")


@dataclass(kw_only=True)
class _Options(EngineOptions):
    """Options of every sweep."""

    out: Path | None = None
    """The sweep's folder. Without it: runs/theory-COMMAND-KEY. The same command continues in it."""
    quiet: bool = False
    """Show no progress."""
    json: bool = False
    """Print the result as JSON."""

    def run(self, sweep_study: "protocol.Study") -> None:
        """Do the missing runs, write the page, print the result."""
        from paripassu.studies import custom

        out = self.out or Path("runs") / f"{sweep_study.name}-{_key(sweep_study)}"
        engine = self.chosen_engine(out)
        result = study.run(sweep_study, custom.SCALE, out, engine=engine, quiet=self.quiet)
        study.show(result, out, as_json=self.json)


@dataclass(kw_only=True)
class Run(_Options):
    """Play one configuration by some methods. Record modes, paths in the plane of the modes, and pace.

    Adam and the grafts play in full dimension, at a cost that grows with d.
    """

    sweep: Annotated[sweeps.RunOptions, _Sweep] = field(default_factory=sweeps.RunOptions)
    framework: Annotated[sweeps.FrameworkOptions, _Game] = field(default_factory=sweeps.FrameworkOptions)

    def __call__(self) -> None:
        """Run it."""
        from paripassu.protocol.sweeps import RunSweep
        from paripassu.studies import custom
        from paripassu.theory import Framework

        framework = sweeps.made(Framework, self.framework)
        self.run(custom.run(sweeps.made(RunSweep, self.sweep, framework=framework)))


@dataclass(kw_only=True)
class Phase(_Options):
    """Try every pair of learning rates of a grid with each method; judge the best on fresh seeds."""

    sweep: Annotated[sweeps.PhaseOptions, _Sweep] = field(default_factory=sweeps.PhaseOptions)
    framework: Annotated[sweeps.PhaseFrameworkOptions, _Game] = field(
        default_factory=sweeps.PhaseFrameworkOptions
    )

    def __call__(self) -> None:
        """Run it."""
        from paripassu.protocol.sweeps import PhaseSweep
        from paripassu.studies import custom
        from paripassu.theory import Framework

        framework = sweeps.made(Framework, self.framework)
        self.run(custom.phase(sweeps.made(PhaseSweep, self.sweep, framework=framework)))


@dataclass(kw_only=True)
class Scaling(_Options):
    """Measure how the time to recover every mode grows with the dimension, at each method's best rates."""

    sweep: Annotated[sweeps.ScalingOptions, _Sweep] = field(default_factory=sweeps.ScalingOptions)
    framework: Annotated[sweeps.FrameworkOfAnySize, _Game] = field(default_factory=sweeps.FrameworkOfAnySize)

    def __call__(self) -> None:
        """Run it."""
        from paripassu.protocol.sweeps import ScalingSweep
        from paripassu.studies import custom
        from paripassu.theory import Framework

        smallest = min(self.sweep.dimensions, default=Framework.d)
        framework = sweeps.made(Framework, self.framework, d=smallest)
        self.run(custom.scaling(sweeps.made(ScalingSweep, self.sweep, framework=framework)))


@dataclass(kw_only=True)
class Vary(_Options):
    """Vary one setting at a time, beyond the paper: unequal modes, overlap, number of modes and neurons."""

    sweep: Annotated[sweeps.VaryOptions, _Sweep] = field(default_factory=sweeps.VaryOptions)
    framework: Annotated[sweeps.FrameworkOptions, _Game] = field(default_factory=sweeps.FrameworkOptions)

    def __call__(self) -> None:
        """Run it."""
        from paripassu.protocol.sweeps import VarySweep
        from paripassu.studies import custom
        from paripassu.theory import Framework

        framework = sweeps.made(Framework, self.framework)
        self.run(custom.vary(sweeps.made(VarySweep, self.sweep, framework=framework)))


@dataclass
class Play:
    """Write a game as one page with sliders, which needs no server and no network, and open it."""

    game: Literal["framework", "kernel"] = "framework"
    """framework: modes collapse at any dimension. kernel: one point seeks another."""
    out: Path | None = None
    """The page's file. Without it: runs/theory-live.html, or runs/kernel-live.html."""
    open: bool = True
    """Open it in the browser."""

    def __call__(self) -> None:
        """Write it, open it, print where it is."""
        from paripassu.report.live import write_live_page

        out = self.out or Path("runs", "theory-live.html" if self.game == "framework" else "kernel-live.html")
        page = write_live_page(out, self.game)
        print(page)
        if self.open and not webbrowser.open(page.resolve().as_uri()):
            print("No browser was found here: open the file in one.", file=sys.stderr)


@dataclass
class Theory:
    """The synthetic framework: see mode collapse appear and vanish, exactly, at any dimension."""

    action: (
        Annotated[Run, tyro.conf.subcommand("run")]
        | Annotated[Phase, tyro.conf.subcommand("phase")]
        | Annotated[Scaling, tyro.conf.subcommand("scaling")]
        | Annotated[Vary, tyro.conf.subcommand("vary")]
        | Annotated[Play, tyro.conf.subcommand("play")]
    )

    def __call__(self) -> None:
        """Carry out the action."""
        self.action()


def _key(sweep_study: "protocol.Study") -> str:
    """Eight letters that differ between sweeps."""
    from paripassu.studies import custom

    settings = sweep_study.scale(custom.SCALE).design.settings()
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
