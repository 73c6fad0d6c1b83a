"""One optimizer step on real generators' parameters, beside what a person would use instead.

All contestants move the same tensors, in turns, so that a disturbance of the machine meets them alike, and
in another order each round: what went before decides what is in the cache and whether torch's threads still
spin. All of it is done anew in several processes, one after the other, with the other generators' between
them, for what a machine allows may change for minutes, fused Adam's time by a factor of 1.5 on some.
Ratios are to torch's fused Adam: of the medians, and of the fastest steps, which a busy machine disturbs
least. A ratio is the median of the processes', with their lowest and highest beside it; what was asked is
reached where that median is at most what was asked.
"""

import gc
import math
import os
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import accumulate
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from generators import GENERATORS
from profiling import allocations

import paripassu as pp
from paripassu.records import environment

LR = 1e-7  # small: thousands of steps on one fixed gradient must not carry the weights away
BETAS = (0.5, 0.999)
REFERENCE = "torch Adam, fused"

Clock = Callable[[], float]


@dataclass(frozen=True)
class Contestant:
    """One way to step.

    Attributes:
        name: in the table.
        make: the optimizer of a list of parameters.
        words: how many numbers per parameter a step must read or write at the least, by passes over
            memory: what the share of the copy bandwidth counts.
        at_most: the ratio to fused Adam that this must reach; NaN where nothing is asked.
        aim: the ratio hoped for.
    """

    name: str
    make: Callable[[list[torch.nn.Parameter]], Any]
    words: int
    at_most: float = math.nan
    aim: float = math.nan


@dataclass(frozen=True)
class Row:
    """A contestant's result on one generator.

    Attributes:
        contestant: its name.
        median_ms: of one step.
        fastest_ms: of one step.
        ratio: of the medians, to fused Adam's.
        ratios: of each process.
        fastest_ratio: of the fastest steps.
        at_most: the ratio asked for; NaN where nothing is.
        aim: the ratio hoped for.
        state_mib: memory kept between steps.
        temporary_kib: the most allocated at once within a step.
        bandwidth: share of the bandwidth of a copy, by the least traffic and the fastest steps.
    """

    contestant: str
    median_ms: float
    fastest_ms: float
    ratio: float
    ratios: list[float]
    fastest_ratio: float
    at_most: float
    aim: float
    state_mib: float
    temporary_kib: float
    bandwidth: float


class CloneAndSubtract:
    """Adam's magnitude on SGD's direction by running two optimizers and subtracting copies: the usual way."""

    def __init__(self, parameters: list[torch.nn.Parameter]) -> None:
        self.parameters = parameters
        self.adam = torch.optim.Adam(parameters, LR, betas=BETAS)
        self.sgd = torch.optim.SGD(parameters, 1.0)

    @torch.no_grad()
    def step(self) -> None:
        """Step with each, measure both displacements, keep one's length and the other's direction."""
        before = [p.clone() for p in self.parameters]
        moved = []
        for optimizer in (self.adam, self.sgd):
            optimizer.step()
            moved.append([p - b for p, b in zip(self.parameters, before, strict=True)])
            for p, b in zip(self.parameters, before, strict=True):
                p.copy_(b)
        for p, magnitude, direction in zip(self.parameters, *moved, strict=True):
            p.add_(direction * (magnitude.norm() / direction.norm()))


def contestants() -> list[Contestant]:
    """Ours, torch's, and those of other libraries that are installed."""
    ours = [
        Contestant("NSGD global", lambda p: pp.NSGD(p, LR), 4, 0.75, 0.55),
        Contestant("NSGD layer", lambda p: pp.NSGD(p, LR, scope="layer"), 4, 0.70, 0.50),
        Contestant("AdaNSGD", lambda p: pp.AdaNSGD(p, LR, betas=BETAS), 8, 1.20, 0.90),
        Contestant("AdaNSGD, beta1 = 0", lambda p: pp.AdaNSGD(p, LR, betas=(0.0, 0.9)), 6, 1.00, 0.70),
        Contestant("AdaDir", lambda p: pp.AdaDir(p, LR, betas=BETAS), 9, 1.50, 1.10),
        Contestant("AdaDir, beta1 = 0", lambda p: pp.AdaDir(p, LR, betas=(0.0, 0.9)), 7),
    ]
    others = [
        Contestant(REFERENCE, lambda p: torch.optim.Adam(p, LR, betas=BETAS, fused=True), 7),
        Contestant("torch Adam, foreach", lambda p: torch.optim.Adam(p, LR, betas=BETAS, foreach=True), 7),
        Contestant("torch SGD, fused", lambda p: torch.optim.SGD(p, LR, fused=True), 3),
        Contestant("graft by clones and subtraction", CloneAndSubtract, 8),
    ]
    return [*others, *ours, *_of_other_libraries()]


