"""One round of GAN training, beside the loop people write and beside the same networks without a data set.

All contestants train equal networks with Adam on images of CIFAR-10's size. They take turns. A round is one
generator update and the discriminator updates before it. Images per second are the real images that the
discriminator sees.

- *The usual loop* has a DataLoader, two discriminator passes, and torch's default Adam and precision. On a
  GPU that precision is tf32 in convolutions. It computes every gradient that can be computed.
- *Captured*: the same rounds as of *paripassu*, replayed as CUDA graphs. On GPUs only.
- *Packed*: a captured round of each of several runs that share the GPU, with a stream each. Their number
  doubles while that makes 5 % more rounds a second and memory suffices. Rounds and images are those of all
  runs together, milliseconds those of a round of each. On GPUs only.
- *Torch's second derivatives*: the same rounds with a penalty as people write it.
- *The ceiling* of a setting has one batch and its latents ready on the device, and fused Adam. Each loss has
  gradients for one player only. Nothing is seeded, averaged or recorded. Its penalty has our second
  derivatives.

A *penalty* alone is compared with a *plain* pass: the forward and backward pass of the same discriminator on
as many images, by its weights and by the images. A penalty needs four convolutions for three, so 1.33 is the
least. Where a run has no penalty, this is R1 on its discriminator without batch normalisation.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate, chain, repeat
from operator import truediv
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from profiling import allocations, dated, name_of, peak, shares, wait
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import flop_registry

from paripassu.data import Digits, ImageSet
from paripassu.games import R1, Draws, WganGP, input_gradient, penalties, wasserstein
from paripassu.models import DCGAN, WganGPResNet
from paripassu.records import environment
from paripassu.rules import Adam
from paripassu.train import Player, Run
from paripassu.train.captured import WARM_UPS, CapturedRounds, CudaGraphs
from paripassu.train.pack import Device
from paripassu.train.pack_size import LEAST_GAIN, MOST
from paripassu.train.precision import computes_bfloat16, tensor_cores
from paripassu.train.state import initial_state
from paripassu.train.step import step

AT_LEAST_USUAL, AT_LEAST_CEILING = {"cpu": 1.3, "cuda": 2.5}, 0.95
AT_MOST_PLAIN, AT_LEAST_TORCHS = 1.7, 1.2
AT_LEAST_ALONE = 20.0
USUAL, OURS, CEILING = "the usual loop", "paripassu", "the ceiling"
CAPTURED, TORCHS = f"{OURS}, captured", f"{OURS}, torch's second derivatives"
PACKED = f"{OURS}, packed"
PACKED_LOAD, PACKED_SETTING = "DCGAN, 32 channels", "tf32"  # the load has the target for packs
DEFAULTS = "as torch has it"
IMAGES, SHAPE = 50_000, (3, 32, 32)
KINDS = {
    "convolutions, products": r"conv|mm$|linear|gemm|cutlass|cudnn|xmma",
    "normalisation": r"batch_norm|bn_",
    "activations": r"relu|tanh|threshold",
    "optimizers": r"Optimizer\.step|_fused_|_foreach_",
    "data, random numbers": r"index|rand|normal_|uniform_|DataLoader",
    "copies": r"copy|cat$|clone|fill_|zero_|Memcpy|Memset",
}

Round = Callable[[], object]


def loads(device: str, *, tiny: bool = False) -> dict[str, Run]:
    """The runs to train, by name. The ResNet has its published width on a GPU, a quarter of it on a CPU.

    Args:
        device: where.
        tiny: whether networks and batches are so small that nothing but errors can be learned from them.
    """
    width = 128 if device == "cuda" else 32
    channels, batch = 64, 64
    if tiny:
        width, channels, batch = 2, 2, 2
    narrow = {PACKED_LOAD: 32} if device == "cuda" and not tiny else {}
    resnet, dcgan = Player(Adam((0.0, 0.9)), 2e-4), Player(Adam((0.5, 0.999)), 2e-4)
    return {
        f"WGAN-GP ResNet, {width} channels, n_critic 5": Run(
            Digits(),  # not read: random images cost the same
            WganGPResNet(width=width),
            resnet,
            resnet,
            loss=wasserstein,
            penalty=WganGP(),
            n_critic=5,
            generator_batches=2,
            batch=batch,
            device=device,
        ),
    } | {
        name: Run(Digits(), DCGAN(width=width), dcgan, dcgan, batch=batch, device=device)
        for name, width in {f"DCGAN, {channels} channels": channels, **narrow}.items()
    }


def settings(device: str, *, compiled: bool, tiny: bool = False) -> dict[str, dict[str, Any]]:
    """The speed settings to measure, by name; two if everything is tiny.

    On CPUs bfloat16 is measured only where it is computed (`computes_bfloat16`).
    """
    if tiny:
        return {"float32": {}, "float32, channels last": {"channels_last": True}}
    if device == "cuda":
        precisions: tuple[str, ...] = ("float32", "tf32", "bf16")
    elif computes_bfloat16(torch.device("cpu")):
        precisions = ("float32", "bf16")
    else:
        precisions = ("float32",)
    # On a CPU, convolutions in bf16 need channels last.
    plain = precisions if device == "cuda" else ("float32",)
    found: dict[str, dict[str, Any]] = {name: {"precision": name} for name in plain}
    found |= {f"{name}, channels last": {"precision": name, "channels_last": True} for name in precisions}
    if compiled:
        fastest = {"channels_last": True} | ({"precision": "bf16"} if device == "cuda" else {})
        found["compiled, channels last"] = fastest | {"compile": True}
    return found


class _Images(Dataset[Tensor]):
    """Images one at a time, as torchvision's ToTensor and Normalize return them."""

    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> Tensor:
        return (self.pixels[index].float() / 255 - 0.5) / 0.5


