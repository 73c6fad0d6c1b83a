"""``paripassu train``: one GAN."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import tyro

from paripassu.cli import names, output
from paripassu.cli.eval import metrics_table
from paripassu.cli.run_options import (
    DataOptions,
    LossOptions,
    MeasuringOptions,
    NetworkOptions,
    OptimizerOptions,
    ScheduleOptions,
    SpeedOptions,
    given,
)
from paripassu.records import RECORDS_FILE, End, Metric

if TYPE_CHECKING:
    from paripassu.recipes import Options
    from paripassu.train import Run


EXAMPLES = """\
examples:
  paripassu train --steps 200 --out runs/first
  paripassu train --recipe dcgan32 --data cifar10 --optimizer-g adam --lr-g 2e-4 --dry-run > mine.json
  paripassu train --config mine.json --seed 1 --out runs/second
"""


@dataclass
class OutputOptions:
    """Where the run goes, and what is printed."""

    out: Annotated[Path | None, tyro.conf.arg(help_behavior_hint="")] = None
    """The run's folder; runs/DATA-MODEL-KEY without it. A run in it goes on, also with more --steps."""
    quiet: bool = False
    """No progress."""
    json: bool = False
    """The result as JSON."""


@dataclass
class Train:
    """Train one GAN; stop it anywhere, the same command goes on where it stopped.

    Settings that are not given are the config's or the recipe's; --dry-run prints them all. Writes a run
    folder: settings, records, sample pictures, checkpoints and a page.
    """

    recipe: Annotated[
        str | None,
        tyro.conf.arg(
            metavar="NAME",
            help=f"One of {', '.join(names.RECIPES)}; `paripassu recipes` shows what each is.",
            help_behavior_hint="(default: digits)",
        ),
    ] = None
    config: Annotated[Path | None, tyro.conf.arg(metavar="FILE|RUN", help_behavior_hint="")] = None
    """Settings in JSON as --dry-run prints them, or in TOML; or a run's folder. Options go before them."""
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print the resolved settings as JSON, check what needs no data, and train nothing."""
    start: Annotated[Path | None, tyro.conf.arg(name="from", metavar="RUN", help_behavior_hint="")] = None
    """Folder of a run of the same networks whose last weights are the first of this run."""
    data: Annotated[DataOptions, tyro.conf.arg(name="Data")] = field(default_factory=DataOptions)
    networks: Annotated[NetworkOptions, tyro.conf.arg(name="Networks")] = field(
        default_factory=NetworkOptions
    )
    optimizers: Annotated[OptimizerOptions, tyro.conf.arg(name="Optimizers")] = field(
        default_factory=OptimizerOptions
    )
    loss: Annotated[LossOptions, tyro.conf.arg(name="Loss")] = field(default_factory=LossOptions)
    schedule: Annotated[ScheduleOptions, tyro.conf.arg(name="Schedule")] = field(
        default_factory=ScheduleOptions
    )
    measuring: Annotated[MeasuringOptions, tyro.conf.arg(name="Measuring")] = field(
        default_factory=MeasuringOptions
    )
    speed: Annotated[SpeedOptions, tyro.conf.arg(name="Speed")] = field(default_factory=SpeedOptions)
    output: Annotated[OutputOptions, tyro.conf.arg(name="Output")] = field(default_factory=OutputOptions)

    def run(self) -> "Run":
        """The run that these options ask for."""
        from paripassu.cli import choices
        from paripassu.recipes import RECIPES, Options, from_config, override

        options = {name: value for name, value in given(self).items() if name in Options.__annotations__}
        if not options.get("conditional"):
            options.pop("conditional", None)  # the config's
        base = choices.choose("recipe", self.recipe or "digits", RECIPES).run
        if self.config is None:
            options.setdefault("device", "auto")
        elif self.recipe is not None and self.config.is_dir():
            raise ValueError("a run's folder has all settings: leave --recipe out")
        else:
            rates = {"lr_d": ["discriminator"], "lr_g": ["generator"], "pace": ["generator"]}
            follows = [player for name in rates.keys() & options.keys() for player in rates[name]]
            base = from_config(self.config, base, lr_follows=follows)
        if "device" in options:
            options["device"] = choices.device(options["device"])
        return override(base, **cast("Options", options))

    def __call__(self) -> None:
        """Train, write the page, print the metrics."""
        from paripassu.records.codec import read_records
        from paripassu.report.run import write_run_page
        from paripassu.train import check_capture, current_processes, joined, obstacle
        from paripassu.train.shapes import check_shape
        from paripassu.train.start import start_of

        run = self.run()
        check_capture(run, self.speed.capture)
        check_shape(run)
        why = obstacle(run, self.speed.capture)
        folder = self.output.out or self._default(run)
        if self.dry_run:
            start_of(self.start, folder)
            print(json.dumps(run.settings(), indent=2))
            output.notice(f"CUDA graphs: none, because {why}." if why else "CUDA graphs: one for each round.")
            return
        with joined(run.device):
            is_first = current_processes().rank == 0
            end = self._train(run, folder, shown=is_first)
        if not is_first:
            return
        page = write_run_page(folder)
        metrics = {r.name: r.value for r in read_records(folder / RECORDS_FILE) if isinstance(r, Metric)}
        _print_result(folder, page, end, metrics, as_json=self.output.json)

    def _default(self, run: "Run") -> Path:
        name = f"{run.data.name}-{run.model.name}-{run.key()}"
        return Path("runs") / (f"{name}-from-{self.start.resolve().name}" if self.start else name)

    def _train(self, run: "Run", folder: Path, *, shown: bool) -> End:
        from paripassu.cli import choices
        from paripassu.cli.progress import progress_bar
        from paripassu.train import train

        title = f"{run.data.name}, {run.model.name}"
        with progress_bar(title, run.steps, quiet=self.output.quiet or not shown) as advance:
            return train(
                run,
                folder,
                start=self.start,
                capture=self.speed.capture,
                command=choices.as_typed(),
                progress=advance,
                notice=lambda text: output.notice(text) if shown else None,
            )


def _print_result(folder: Path, page: Path, end: End, metrics: dict[str, float], *, as_json: bool) -> None:
    if as_json:
        result = {
            "run": str(folder),
            "outcome": end.outcome,
            "step": end.step,
            "metrics": metrics,
            "page": str(page),
        }
        print(json.dumps(result, indent=2))
        return
    output.show(metrics_table(f"{folder}, step {end.step:,}, {end.seconds:.0f} s", metrics))
    if end.outcome == "diverged":
        output.show(f"Diverged: {end.reason}. The metrics are the last ones before; so is the checkpoint.")
    output.line(f"Page: {page}")