def _of_other_libraries() -> list[Contestant]:
    found: list[Contestant] = []
    if find_spec("torchzero"):
        import torchzero as tz

        found += [
            Contestant(
                "torchzero Normalize, global",
                lambda p: tz.Optimizer(p, tz.m.Normalize(dim="global"), tz.m.LR(LR)),
                4,
            ),
            Contestant(
                "torchzero Graft, Adam on SGD",
                lambda p: tz.Optimizer(p, tz.m.Graft(direction=[], magnitude=tz.m.Adam(*BETAS)), tz.m.LR(LR)),
                8,
            ),
        ]
    if find_spec("pytorch_optimizer"):
        import pytorch_optimizer as po

        # The nearest it has: LARS normalises layers, Lamb sets Adam's direction to a length per layer.
        found += [
            Contestant("pytorch-optimizer LARS", lambda p: po.LARS(p, LR, momentum=0.0), 4),
            Contestant("pytorch-optimizer Lamb", lambda p: po.Lamb(p, LR, betas=BETAS), 9),
        ]
    return found


def measure(name: str, rounds: int, *, one_thread: bool) -> list[Row]:
    """Every contestant on one generator, in turns.

    Args:
        name: of the generator.
        rounds: steps of each contestant that count.
        one_thread: use one thread and count its CPU time.
    """
    if one_thread:
        torch.set_num_threads(1)
    clock = time.process_time if one_thread else time.perf_counter
    generator = torch.Generator().manual_seed(0)
    shapes = GENERATORS[name]()
    parameters = [torch.nn.Parameter(0.02 * torch.randn(s, generator=generator)) for s in shapes]
    for p in parameters:
        p.grad = 1e-3 * torch.randn(p.shape, generator=generator)
    entries = {c: c.make(parameters) for c in contestants()}
    memory = {c.name: _memory(optimizer) for c, optimizer in entries.items()}
    numbers = sum(p.numel() for p in parameters)
    source, target = torch.randn(numbers), torch.empty(numbers)
    seconds: dict[str, list[float]] = {"copy": []} | {c.name: [] for c in entries}
    steps = {c.name: optimizer.step for c, optimizer in entries.items()}
    order = ["copy", *steps]
    steps["copy"] = lambda: target.copy_(source)
    shuffled = random.Random(0)  # noqa: S311 - no secret
    for _ in range(rounds):
        shuffled.shuffle(order)
        for turn in order:
            seconds[turn].append(_timed(steps[turn], clock))
    median, fastest = ({n: of(s) for n, s in seconds.items()} for of in (statistics.median, min))
    copied = 2 * numbers / fastest["copy"]  # numbers a second
    return [
        Row(
            contestant=c.name,
            median_ms=1e3 * median[c.name],
            fastest_ms=1e3 * fastest[c.name],
            ratio=(ratio := median[c.name] / median[REFERENCE]),
            ratios=[ratio],
            fastest_ratio=fastest[c.name] / fastest[REFERENCE],
            at_most=c.at_most,
            aim=c.aim,
            state_mib=memory[c.name][0] / 2**20,
            temporary_kib=memory[c.name][1] / 2**10,
            bandwidth=c.words * numbers / fastest[c.name] / copied,
        )
        for c in entries
    ]


def of_processes(rows: list[Row]) -> Row:
    """One contestant's row, of those that several processes measured."""
    of = {name: [getattr(row, name) for row in rows] for name in asdict(rows[0])}
    return replace(
        rows[0],
        median_ms=statistics.median(of["median_ms"]),
        fastest_ms=min(of["fastest_ms"]),
        ratio=statistics.median(of["ratio"]),
        ratios=of["ratio"],
        fastest_ratio=statistics.median(of["fastest_ratio"]),
        temporary_kib=max(of["temporary_kib"]),
        bandwidth=statistics.median(of["bandwidth"]),
    )


def _timed(step: Callable[[], object], clock: Clock) -> float:
    start = clock()
    step()
    return clock() - start