def usual(run: Run, pixels: Tensor) -> Round:
    """The loop people write."""
    generator, discriminator = (network.to(run.device) for network in run.model.build(SHAPE))
    optimizer_g, optimizer_d = (_adam(run, network) for network in (generator, discriminator))
    loader = DataLoader(_Images(pixels), run.batch, shuffle=True, drop_last=True)
    batches: Iterator[Tensor] = chain.from_iterable(repeat(loader))

    def latents(count: int) -> Tensor:
        return torch.randn(count, run.model.latent, device=run.device)

    def play() -> None:
        for _ in range(run.n_critic):
            real = next(batches).to(run.device)
            fake = generator(latents(run.batch)).detach()
            loss = run.loss.discriminator(discriminator(real), discriminator(fake))
            if run.penalty:
                along = torch.rand(len(real), 1, 1, 1).to(real)
                loss = loss + _penalty(discriminator, real, fake, along, torchs_gradient)
            optimizer_d.zero_grad()
            loss.backward()
            optimizer_d.step()
        loss = run.loss.generator(discriminator(generator(latents(run.generator_batches * run.batch))))
        optimizer_g.zero_grad()
        loss.backward()
        optimizer_g.step()

    return play


def ours(run: Run, pixels: Tensor) -> Round:
    """A step of ``paripassu train``."""
    state = initial_state(run, SHAPE)
    real = ImageSet(pixels.to(run.device))

    def play() -> None:
        with tensor_cores(run):
            step(run, state, real)
        state.step += 1

    return play


def captured(run: Run, pixels: Tensor) -> Round:
    """A step of ``paripassu train --capture on``."""
    run = replace(run, probe_every=10**6)  # probed rounds are not captured
    state = initial_state(run, SHAPE)
    real = ImageSet(pixels.to(run.device))
    graphs = CudaGraphs(torch.device(run.device))
    one_round = CapturedRounds(run, state, real, graphs, unseen=lambda: None, refused=_refused)

    def play() -> None:
        with tensor_cores(run):
            one_round()
        state.step += 1

    return play


def packed(run: Run, pixels: Tensor, most: int = MOST) -> tuple[int, Round]:
    """How many runs are packed, and a round of each of them."""
    device, pixels = Device(run.device), pixels.to(run.device)
    members: list[Round] = []

    def play(size: int) -> None:
        for place, member in enumerate(members[:size]):
            with device.stream(place):
                member()

    def rate(size: int) -> float:
        for place in range(len(members), size):
            with device.stream(place):
                members.append(captured(replace(run, seed=place), pixels))
        for _ in range(WARM_UPS + 1):
            play(size)
        return size / min(_seconds(lambda: play(size), run.device) for _ in range(5))

    best, most_a_second = 1, rate(1)
    while 2 * best <= most:
        try:
            doubled = rate(2 * best)
        except torch.OutOfMemoryError:
            break
        if doubled < (1 + LEAST_GAIN) * most_a_second:
            break
        best, most_a_second = 2 * best, doubled
    del members[best:]
    return best, lambda: play(best)


