"""``paripassu train``: one GAN."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import tyro

from paripassu.cli import choices, output
from paripassu.cli.eval import metrics_table
from paripassu.cli.progress import progress_bar
from paripassu.data.images import Channels, OnBadImage
from paripassu.recipes import RECIPES, Options, override
from paripassu.records import RECORDS_FILE, Decay, End, Metric
from paripassu.records.codec import read_records
from paripassu.report.run import write_run_page
from paripassu.train import Capture, Run, check_capture, current_processes, joined, names, obstacle, train
from paripassu.train.run import Precision, Updates
from paripassu.train.serialization import loss_names


def _of_recipe(metavar: str, about: str | None = None) -> Any:
    # None stands for the recipe's value; tyro would show it as a choice.
    return tyro.conf.arg(metavar=metavar, help=about, help_behavior_hint="")


def _names(what: str, names: Iterable[str], own: str = "") -> Any:
    return _of_recipe("NAME", f"{what}: {', '.join(names)}{f', or FILE.py:NAME, {own}' * bool(own)}.")


_Int = Annotated[int | None, _of_recipe("INT")]
_Float = Annotated[float | None, _of_recipe("FLOAT")]
_Name = Annotated[str | None, _of_recipe("NAME")]
_Yes = Annotated[bool | None, _of_recipe("{True,False}")]


@dataclass
class Train:
    """Train one GAN; stop it anywhere, the same command goes on where it stopped.

    Settings that are not given are the recipe's; --dry-run prints them all. Writes a run folder: settings,
    records, sample pictures, checkpoints and a page.
    """

    recipe: Annotated[
        str,
        tyro.conf.arg(
            metavar="NAME",
            help="One of " + "; ".join(f"{name}: {recipe.about}" for name, recipe in RECIPES.items()) + ".",
        ),
    ] = "digits"
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print the resolved settings as JSON and train nothing."""
    data: _Name = None
    """digits, stacked-digits, ring or grid; a path: images in a folder, zip, Parquet, npz, idx, CIFAR; to be
    downloaded (extra hub): cifar10, stl10, lsun-church, celeba-hq or ffhq; or FILE.py:NAME, a Source or torch
    Dataset."""
    resolution: _Int = None
    """Size that images by path are brought to."""
    channels: Annotated[Channels | None, _of_recipe("{1,3}")] = None
    """3 for colour (without it), 1 for grey images of a folder, zip, Parquet or the Hub."""
    on_bad_image: Annotated[OnBadImage | None, _of_recipe("{refuse,skip}")] = None
    """Whether bad images or folders without any end the command (without it) or are passed over and named."""
    column: _Name = None
    """The column of images of Parquet files that have several."""
    array: _Name = None
    """The array of images of an npz that has several."""
    split: _Name = None
    """Of images that names of folders, files or arrays divide: train (without it), validation, test, all."""
    revision: _Name = None
    """The commit, tag or branch of a published set; also as in cifar10@COMMIT. A run that goes on keeps its
    own."""
    flip: _Yes = None
    """Whether images are mirrored at random."""
    dequantize: _Yes = None
    """Whether noise spreads the 256 levels of images."""
    model: Annotated[str | None, _names("The two networks", names.MODELS, "yours")] = None
    latent: _Int = None
    """Length of z."""
    width: _Int = None
    """Hidden channels or units: mlp's of every layer, sngan's of its narrowest, stylegan2's of its widest."""
    norm: _Name = None
    """dcgan's normalisation: batch or none; none where there is a penalty."""
    depth: _Int = None
    """mlp's hidden layers."""
    fmaps: _Float = None
    """stylegan2's scale of channels."""
    mapping_depth: _Int = None
    """stylegan2's layers from z to the style."""
    mixing: _Float = None
    """stylegan2's probability of mixed styles."""
    deviation_group: _Int = None
    """stylegan2's samples whose standard deviation the discriminator sees."""
    residual: _Yes = None
    """Whether stylegan2's discriminator has shortcuts."""
    optimizer_d: Annotated[str | None, _names("Discriminator's", names.OPTIMIZERS, "a Rule")] = None
    optimizer_g: Annotated[str | None, _names("Generator's", names.OPTIMIZERS, "a Rule")] = None
    lr_d: _Float = None
    """Discriminator's learning rate > 0; for nsgd the length of a step."""
    lr_g: _Float = None
    """Generator's learning rate > 0."""
    betas: Annotated[tuple[float, float] | None, _of_recipe("B1 B2")] = None
    """Adam's decay rates in [0, 1), for optimizers that have them (0.5 0.999 for one given by name)."""
    momentum: _Float = None
    """In [0, 1), for optimizers with an SGD in them."""
    weight_decay: _Float = None
    """Decoupled, >= 0, both players."""
    loss: Annotated[str | None, _names("One of", loss_names())] = None
    penalty: Annotated[str | None, _names("On the discriminator", [*names.PENALTIES, "none"])] = None
    penalty_weight: _Float = None
    """WGAN-GP's weight (10 for one given by name) or gamma of r1 and r1-r2 (1)."""
    penalty_every: _Int = None
    """Steps between uses of the penalty; its weight is multiplied by this."""
    path_length: _Float = None
    """Weight of stylegan2's path length term; 0 for none."""
    path_length_every: _Int = None
    """Steps between uses of the path length term; its weight is multiplied by this."""
    steps: _Int = None
    """Generator updates."""
    batch: _Int = None
    """Samples per player and update."""
    generator_batches: _Int = None
    """The generator's samples per update, in batches."""
    n_critic: _Int = None
    """Discriminator updates per generator update."""
    updates: Annotated[Updates | None, _of_recipe("{alternating,simultaneous}")] = None
    """Whether the generator steps after the discriminator, on its new weights, or both step at once."""
    decay: Annotated[Decay | None, _of_recipe("{constant,linear,cosine}")] = None
    """Of the learning rates over the run."""
    ema: _Float = None
    """Decay per step of the averaged generator that is measured; 0 for none."""
    seed: _Int = None
    """Of weights, batches and latents."""
    eval_samples: _Int = None
    """Generated samples per measurement."""
    eval_every: _Int = None
    """Steps between measurements and sample pictures."""
    checkpoint_every: _Int = None
    """Steps between checkpoints."""
    log_every: _Int = None
    """Steps between loss records and checks for divergence."""
    probe_every: _Int = None
    """Steps between probed optimizer steps."""
    shadow: Annotated[
        str | None, _names("Record at probed steps what this optimizer would have done", names.OPTIMIZERS)
    ] = None
    precision: Annotated[Precision | None, _of_recipe("{float32,tf32,bf16}")] = None
    """Of the networks' products: tf32 and bf16 round them on tensor cores; penalties stay in float32."""
    channels_last: _Yes = None
    """Whether images are stored pixel by pixel in memory: the same sums, often faster."""
    compile: _Yes = None
    """Whether torch.compile makes the networks' code: minutes before the first step, then faster steps."""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU if the machine has one."""
    capture: Capture = "auto"
    """Whether a GPU replays whole rounds as CUDA graphs; only the speed changes. auto: wherever it can;
    --dry-run says why it cannot."""
    start: Annotated[Path | None, tyro.conf.arg(name="from", metavar="RUN", help_behavior_hint="")] = None
    """Folder of a run of the same networks whose last weights are the first of this run."""
    out: Path | None = None
    """The run's folder; runs/DATA-MODEL-KEY without it. A run in it goes on, also with more --steps."""
    quiet: bool = False
    """No progress."""
    json: bool = False
    """The result as JSON."""

    def run(self) -> Run:
        """The run that these options ask for."""
        options = {name: getattr(self, name) for name in Options.__annotations__}
        given = {name: value for name, value in options.items() if value is not None}
        recipe = choices.choose("recipe", self.recipe, RECIPES).run
        return override(recipe, **cast(Options, given | {"device": choices.device(self.device)}))

    def __call__(self) -> None:
        """Train, write the page, print the metrics."""
        run = self.run()
        check_capture(run, self.capture)
        why = obstacle(run, self.capture)
        if self.dry_run:
            print(json.dumps(run.settings(), indent=2))
            output.notice(f"CUDA graphs: none, because {why}." if why else "CUDA graphs: one for each round.")
            return
        folder = self.out or self._default(run)
        with joined(run.device):
            is_first = current_processes().rank == 0
            end = self._train(run, folder, shown=is_first)
        if not is_first:
            return
        page = write_run_page(folder)
        metrics = {r.name: r.value for r in read_records(folder / RECORDS_FILE) if isinstance(r, Metric)}
        _print_result(folder, page, end, metrics, as_json=self.json)

    def _default(self, run: Run) -> Path:
        name = f"{run.data.name}-{run.model.name}-{run.key()}"
        return Path("runs") / (f"{name}-from-{self.start.resolve().name}" if self.start else name)

    def _train(self, run: Run, folder: Path, *, shown: bool) -> End:
        title = f"{run.data.name}, {run.model.name}"
        with progress_bar(title, run.steps, quiet=self.quiet or not shown) as advance:
            return train(
                run,
                folder,
                start=self.start,
                capture=self.capture,
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