def _memory(optimizer: Any) -> tuple[int, int]:
    """Bytes that the first step leaves allocated, and the most that a later one allocates at once."""
    kept = sum(allocations(optimizer.step))
    optimizer.step()
    gc.collect()
    # Python's and numpy's own; torch's come from its profiler.
    tracemalloc.start()
    optimizer.step()
    python = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return kept, python + max(accumulate(allocations(optimizer.step)), default=0)


def table(rows: list[Row]) -> str:
    """Markdown."""
    columns = (
        "step", "ms, median", "fastest", "× fused Adam", "of processes", "fastest", "at most", "aim",
        "MiB kept", "KiB more", "of a copy",
    )  # fmt: skip
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for r in rows:
        asked = " | ".join("" if math.isnan(x) else f"{x:.2f}" for x in (r.at_most, r.aim))
        lines.append(
            f"| {r.contestant} | {r.median_ms:.2f} | {r.fastest_ms:.2f} | {r.ratio:.2f} "
            f"| {min(r.ratios):.2f} to {max(r.ratios):.2f} | {r.fastest_ratio:.2f} | {asked} "
            f"| {r.state_mib:.1f} | {r.temporary_kib:,.0f} | {r.bandwidth:.0%} |"
        )
    return "\n".join(lines)


def met(results: dict[str, list[Row]]) -> str:
    """Which rows are within what was asked, and reach what was hoped for, in a sentence each."""
    lines: list[str] = []
    for title, asked in (("at most", "at_most"), ("aim", "aim")):
        within: dict[str, list[str]] = {"met": [], "**missed**": []}
        for name, rows in results.items():
            for row in rows:
                limit = getattr(row, asked)
                if not math.isnan(limit):
                    kind = "met" if row.ratio <= limit else "**missed**"
                    within[kind].append(f"{row.contestant} on {name} ({row.ratio:.3f}, {limit:.2f})")
        told = [f"{kind} by {'; '.join(who)}" for kind, who in within.items() if who]
        if len(told) == 1:
            told = ["met by every row" if within["met"] else "**met by no row**"]
        lines.append(f"*{title}* is {', '.join(told)}.")
    return "\n".join(lines)


def page(
    results: dict[str, list[Row]], rounds: int, processes: int, load: tuple[float, ...], command: str
) -> str:
    """The dated Markdown page of all tables."""
    where = environment(command)
    versions = ", ".join(f"{name} {number}" for name, number in where.versions.items())
    setting = (
        f"{where.device}, {where.cores} cores, {torch.get_num_threads()} of them used, float32; {versions}; "
        f"commit {where.commit or 'unknown'}. Of {rounds} rounds in each of {processes} processes. "
        f"Load average {load[0]:.1f} before and {load[1]:.1f} after. "
        "*Kept*: state between steps; *more*: the most allocated within one; "
        "*of a copy*: the least traffic of a step over its fastest time, as a share of a copy's bandwidth."
    )
    sections = [
        f"# One optimizer step, {datetime.now(UTC):%Y-%m-%d}",
        (__doc__ or "").partition("\n\n")[2].strip(),
        f"```console\n$ {where.command}\n```",
        setting,
        met(results),
    ]
    for name, rows in results.items():
        shapes = GENERATORS[name]()
        size = sum(math.prod(s) for s in shapes) / 1e6
        sections += [f"## {name} generator, {size:.1f} M parameters in {len(shapes)} tensors", table(rows)]
    sections += ["## CUDA", "Not measured."]
    return "\n\n".join(sections) + "\n"


def run(
    names: list[str],
    rounds: int,
    processes: int,
    command: str,
    progress: Callable[[], None],
    *,
    one_thread: bool,
) -> tuple[Any, str]:
    """Measure on each generator; the rows as plain values and the page.

    Args:
        names: of the generators.
        rounds: steps of each contestant that count, in each process.
        processes: for each generator, one after the other.
        command: that was typed.
        progress: called after each process.
        one_thread: use one thread and count its CPU time.
    """
    before = os.getloadavg()[0]
    found: dict[str, list[list[Row]]] = {name: [] for name in names}
    for _ in range(processes):
        for name in names:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                found[name].append(process.submit(measure, name, rounds, one_thread=one_thread).result())
            progress()
    results = {
        name: [of_processes(list(rows)) for rows in zip(*of, strict=True)] for name, of in found.items()
    }
    text = page(results, rounds, processes, (before, os.getloadavg()[0]), command)
    return {name: [asdict(row) for row in rows] for name, rows in results.items()}, text


def default_page() -> Path:
    """Where today's page goes."""
    return Path(__file__).parent / "results" / f"optim-{datetime.now(UTC):%Y-%m-%d}.md"