def _refused(error: RuntimeError) -> None:
    raise error


def with_torchs_penalty(play: Round) -> Round:
    """The same round; its penalty has torch's own second derivatives."""

    def ordinary() -> None:
        with patch.object(penalties, "input_gradient", torchs_gradient):
            play()

    return ordinary


def ceiling(run: Run) -> Round:
    """The networks alone."""
    networks = [network.to(run.device) for network in run.model.build(SHAPE)]
    for network in networks if run.channels_last else []:
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - torch's stubs
    for network in networks if run.compile else []:
        network.forward = torch.compile(network.forward)
    generator, discriminator = networks
    optimizer_g, optimizer_d = (_adam(run, network, fused=True) for network in networks)
    players = {network: list(network.parameters()) for network in networks}
    real = torch.rand(run.batch, *SHAPE, device=run.device)
    along = torch.rand(run.batch, 1, 1, 1, device=run.device)
    few = torch.randn(run.batch, run.model.latent, device=run.device)
    many = torch.randn(run.generator_batches * run.batch, run.model.latent, device=run.device)
    penalty = torch.compile(_penalty) if run.compile else _penalty

    def play() -> None:
        with tensor_cores(run):
            for _ in range(run.n_critic):
                with torch.no_grad(), _cast(run):
                    fake = generator(few).float()
                with _cast(run):
                    logits = [discriminator(images).float() for images in (real, fake)]
                loss = run.loss.discriminator(*logits)
                if run.penalty:
                    loss = loss + penalty(discriminator, real, fake, along, input_gradient)
                optimizer_d.zero_grad()
                loss.backward(inputs=players[discriminator])
                optimizer_d.step()
            with _cast(run):
                logits = discriminator(generator(many)).float()
            optimizer_g.zero_grad()
            run.loss.generator(logits).backward(inputs=players[generator])
            optimizer_g.step()

    return play


def _cast(run: Run) -> Any:
    on = run.precision == "bf16"
    return torch.autocast(run.device, torch.bfloat16) if on else nullcontext()


def _adam(run: Run, network: nn.Module, *, fused: bool | None = None) -> torch.optim.Adam:
    rule = run.generator.rule
    assert isinstance(rule, Adam)
    return torch.optim.Adam(network.parameters(), run.generator.lr, betas=rule.betas, fused=fused)


Gradient = Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]


def _penalty(
    discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, along: Tensor, gradient: Gradient
) -> Tensor:
    slopes = gradient(discriminator, torch.lerp(real, fake, along))
    return 10 * (slopes.flatten(1).norm(dim=1) - 1).square().mean()


