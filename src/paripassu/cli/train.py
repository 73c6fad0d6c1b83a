"""``paripassu train`` and ``paripassu eval``: one GAN."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, cast

import tyro
from rich.console import Console
from rich.table import Table

from paripassu.cli import choices
from paripassu.cli.progress import errors, progress_bar, stage_bars
from paripassu.data import Augmented, Placeholder, Source
from paripassu.data.images import Channels, OnBadImage
from paripassu.games import PathLength, Penalty
from paripassu.metrics import FeatureMetric, InceptionFeatures
from paripassu.models import DCGAN, Architecture
from paripassu.recipes import RECIPES
from paripassu.records import RECORDS_FILE, End, Metric
from paripassu.records.codec import read_records
from paripassu.report.run import write_run_page
from paripassu.rules import Rule
from paripassu.train import Player, Run, current_processes, evaluate, joined, load_run, train
from paripassu.train.run import Decay, Precision, Updates
from paripassu.train.serialization import loss_names


def _of_recipe(metavar: str, about: str | None = None) -> Any:
    # None stands for the recipe's value; tyro would show it as a choice.
    return tyro.conf.arg(metavar=metavar, help=about, help_behavior_hint="")


def _names(what: str, names: Iterable[str]) -> Any:
    return _of_recipe("NAME", f"{what}: {', '.join(names)}.")


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
    """digits, stacked-digits, ring or grid; a path: images in a folder, zip, Parquet, npz, idx, CIFAR; or, to
    be downloaded (extra hub), cifar10, stl10, lsun-church, celeba-hq or ffhq."""
    resolution: _Int = None
    """Size that images by path are brought to."""
    channels: Annotated[Channels | None, _of_recipe("{1,3}")] = None
    """3 for colour (without it), 1 for grey images of a folder, zip, Parquet or the Hub."""
    on_bad_image: Annotated[OnBadImage | None, _of_recipe("{refuse,skip}")] = None
    """Whether bad images or folders without any end the command (without it) or are passed over and named."""
    flip: _Yes = None
    """Whether images are mirrored at random."""
    dequantize: _Yes = None
    """Whether noise spreads the 256 levels of images."""
    model: Annotated[str | None, _names("The two networks", choices.MODELS)] = None
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
    optimizer_d: Annotated[str | None, _names("Discriminator's", choices.OPTIMIZERS)] = None
    optimizer_g: Annotated[str | None, _names("Generator's", choices.OPTIMIZERS)] = None
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
    penalty: Annotated[str | None, _names("On the discriminator", [*choices.PENALTIES, "none"])] = None
    penalty_weight: _Float = None
    """WGAN-GP's weight (10 for one given by name) or gamma of r1 and r1-r2 (1)."""
    penalty_every: _Int = None
    """Steps between uses of the penalty, which weighs as many times more."""
    path_length: _Float = None
    """Weight of stylegan2's path length term; 0 for none."""
    path_length_every: _Int = None
    """Steps between uses of the path length term, which weighs as many times more."""
    steps: _Int = None
    """Generator updates."""
    batch: _Int = None
    """Samples per player and update."""
    generator_batches: _Int = None
    """The generator's samples per update, in batches."""
    n_critic: _Int = None
    """Discriminator updates per generator update."""
    updates: Annotated[Updates | None, _of_recipe("{alternating,simultaneous}")] = None
    """Whether the generator answers the discriminator's new weights or both step at once."""
    decay: Annotated[Decay | None, _of_recipe("{constant,linear}")] = None
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
    """Steps between loss records and looks for divergence."""
    probe_every: _Int = None
    """Steps between probed optimizer steps."""
    shadow: Annotated[
        str | None, _names("Tell at probed steps what this would have done instead", choices.OPTIMIZERS)
    ] = None
    precision: Annotated[Precision | None, _of_recipe("{float32,tf32,bf16}")] = None
    """Of the networks' products: tf32 and bf16 round them on tensor cores; penalties stay in float32."""
    channels_last: _Yes = None
    """Whether images lie in memory pixel by pixel: the same sums, often faster."""
    compile: _Yes = None
    """Whether torch.compile makes the networks' code; minutes before the first step, faster ones then."""
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
        recipe = choices.choose("recipe", self.recipe, RECIPES).run
        penalty = self._penalty(recipe.penalty)
        path_length = self._path_length(recipe.path_length)
        rule_d, rule_g = self._rules(recipe)
        # A term that is not the recipe's is not as lazy either.
        settings: dict[str, Any] = {
            "penalty_every": recipe.penalty_every if type(penalty) is type(recipe.penalty) else 1,
            "path_length_every": recipe.path_length_every if path_length else 1,
        }
        settings |= self._given(*(field.name for field in fields(Run) if hasattr(self, field.name)))
        settings |= {
            "data": self._data(recipe.data),
            "model": self._model(recipe.model, penalized=penalty is not None),
            "discriminator": self._player("d", rule_d, recipe.discriminator),
            "generator": self._player("g", rule_g, recipe.generator),
            "loss": choices.choose("loss", self.loss, loss_names()) if self.loss else recipe.loss,
            "penalty": penalty,
            "path_length": path_length,
            "shadow": choices.choose("optimizer", self.shadow, choices.OPTIMIZERS)
            if self.shadow
            else recipe.shadow,
            "device": choices.device(self.device),
        }
        return replace(recipe, **settings)

    def __call__(self) -> None:
        """Train, write the page, print the metrics."""
        run = self.run()
        if self.dry_run:
            print(json.dumps(run.settings(), indent=2))
            return
        folder = self.out or Path("runs") / f"{run.data.name}-{run.model.name}-{run.key()}"
        with joined(run.device):
            is_first = current_processes().rank == 0
            end = self._train(run, folder, shown=is_first)
        if not is_first:
            return
        page = write_run_page(folder)
        metrics = {r.name: r.value for r in read_records(folder / RECORDS_FILE) if isinstance(r, Metric)}
        _print_result(folder, page, end, metrics, as_json=self.json)

    def _train(self, run: Run, folder: Path, *, shown: bool) -> End:
        console, title = errors(), f"{run.data.name}, {run.model.name}"
        with progress_bar(title, run.steps, quiet=self.quiet or not shown) as advance:
            return train(
                run,
                folder,
                command=choices.as_typed(),
                progress=advance,
                notice=lambda text: console.print(text) if shown else None,
            )

    def _given(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def _data(self, recipe: Source) -> Source:
        drawn = {"flip": False, "dequantize": False}
        if isinstance(recipe, Augmented):
            drawn = {"flip": recipe.flip, "dequantize": recipe.dequantize}
            recipe = recipe.source
        drawn |= self._given(*drawn)
        by_path = self._given("resolution", "channels", "on_bad_image")
        if self.data is not None:
            wanted = recipe.resolution if isinstance(recipe, Placeholder) else None
            recipe = choices.source(self.data, by_path, wanted)
        elif by_path:
            raise ValueError(f"--{next(iter(by_path)).replace('_', '-')} is for images by path: give --data")
        return Augmented(recipe, **drawn) if any(drawn.values()) else recipe

    def _model(self, recipe: Architecture, *, penalized: bool) -> Architecture:
        given = self._given("latent", "width", "norm", "depth", "fmaps", "mapping_depth", "mixing")
        given |= self._given("deviation_group", "residual")
        model = choices.architecture(self.model, given, recipe)
        if isinstance(model, DCGAN) and penalized and self.norm is None:
            return replace(model, norm="none")
        return model

    def _rules(self, recipe: Run) -> list[Rule]:
        rules = [
            player.rule if name is None else choices.choose("optimizer", name, choices.OPTIMIZERS)
            for name, player in (
                (self.optimizer_d, recipe.discriminator),
                (self.optimizer_g, recipe.generator),
            )
        ]
        for setting, value in self._given("betas", "momentum").items():
            changed = [choices.rule_with(rule, setting, value) for rule in rules]
            if changed == [None, None]:
                able = [n for n, r in choices.OPTIMIZERS.items() if choices.rule_with(r, setting, value)]
                raise ValueError(f"--{setting} is for {', '.join(able)}: leave it out")
            rules = [new or old for new, old in zip(changed, rules, strict=True)]
        return rules

    def _player(self, player: str, rule: Rule, recipe: Player) -> Player:
        lr = getattr(self, f"lr_{player}")
        if lr is None and rule != recipe.rule and getattr(self, f"optimizer_{player}") is not None:
            raise ValueError(
                f"--optimizer-{player} needs --lr-{player}: the recipe's {recipe.lr} is for another optimizer"
            )
        given = {} if lr is None else {"lr": lr}
        return replace(recipe, rule=rule, **given, **self._given("weight_decay"))

    def _penalty(self, recipe: Penalty | None) -> Penalty | None:
        penalty = recipe
        if self.penalty == "none":
            penalty = None
        elif self.penalty is not None:
            penalty = choices.choose("penalty", self.penalty, choices.PENALTIES)()
        if self.penalty_weight is None:
            return penalty
        if penalty is None:
            raise ValueError("--penalty-weight needs a --penalty")
        return cast(Callable[..., Penalty], type(penalty))(self.penalty_weight)

    def _path_length(self, recipe: PathLength | None) -> PathLength | None:
        if self.path_length is None:
            return recipe
        return replace(recipe or PathLength(), weight=self.path_length) if self.path_length else None


@dataclass
class Eval:
    """Measure the last checkpoint of a run.

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
            f"recall, density, coverage. NETWORK: {', '.join(choices.NETWORKS)}.",
            help_behavior_hint="",
        ),
    ] = ()
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
        run = self._run()
        samples = run.eval_samples if self.samples is None else self.samples
        metrics = [choices.metric(name, samples) for name in self.metric]
        if self.inception_weights:
            metrics = _with_weights(metrics, self.inception_weights.resolve())
        with stage_bars(quiet=self.quiet) as advance:
            step, values = evaluate(run, self.folder, None if metrics else self.samples, metrics, advance)
        if self.json:
            print(json.dumps({"run": str(self.folder), "step": step, "metrics": values}, indent=2))
        else:
            Console().print(_metrics_table(f"{self.folder}, step {step:,}", values))

    def _run(self) -> Run:
        run = load_run(self.folder)
        if self.device is None:
            return run
        # Nothing is measured in a run's precision, and a CPU has no tf32 to leave unused.
        return replace(run, device=choices.device(self.device), precision="float32")


def _with_weights(metrics: list[FeatureMetric], weights: Path) -> list[FeatureMetric]:
    if not any(isinstance(metric.network, InceptionFeatures) for metric in metrics):
        raise ValueError("--inception-weights is for a --metric on inception: leave it out or ask for one")
    given = InceptionFeatures(weights)
    return [replace(m, network=given) if isinstance(m.network, InceptionFeatures) else m for m in metrics]


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
