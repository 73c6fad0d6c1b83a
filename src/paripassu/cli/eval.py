"""``paripassu eval``: a run's last checkpoint by any metric."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from paripassu.cli import names, output
from paripassu.printable import printable

if TYPE_CHECKING:
    from rich.table import Table

    from paripassu.metrics import FeatureMetric
    from paripassu.train import Run


@dataclass
class Eval:
    """Measure the last checkpoint of a run, or another one.

    Values under one name may be compared, others not: the name says the metric, the network whose features
    it sees, and the number of samples. What was measured before of the data is kept and not repeated.
    """

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """A run folder."""
    metric: Annotated[
        tuple[str, ...],
        tyro.conf.arg(
            metavar="NAME",
            help="METRIC-NETWORK@COUNT, one or more, such as fd-efficientnet-lite0@10k (extra features), "
            "fid-inception@50k (extra fid) or recall-digits@1000; without it, what the training measured. "
            "METRIC: fd (Fréchet distance), kd (kernel distance), for inception fid and kid, or precision, "
            f"recall, density, coverage. NETWORK: {', '.join(names.NETWORKS)}.",
            help_behavior_hint="",
        ),
    ] = ()
    step: Annotated[int | None, tyro.conf.arg(help_behavior_hint="")] = None
    """Of the checkpoint; the last one without it. A run keeps two."""
    samples: int | None = None
    """Generated samples of metrics without a COUNT; the run's own number without it."""
    device: str | None = None
    """cpu, cuda, cuda:1, ...; the run's without it. Other latents are drawn on another one."""
    inception_weights: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """torch-fidelity's file of weights; downloaded without it."""
    quiet: bool = False
    """No progress."""
    json: bool = False
    """The result as JSON."""

    def __call__(self) -> None:
        """Print every metric."""
        from paripassu.cli import choices
        from paripassu.cli.progress import stage_bars
        from paripassu.train import evaluate

        run = self._run()
        samples = run.eval_samples if self.samples is None else self.samples
        metrics = [choices.metric(name, samples) for name in self.metric]
        if self.samples is not None and metrics and all("@" in name for name in self.metric):
            raise ValueError("--samples is for metrics without a COUNT: leave it out, or leave out an @COUNT")
        if self.inception_weights:
            metrics = _with_weights(metrics, self.inception_weights.resolve())
        with stage_bars(quiet=self.quiet) as advance:
            own = None if metrics else self.samples
            step, values = evaluate(
                run, self.folder, own, metrics, advance, step=self.step, notice=output.notice
            )
        if self.json:
            print(json.dumps({"run": str(self.folder), "step": step, "metrics": values}, indent=2))
        else:
            output.show(metrics_table(f"{self.folder}, step {step:,}", values))

    def _run(self) -> "Run":
        from paripassu.cli import choices
        from paripassu.train import load_run

        run = load_run(self.folder)
        if self.device is None:
            return run
        # Nothing is measured in a run's precision, and a CPU has no tf32 to leave unused.
        return replace(run, device=choices.device(self.device), precision="float32")


def _with_weights(metrics: "list[FeatureMetric]", weights: Path) -> "list[FeatureMetric]":
    from paripassu.metrics import InceptionFeatures

    if not any(isinstance(metric.network, InceptionFeatures) for metric in metrics):
        raise ValueError("--inception-weights is for a --metric on inception: leave it out or ask for one")
    given = InceptionFeatures(weights)
    return [replace(m, network=given) if isinstance(m.network, InceptionFeatures) else m for m in metrics]


def metrics_table(title: str, metrics: dict[str, float]) -> "Table":
    """Metrics as a table for the terminal."""
    from rich.table import Table

    table = Table("metric", "value", title=printable(title), title_justify="left")
    for name, value in metrics.items():
        table.add_row(name, f"{value:.4g}")
    return table