def torchs_gradient(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """`paripassu.games.input_gradient` as people write it."""
    x = at.detach().requires_grad_()
    (slopes,) = torch.autograd.grad(function(x).sum(), x, create_graph=True)
    return slopes


@dataclass(frozen=True)
class Row:
    """A contestant's result on one load.

    Attributes:
        contestant: its name.
        setting: its speed setting.
        median_ms: of one round, or of a round of each packed run.
        rounds: a second, from the median.
        images: real images a second, from the median.
        to_usual: its speed over that of the usual loop.
        to_ceiling: our speed over that of the ceiling of this setting; None for the other contestants.
        to_torchs: our speed over that with torch's own second derivatives; None without a penalty.
        peak_mib: the most MiB allocated at once within a round, beyond weights and optimizers; None for a
            graph, which keeps its memory.
        of_peak: speed of its convolutions and products over that of a large matrix product.
        runs: that have a round each.
    """

    contestant: str
    setting: str
    median_ms: float
    rounds: float
    images: float
    to_usual: float
    to_ceiling: float | None
    to_torchs: float | None
    peak_mib: float | None
    of_peak: float
    runs: int = 1


def measure(
    run: Run, rounds: int, progress: Callable[[], None], of: dict[str, dict[str, Any]]
) -> tuple[list[Row], dict[str, dict[str, float]]]:
    """Rows of every contestant on one run, and the shares of our time by kind of operation.

    Args:
        run: what to train.
        rounds: of each contestant.
        progress: called after each turn of all contestants.
        of: the speed settings by name.
    """
    pixels = torch.randint(0, 256, (IMAGES, *SHAPE), dtype=torch.uint8)
    plays: dict[tuple[str, str], Round] = {(USUAL, DEFAULTS): usual(run, pixels)}
    for name, changes in of.items():
        changed = replace(run, **changes)
        plays[OURS, name] = ours(changed, pixels)
        if run.device == "cuda" and not changed.compile:
            plays[CAPTURED, name] = captured(changed, pixels)
        if run.penalty and not changed.compile:
            plays[TORCHS, name] = with_torchs_penalty(ours(changed, pixels))
        plays[CEILING, name] = ceiling(changed)
    for play in plays.values():  # torch chooses kernels and compiles, graphs are recorded
        for _ in range(WARM_UPS + 1):
            play()
    # A graph's operations are not seen when it is replayed; they are those of the same rounds without it.
    seen = {who: play for who, play in plays.items() if who[0] != CAPTURED}
    operations = {who: _operations(play) for who, play in seen.items() if "compiled" not in who[1]}
    memory = {who: _memory(play, run.device) for who, play in seen.items()}
    seconds: dict[tuple[str, str], list[float]] = {who: [] for who in plays}
    for _ in range(rounds):
        for who, play in plays.items():
            seconds[who].append(_seconds(play, run.device))
        progress()
    goes = {
        name: shares(play, KINDS, on_gpu=run.device == "cuda")
        for (who, name), play in plays.items()
        if who == OURS
    }
    runs: dict[tuple[str, str], int] = {}
    if run.device == "cuda":
        plays.clear()  # packs may take all the memory
        setting = PACKED_SETTING if PACKED_SETTING in of else next(iter(of))
        runs[PACKED, setting], play = packed(replace(run, **of[setting]), pixels)
        seconds[PACKED, setting] = [_seconds(play, run.device) for _ in range(rounds)]
    median = {who: statistics.median(taken) for who, taken in seconds.items()}
    precisions = {name: str(changes.get("precision", "float32")) for name, changes in of.items()}
    size = 8192 if run.device == "cuda" else min(2048, 128 * run.batch)
    precisions[DEFAULTS] = "tf32" if run.device == "cuda" else "float32"
    peaks = {precision: _peak(run.device, precision, size) for precision in sorted({*precisions.values()})}
    rows = []
    for who, name in seconds:
        count = runs.get((who, name), 1)
        taken = median[who, name] / count  # for a round of one run
        # Compiled code does the operations of the plain code.
        work = (
            operations.get((OURS if who in (CAPTURED, PACKED) else who, name)) or operations[who, "float32"]
        )
        peak_bytes = memory.get((who, name))
        is_ours = who in (OURS, CAPTURED, PACKED)
        rows.append(
            Row(
                contestant=who,
                setting=name,
                median_ms=1e3 * median[who, name],
                rounds=1 / taken,
                images=run.batch * run.n_critic / taken,
                to_usual=median[USUAL, DEFAULTS] / taken,
                to_ceiling=median[CEILING, name] / taken if is_ours else None,
                to_torchs=median[TORCHS, name] / taken if is_ours and (TORCHS, name) in median else None,
                peak_mib=None if peak_bytes is None else peak_bytes / 2**20,
                of_peak=work / taken / peaks[precisions[name]],
                runs=count,
            )
        )
    return rows, goes


@dataclass(frozen=True)
class PenaltyRow:
    """What a penalty costs on one load.

    Attributes:
        setting: its speed setting.
        plain_ms: median of a plain pass.
        to_plain: time of the penalty, forward and backward, over that of a plain pass in the same round; the
            median.
        torchs_to_plain: the same by torch's own second derivatives.
    """

    setting: str
    plain_ms: float
    to_plain: float
    torchs_to_plain: float


def measure_penalty(run: Run, rounds: int, of: dict[str, dict[str, Any]]) -> list[PenaltyRow]:
    """Rows of every setting; penalties are always computed in float32 or tf32, and uncompiled here."""
    rows = []
    for name, changes in of.items():
        changed = replace(run, **changes)
        if changed.compile or changed.precision == "bf16":
            continue
        plays = _passes(changed)
        seconds: dict[str, list[float]] = {which: [] for which in plays}
        with tensor_cores(changed):
            for play in chain(plays.values(), plays.values()):
                play()
            for _ in range(rounds):
                for which, play in plays.items():
                    seconds[which].append(_seconds(play, run.device))
        _, *ratios = (statistics.median(map(truediv, taken, seconds["plain"])) for taken in seconds.values())
        rows.append(PenaltyRow(name, 1e3 * statistics.median(seconds["plain"]), *ratios))
    return rows


def _passes(run: Run) -> dict[str, Round]:
    discriminator = run.model.unmixed().build(SHAPE).discriminator.to(run.device)
    real, fake = torch.rand(2, run.batch, *SHAPE, device=run.device)
    if run.channels_last:
        discriminator.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - torch's stubs
    weights = list(discriminator.parameters())
    penalty, draws = run.penalty or R1(), Draws(torch.Generator(run.device))

    def plain() -> None:
        x = real.clone().requires_grad_()
        discriminator(x).sum().backward(inputs=[x, *weights])

    def penalised() -> None:
        penalty(discriminator, real, fake, draws).backward(inputs=weights)

    def torchs() -> None:
        with patch.object(penalties, "input_gradient", torchs_gradient):
            penalised()

    return {"plain": plain, "ours": penalised, "torch's": torchs}


def _seconds(play: Round, device: str) -> float:
    wait(device)
    start = time.perf_counter()
    play()
    wait(device)
    return time.perf_counter() - start


def _operations(play: Round) -> int:
    """Floating-point operations of a round's convolutions and matrix products."""
    with _Operations() as counted:
        play()
    return counted.total


class _Operations(TorchDispatchMode):
    # torch's FlopCounterMode also follows modules, and then it refuses gradients of gradients.
    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if func.overloadpacket in flop_registry:
            self.total += flop_registry[func.overloadpacket](*args, **(kwargs or {}), out_val=out)
        return out


def _memory(play: Round, device: str) -> int:
    if device == "cpu":
        return max(accumulate(allocations(play)))
    return peak(play)


def _peak(device: str, precision: str, size: int) -> float:
    """Operations a second of a large matrix product, the best of five."""
    A = torch.randn(size, size, device=device, dtype=torch.bfloat16 if precision == "bf16" else torch.float32)
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    best = min(_seconds(lambda: A @ A, device) for _ in range(5))
    torch.set_float32_matmul_precision("highest")
    return 2 * size**3 / best


def table(rows: list[Row]) -> str:
    """Markdown."""
    columns = (
        "loop", "setting", "ms a round", "rounds/s", "images/s", "× usual", "× ceiling",
        "× torch's second derivatives", "MiB more", "of matrix peak",
    )  # fmt: skip
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for r in rows:
        ceiling_, torchs = ("" if x is None else f"{x:.2f}" for x in (r.to_ceiling, r.to_torchs))
        memory = "" if r.peak_mib is None else f"{r.peak_mib:,.0f}"
        who = f"{r.contestant} ({r.runs} runs)" if r.runs > 1 else r.contestant
        lines.append(
            f"| {who} | {r.setting} | {r.median_ms:,.1f} | {r.rounds:,.1f} | {r.images:,.0f} "
            f"| {r.to_usual:.2f} | {ceiling_} | {torchs} | {memory} | {r.of_peak:.0%} |"
        )
    return "\n".join(lines)


def met(rows: list[Row], device: str) -> str:
    """Which of our rows reach the targets and which do not: a list of a sentence for each target."""
    own = [row for row in rows if row.contestant in (OURS, CAPTURED)]
    targets = {
        f"{AT_LEAST_USUAL[device]} × the usual loop": (AT_LEAST_USUAL[device], [r.to_usual for r in own]),
        f"{AT_LEAST_CEILING} × the ceiling": (AT_LEAST_CEILING, [r.to_ceiling or 0.0 for r in own]),
    }
    with_penalty = [row.to_torchs for row in own if row.to_torchs is not None]
    if len(with_penalty) == len(own):
        targets[f"{AT_LEAST_TORCHS} × torch's second derivatives"] = AT_LEAST_TORCHS, with_penalty
    sentences: list[str] = []
    for what, (least, speeds) in targets.items():
        named = {
            f"{row.setting}{', captured' * (row.contestant == CAPTURED)} ({speed:.2f})": speed >= least
            for row, speed in zip(own, speeds, strict=True)
        }
        meeting, missing = (
            [name for name, meets in named.items() if meets is is_met] for is_met in (True, False)
        )
        if not missing:
            sentences.append(f"{what} is met by every setting.")
        elif not meeting:
            sentences.append(f"**{what} is met by no setting**: {'; '.join(missing)}.")
        else:
            sentences.append(f"{what} is met by {'; '.join(meeting)}, **not by** {'; '.join(missing)}.")
    return "\n".join(f"- {sentence}" for sentence in sentences)


def packs(name: str, rows: list[Row]) -> str:
    """How many times the rounds of one run at a time packed runs make, in sentences; empty without packs."""
    alone = {(row.contestant, row.setting): row.rounds for row in rows}
    lines: list[str] = []
    for row in rows:
        if row.contestant == PACKED:
            ours, with_graph = (row.rounds / alone[who, row.setting] for who in (OURS, CAPTURED))
            line = (
                f"{row.runs} packed runs, {row.setting}: {ours:.1f} × the rounds of one run at a time, "
                f"{with_graph:.1f} × those of one that is captured"
            )
            verdict = "met" if ours >= AT_LEAST_ALONE else "**missed**"
            lines.append(
                line + f"; the target of {AT_LEAST_ALONE:g} is {verdict}" * (name == PACKED_LOAD) + "."
            )
    return "\n".join(lines)


def penalty_table(rows: list[PenaltyRow]) -> str:
    """Markdown, and whether the target is met."""
    lines = [
        "| setting | plain pass, ms | penalty ÷ plain | by torch's own second derivatives |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {row.setting} | {row.plain_ms:,.1f} | {row.to_plain:.2f} | {row.torchs_to_plain:.2f} |"
        for row in rows
    ]
    missing = [f"{row.setting} ({row.to_plain:.2f})" for row in rows if row.to_plain > AT_MOST_PLAIN]
    target = f"At most {AT_MOST_PLAIN} × a plain pass"
    verdict = (
        f"**{target} is not met by** {'; '.join(missing)}."
        if missing
        else f"{target} is met by every setting."
    )
    return "\n".join([*lines, "", verdict])


def _where(goes: dict[str, dict[str, float]]) -> str:
    kinds = list(next(iter(goes.values())))
    lines = [f"| paripassu's time goes to | {' | '.join(kinds)} |", "|---" * (1 + len(kinds)) + "|"]
    lines += [
        f"| {name} | {' | '.join(f'{part:.0%}' for part in of.values())} |" for name, of in goes.items()
    ]
    return "\n".join(lines)


def run(
    device: str, rounds: int, command: str, progress: Callable[[], None], *, compiled: bool, tiny: bool
) -> tuple[dict[str, Any], str]:
    """Measure each run; return the figures as plain values, and the dated page."""
    runs, of = loads(device, tiny=tiny), settings(device, compiled=compiled, tiny=tiny)
    measured = {name: measure(load, rounds, progress, of) for name, load in runs.items()}
    penalised = {name: measure_penalty(load, rounds, of) for name, load in runs.items()}
    where = environment(command, name_of(device))
    versions = ", ".join(f"{name} {number}" for name, number in where.versions.items())
    used = f"{where.cores} cores, {torch.get_num_threads()} of them used"
    setting = (
        f"{where.device}, {used}; {versions}; commit {where.commit or 'unknown'}. "
        f"Medians of {rounds} rounds. The targets are {AT_LEAST_USUAL[device]} × the usual loop, "
        f"{AT_LEAST_CEILING} × the ceiling and, with a penalty, {AT_LEAST_TORCHS} × torch's second "
        "derivatives. *MiB more* is the most memory allocated at once within a round, beyond weights and "
        "optimizers; a graph keeps its memory. *Of matrix peak* is the speed of convolutions and products "
        "over that of a large matrix product in the same precision."
    )
    sections = [
        f"# One round of training, {datetime.now(UTC):%Y-%m-%d}",
        (__doc__ or "").partition("\n\n")[2].strip(),
        f"```console\n$ {where.command}\n```",
        setting,
    ]
    for name, (rows, goes) in measured.items():
        sections += [
            f"## {name}, batch {runs[name].batch}",
            table(rows),
            met(rows, device),
            *filter(None, [packs(name, rows)]),
            penalty_table(penalised[name]),
            _where(goes),
        ]
    figures = {
        name: {
            "rows": [asdict(row) for row in rows],
            "penalty": [asdict(row) for row in penalised[name]],
            "time": goes,
        }
        for name, (rows, goes) in measured.items()
    }
    return figures, "\n\n".join(sections) + "\n"


def default_page(device: str) -> Path:
    """The file of today's page."""
    return dated("train", device)
