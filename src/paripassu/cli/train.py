"""``paripassu train`` and ``paripassu eval``: one GAN."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro
from rich.console import Console
from rich.table import Table

from paripassu.cli import choices
from paripassu.cli.progress import errors, progress_bar
from paripassu.data.images import Channels, OnBadImage
from paripassu.records import RECORDS_FILE, End, Metric, read_records
from paripassu.report.run import write_run_page
from paripassu.rules import Rule
from paripassu.train import Player, Run, evaluate, load_run, train
from paripassu.train.run import Decay, Updates
from paripassu.train.settings import loss_names

_OPTIMIZERS = f"One of {', '.join(choices.OPTIMIZERS)}."


@dataclass
class Train:
    """Train one GAN; stop it anywhere, the same command goes on where it stopped.

    Writes a run folder: settings, records, sample pictures, checkpoints and a page.
    """

    data: str = "digits"
    """digits, ring or grid, or the path of a folder or zip of images."""
    model: str = "dcgan"
    """dcgan (square images of 8, 16, 32 or 64 px) or mlp (anything)."""
    optimizer_d: Annotated[str, tyro.conf.arg(help=f"Discriminator's. {_OPTIMIZERS}")] = "nsgd"
    optimizer_g: Annotated[str, tyro.conf.arg(help=f"Generator's. {_OPTIMIZERS}")] = "nsgd"
    lr_d: float = 0.03
    """Discriminator's learning rate > 0; for nsgd the length of a step."""
    lr_g: float = 0.03
    """Generator's learning rate > 0."""
    betas: tuple[float, float] | None = None
    """Adam's decay rates in [0, 1), for optimizers that have them (0.5 0.999 without it)."""
    momentum: float | None = None
    """In [0, 1), for sgd and nsgd (0 without it)."""
    weight_decay: float = 0.0
    """Decoupled, >= 0, both players."""
    loss: Annotated[str, tyro.conf.arg(help=f"One of {', '.join(loss_names())}.")] = "non_saturating"
    penalty: Annotated[str | None, tyro.conf.arg(help=f"One of {', '.join(choices.PENALTIES)}.")] = None
    penalty_weight: float | None = None
    """WGAN-GP's weight (10 without it) or R1's gamma (1 without it)."""
    latent: int | None = None
    """Length of z; the model's own without it."""
    width: int | None = None
    """Hidden channels or units; the model's own without it."""
    norm: str | None = None
    """dcgan's normalisation: batch or none; none where there is a penalty, else batch."""
    resolution: int | None = None
    """Size that images of a folder or zip are brought to."""
    channels: Channels | None = None
    """3 for colour, 1 for grey images of a folder or zip; colour without it."""
    on_bad_image: OnBadImage = "refuse"
    """Whether images of a folder or zip that cannot be used end the command or are passed over."""
    steps: int = 1000
    """Generator updates."""
    batch: int = 64
    """Samples per player and update."""
    n_critic: int = 1
    """Discriminator updates per generator update."""
    updates: Updates = "alternating"
    """Whether the generator answers the discriminator's new weights or both step at once."""
    decay: Decay = "constant"
    """Of the learning rates over the run."""
    ema: float = 0.0
    """Decay per step of the averaged generator that is measured; 0 for none."""
    seed: int = 0
    """Of weights, batches and latents."""
    eval_samples: int = 2500
    """Generated samples per measurement."""
    eval_every: int = 500
    """Steps between measurements and sample pictures."""
    checkpoint_every: int = 500
    """Steps between checkpoints."""
    log_every: int = 50
    """Steps between loss records and looks for divergence."""
    probe_every: int = 50
    """Steps between probed optimizer steps."""
    shadow: Annotated[
        str | None,
        tyro.conf.arg(help=f"Tell at probed steps what this would have done instead. {_OPTIMIZERS}"),
    ] = None
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU where there is one."""
    out: Path | None = None
    """The run's folder; runs/DATA-MODEL-KEY without it."""
    quiet: bool = False
    """No progress."""
    json: bool = False
    """The result as JSON."""

    def run(self) -> Run:
        """The run that these options ask for."""
        penalty = None
        if self.penalty is not None:
            make = choices.choose("penalty", self.penalty, choices.PENALTIES)
            penalty = make() if self.penalty_weight is None else make(self.penalty_weight)
        elif self.penalty_weight is not None:
            raise ValueError("--penalty-weight needs a --penalty")
        norm = "none" if self.norm is None and self.model == "dcgan" and penalty else self.norm
        return Run(
            data=choices.source(
                self.data,
                resolution=self.resolution,
                channels=self.channels,
                on_bad_image=self.on_bad_image,
            ),
            model=choices.architecture(self.model, latent=self.latent, width=self.width, norm=norm),
            discriminator=Player(self._rule(self.optimizer_d), self.lr_d, self.weight_decay),
            generator=Player(self._rule(self.optimizer_g), self.lr_g, self.weight_decay),
            loss=choices.choose("loss", self.loss, loss_names()),
            penalty=penalty,
            steps=self.steps,
            batch=self.batch,
            n_critic=self.n_critic,
            updates=self.updates,
            decay=self.decay,
            ema=self.ema,
            seed=self.seed,
            eval_samples=self.eval_samples,
            eval_every=self.eval_every,
            checkpoint_every=self.checkpoint_every,
            log_every=self.log_every,
            probe_every=self.probe_every,
            shadow=None if self.shadow is None else self._rule(self.shadow),
            device=_device(self.device),
        )

    def __call__(self) -> None:
        """Train, write the page, print the metrics."""
        run = self.run()
        folder = self.out or Path("runs") / f"{run.data.name}-{run.model.name}-{run.key()}"
        console = errors()
        with progress_bar(f"{run.data.name}, {run.model.name}", run.steps, quiet=self.quiet) as advance:
            end = train(
                run,
                folder,
                command=choices.as_typed(),
                progress=advance,
                notice=lambda text: console.print(text),
            )
        page = write_run_page(folder)
        metrics = {r.name: r.value for r in read_records(folder / RECORDS_FILE) if isinstance(r, Metric)}
        _print_result(folder, page, end, metrics, as_json=self.json)

    def _rule(self, name: str) -> Rule:
        make = choices.choose("optimizer", name, choices.OPTIMIZERS)
        named = {self.optimizer_d, self.optimizer_g, self.shadow}
        if self.betas is not None and not named & choices.WITH_BETAS:
            raise ValueError(f"--betas is for {', '.join(sorted(choices.WITH_BETAS))}: leave it out")
        if self.momentum is not None and not named & choices.WITH_MOMENTUM:
            raise ValueError(f"--momentum is for {', '.join(sorted(choices.WITH_MOMENTUM))}: leave it out")
        return make(self.betas or (0.5, 0.999), self.momentum or 0.0)


@dataclass
class Eval:
    """Measure the last checkpoint of a run."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """A run folder."""
    samples: int | None = None
    """Generated samples; the run's own number without it."""
    json: bool = False
    """The result as JSON."""

    def __call__(self) -> None:
        """Print every metric."""
        step, metrics = evaluate(load_run(self.folder), self.folder, samples=self.samples)
        if self.json:
            print(json.dumps({"run": str(self.folder), "step": step, "metrics": metrics}, indent=2))
        else:
            Console().print(_metrics_table(f"{self.folder}, step {step:,}", metrics))


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"{name!r} is no torch device: use cpu, cuda or cuda:N") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"there is no {name} on this machine: leave --device out or use cpu")
    return name


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
    console = Console()
    console.print(_metrics_table(f"{folder}, step {end.step:,}, {end.seconds:.0f} s", metrics))
    if end.outcome == "diverged":
        console.print(f"Diverged: {end.reason}. The metrics are the last ones before; so is the checkpoint.")
    console.print(f"Page: {page}", soft_wrap=True)


def _metrics_table(title: str, metrics: dict[str, float]) -> Table:
    table = Table("metric", "value", title=title, title_justify="left")
    for name, value in metrics.items():
        table.add_row(name, f"{value:.4g}")
    return table
