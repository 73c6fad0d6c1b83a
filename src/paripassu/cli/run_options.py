"""Options of ``paripassu train`` for the settings of a run, in groups. None is left to the recipe."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any

import tyro

from paripassu.cli import names
from paripassu.records import Decay


def _of_recipe(metavar: str, about: str | None = None) -> Any:
    return tyro.conf.arg(metavar=metavar, help=about, help_behavior_hint="(the recipe's)")


def _names(what: str, known: Iterable[str], own: str = "") -> Any:
    return _of_recipe("NAME", f"{what}: {', '.join(known)}{f', or FILE.py:NAME, {own}' * bool(own)}.")


_DATA = (
    "digits, stacked-digits, ring or grid; the path of images in a folder, zip, Parquet, npz, idx or CIFAR's "
    "files; cifar10, stl10, lsun-church, celeba-hq or ffhq, to be downloaded (extra hub); or FILE.py:NAME, a "
    "Source or torch Dataset."
)

_Int = Annotated[int | None, _of_recipe("INT")]
_Float = Annotated[float | None, _of_recipe("FLOAT")]
_Name = Annotated[str | None, _of_recipe("NAME")]
_Yes = Annotated[bool | None, _of_recipe("{True,False}")]


@dataclass
class DataOptions:
    """What is learned."""

    data: Annotated[str | None, _of_recipe("NAME", _DATA)] = None
    resolution: _Int = None
    """Size that images by path are brought to."""
    channels: Annotated[names.Channels | None, _of_recipe("{1,3}")] = None
    """3 for colour (without it), 1 for grey images of a folder, zip, Parquet or the Hub."""
    on_bad_image: Annotated[names.OnBadImage | None, _of_recipe("{refuse,skip}")] = None
    """Whether bad images or folders without any end the command (without it) or are passed over and named."""
    column: _Name = None
    """The column of images of Parquet files that have several."""
    array: _Name = None
    """The array of images of an npz that has several."""
    split: _Name = None
    """Of images that names of folders, files or arrays divide: train (without it), validation, test, all."""
    revision: _Name = None
    """The commit, tag or branch of a published set, as in cifar10@COMMIT. A run that goes on keeps it."""
    conditional: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Train conditional networks (dcgan, sngan or yours) on data with labels, such as class folders."""
    labels: _Name = None
    """The column of Parquet files or array of an npz with the labels, where there are several."""
    flip: _Yes = None
    """Whether images are mirrored at random."""
    dequantize: _Yes = None
    """Whether noise spreads the 256 levels of images."""


@dataclass
class NetworkOptions:
    """The two networks."""

    model: Annotated[str | None, _names("The two networks", names.MODELS, "yours")] = None
    latent: _Int = None
    """Length of z."""
    width: _Int = None
    """Channels: mlp's and wgangp-resnet's of any layer, dcgan's and sngan's narrowest, stylegan2's widest."""
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


@dataclass
class OptimizerOptions:
    """How the players step."""

    optimizer_d: Annotated[str | None, _names("Discriminator's", names.OPTIMIZERS, "a Rule")] = None
    optimizer_g: Annotated[str | None, _names("Generator's", names.OPTIMIZERS, "a Rule")] = None
    lr_d: _Float = None
    """Discriminator's learning rate > 0, for nsgd in Adam's unit; --optimizer-d needs it."""
    lr_g: _Float = None
    """Generator's learning rate > 0; --optimizer-g needs it."""
    betas: Annotated[tuple[float, float] | None, _of_recipe("B1 B2")] = None
    """Adam's decay rates in [0, 1), for optimizers that have them (0.5 0.999 for one given by name)."""
    momentum: _Float = None
    """In [0, 1), for optimizers with an SGD in them."""
    weight_decay: _Float = None
    """Decoupled, >= 0, both players."""
    pace: _Float = None
    """Rescale the generator's steps so that this is the discriminator's relative step over its own; > 0."""


@dataclass
class LossOptions:
    """What the players minimize."""

    loss: Annotated[str | None, _names("One of", names.LOSSES)] = None
    penalty: Annotated[str | None, _names("On the discriminator", [*names.PENALTIES, "none"])] = None
    penalty_weight: _Float = None
    """WGAN-GP's weight (10 for one given by name) or gamma of r1 and r1-r2 (1)."""
    penalty_every: _Int = None
    """Steps between uses of the penalty; its weight is multiplied by this."""
    path_length: _Float = None
    """Weight of stylegan2's path length term; 0 for none."""
    path_length_every: _Int = None
    """Steps between uses of the path length term; its weight is multiplied by this."""


@dataclass
class ScheduleOptions:
    """How long, how many samples, and in which order."""

    steps: _Int = None
    """Generator updates."""
    batch: _Int = None
    """Samples per player and update."""
    generator_batches: _Int = None
    """The generator's samples per update, in batches."""
    n_critic: _Int = None
    """Discriminator updates per generator update."""
    updates: Annotated[names.Updates | None, _of_recipe("{alternating,simultaneous}")] = None
    """Whether the generator steps after the discriminator, on its new weights, or both step at once."""
    decay: Annotated[Decay | None, _of_recipe("{constant,linear,cosine}")] = None
    """Of the learning rates over the run."""
    ema: _Float = None
    """Decay per step of the averaged generator that is measured; 0 for none."""
    seed: _Int = None
    """Of weights, batches and latents."""


@dataclass
class MeasuringOptions:
    """What is measured, and how often anything is written down."""

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
        str | None,
        _names("Record at probed steps what this optimizer would have done", names.OPTIMIZERS, "a Rule"),
    ] = None


@dataclass
class SpeedOptions:
    """What changes the speed. Only the precision changes more than last digits."""

    precision: Annotated[names.Precision | None, _of_recipe("{float32,tf32,bf16}")] = None
    """Of the networks' products: tf32 and bf16 round them on tensor cores; penalties stay in float32."""
    channels_last: _Yes = None
    """Whether images are stored pixel by pixel in memory: the same sums, often faster."""
    compile: _Yes = None
    """Whether torch.compile makes the networks' code: minutes before the first step, then faster steps."""
    device: Annotated[str | None, tyro.conf.arg(help_behavior_hint="(default: the config's, or auto)")] = None
    """cpu, cuda, cuda:1, ...; auto takes a GPU if the machine has one."""
    capture: names.Capture = "auto"
    """Whether a GPU replays whole rounds as CUDA graphs; auto: where it can, --dry-run says why not."""


def given(options: Any) -> dict[str, Any]:
    """What a person typed, by the options' names, out of options in groups."""
    values: dict[str, Any] = {}
    for each in fields(options):
        value = getattr(options, each.name)
        values |= given(value) if is_dataclass(value) else {} if value is None else {each.name: value}
    return values
