"""One optimizer step on real generators' parameters, beside what a person would use instead.

All contestants move the same tensors and take turns, so that a disturbance of the machine affects all of
them. Each round has another order, because the step before decides what is in the cache and whether torch's
threads still spin. Several processes repeat the measurement, one after the other, with the other generators'
between them: the speed of a machine may change for minutes, fused Adam's time by a factor of 1.5 on some.
Ratios are to torch's fused Adam: of the medians, and of the fastest steps, which a busy machine disturbs
least. A ratio is the median over processes, with the lowest and highest beside it. A target is met if that
median is at most the target.

The limit of a step is the time, in the same rounds, of what it cannot avoid. Fused Adam reads or writes
seven numbers for each parameter. With the player's norm the limit is torch's fused SGD and 1/7 of fused
Adam's time, for one more read of the gradients, which must end before the first weight moves. With a norm per
tensor the cache may still hold the gradient when the weights move. The limit is then SGD's time for `NSGD`
and fused Adam's for the grafts, which read and write the same numbers; without the first moment it is 5/7 of
that. An aim below the limit is out of reach.

"Without numba" is the way of an installation without the extra `fast`: torch's multi-tensor operations.

On a GPU the host waits for each step, so the time is the host's or the GPU's, whichever is longer; networks
that keep the GPU busy hide the host's. The GPU's own time is measured by replaying a CUDA graph of one step,
for steps that can be captured.
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
from generators import GENERATORS, Shape
from profiling import allocations, dated, name_of, peak, wait
from torch import Tensor

import paripassu as pp
from paripassu.optim import steps
from paripassu.optim.steps import foreach
from paripassu.records import environment

LR = 1e-7  # small: thousands of steps on one fixed gradient must not carry the weights away
BETAS = (0.5, 0.999)
REFERENCE = "torch Adam, fused"
SGD = "torch SGD, fused"

Clock = Callable[[], float]
Make = Callable[[list[torch.nn.Parameter]], Any]
Limit = tuple[tuple[float, str], ...]  # times of other contestants that are added, and how much of each


@dataclass(frozen=True)
class Contestant:
    """One way to step.

    Attributes:
        name: in the table.
        make: the optimizer of a list of parameters.
        words: the least numbers per parameter that a step reads or writes, by passes over memory; the share
            of the copy bandwidth counts these.
        at_most: the largest ratio to fused Adam that is accepted on a CPU; NaN for no target.
        aim: the ratio hoped for; NaN for none.
        limit: times that a step cannot avoid; empty for no limit.
        captured: the optimizer whose step a CUDA graph can record; None if there is none.
    """

    name: str
    make: Make
    words: int
    at_most: float = math.nan
    aim: float = math.nan
    limit: Limit = ()
    captured: Make | None = None


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
        at_most: the largest ratio accepted; NaN for no target.
        aim: the ratio hoped for; NaN for none.
        limit: the least ratio that the traffic of memory allows; NaN where not known.
        state_mib: memory of the states between steps.
        temporary_kib: the most allocated at once within a step.
        bandwidth: share of the bandwidth of a copy, by the least traffic and the fastest steps; on a GPU, by
            replays.
        graph_ms: of a replay on a GPU; NaN if none was captured.
        graph_ratio: of the replays.
    """

    contestant: str
    median_ms: float
    fastest_ms: float
    ratio: float
    ratios: list[float]
    fastest_ratio: float
    at_most: float
    aim: float
    limit: float
    state_mib: float
    temporary_kib: float
    bandwidth: float
    graph_ms: float = math.nan
    graph_ratio: float = math.nan


class WithoutNumba:
    """An optimizer of ours as on a machine without numba.

    Args:
        optimizer: of a rule that torch's multi-tensor operations support.
    """

    def __init__(self, optimizer: pp.optim.RuleOptimizer) -> None:
        self._optimizer = optimizer

    def step(self) -> None:
        """Step by torch's multi-tensor operations."""
        ways, steps.WAYS = steps.WAYS, (foreach,)
        try:
            self._optimizer.step()
        finally:
            steps.WAYS = ways


class CloneAndSubtract:
    """Adam's magnitude on SGD's direction by running two optimizers and subtracting copies: the usual way."""

    def __init__(self, parameters: list[torch.nn.Parameter]) -> None:
        self.parameters = parameters
        self.adam = torch.optim.Adam(parameters, LR, betas=BETAS)
        self.sgd = torch.optim.SGD(parameters, 1.0)

    @torch.no_grad()
    def step(self) -> None:
        """Step with each, measure both displacements, combine one's length and the other's direction."""
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
    adams, without_first_moment = ((1.0, REFERENCE),), ((5 / 7, REFERENCE),)
    rms = (0.0, 0.9)
    of_ours: list[tuple[str, Make, int, float, float, Limit]] = [
        (
            "NSGD global",
            lambda p: pp.NSGD(p, LR, scope="global", unit="length"),
            4,
            0.75,
            0.55,
            ((1, SGD), (1 / 7, REFERENCE)),
        ),
        ("NSGD layer", lambda p: pp.NSGD(p, LR), 4, 0.70, 0.50, ((1, SGD),)),
        ("NSGD relative", lambda p: pp.NSGD(p, LR, scope="global", relative=True), 5, math.nan, math.nan, ()),
        ("AdaNSGD", lambda p: pp.AdaNSGD(p, LR, betas=BETAS), 8, 1.20, 0.90, adams),
        ("AdaNSGD, beta1 = 0", lambda p: pp.AdaNSGD(p, LR, betas=rms), 6, 1.00, 0.70, without_first_moment),
        ("AdaDir", lambda p: pp.AdaDir(p, LR, betas=BETAS), 9, 1.50, 1.10, adams),
        (
            "AdaDir, beta1 = 0",
            lambda p: pp.AdaDir(p, LR, betas=rms),
            7,
            math.nan,
            math.nan,
            without_first_moment,
        ),
    ]
    ours = [Contestant(*row, captured=row[1]) for row in of_ours]
    without_numba = [
        Contestant(
            "NSGD global, without numba",
            lambda p: WithoutNumba(pp.NSGD(p, LR, scope="global", unit="length")),
            4,
            1.0,
        ),
        Contestant("NSGD layer, without numba", lambda p: WithoutNumba(pp.NSGD(p, LR)), 4, 1.0),
        Contestant(
            "NSGD relative, without numba",
            lambda p: WithoutNumba(pp.NSGD(p, LR, scope="global", relative=True)),
            5,
        ),
        Contestant("AdaNSGD, without numba", lambda p: WithoutNumba(pp.AdaNSGD(p, LR, betas=BETAS)), 14),
    ]

    def adam(**how: bool) -> Make:
        return lambda p: torch.optim.Adam(p, LR, betas=BETAS, **how)

    def sgd(p: list[torch.nn.Parameter]) -> torch.optim.SGD:
        return torch.optim.SGD(p, LR, fused=True)

    others = [
        Contestant(REFERENCE, adam(fused=True), 7, captured=adam(fused=True, capturable=True)),
        Contestant(
            "torch Adam, foreach", adam(foreach=True), 7, captured=adam(foreach=True, capturable=True)
        ),
        Contestant(SGD, sgd, 3, captured=sgd),
        Contestant("graft by clones and subtraction", CloneAndSubtract, 8),
    ]
    return [*others, *ours, *without_numba, *_of_other_libraries()]


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


def measure(name: str, rounds: int, *, device: str, one_thread: bool) -> list[Row]:
    """Every contestant on one generator, taking turns.

    Args:
        name: of the generator.
        rounds: measured steps of each contestant.
        device: ``"cpu"`` or ``"cuda"``.
        one_thread: use one thread and count its CPU time.
    """
    if one_thread:
        torch.set_num_threads(1)
    clock = time.process_time if one_thread else time.perf_counter
    generator = torch.Generator().manual_seed(0)

    def draw(shape: Shape, scale: float) -> Tensor:
        return (scale * torch.randn(shape, generator=generator)).to(device)

    shapes = GENERATORS[name]()
    parameters = [torch.nn.Parameter(draw(shape, 0.02)) for shape in shapes]
    for p in parameters:
        p.grad = draw(p.shape, 1e-3)
    entries = {c: c.make(parameters) for c in contestants()}
    memory = {c.name: _memory(optimizer, device) for c, optimizer in entries.items()}
    numbers = sum(p.numel() for p in parameters)
    source, target = torch.randn(numbers, device=device), torch.empty(numbers, device=device)
    seconds: dict[str, list[float]] = {"copy": []} | {c.name: [] for c in entries}
    step_of = {c.name: optimizer.step for c, optimizer in entries.items()}
    order = ["copy", *step_of]
    step_of["copy"] = lambda: target.copy_(source)
    replays: dict[str, Callable[[], object]] = {}
    if device == "cuda":
        captured = {c.name: c.captured(parameters).step for c in entries if c.captured}
        replays = {who: _graph_of(step) for who, step in (captured | {"copy": step_of["copy"]}).items()}
    replayed: dict[str, list[float]] = {who: [] for who in replays}
    shuffled = random.Random(0)  # noqa: S311 - no secret
    for _ in range(rounds):
        shuffled.shuffle(order)
        for who in order:
            seconds[who].append(_timed(step_of[who], clock, device))
        for who in order:
            if who in replays:
                replayed[who].append(_replayed(replays[who]))
    median, fastest = ({n: of(s) for n, s in seconds.items()} for of in (statistics.median, min))
    graph = {n: statistics.median(s) for n, s in replayed.items()}
    compared = graph if device == "cuda" else median
    moved = graph or fastest  # times that measure how fast memory was read and written
    copied = 2 * numbers / moved["copy"]  # numbers a second
    return [
        Row(
            contestant=c.name,
            median_ms=1e3 * median[c.name],
            fastest_ms=1e3 * fastest[c.name],
            ratio=(ratio := median[c.name] / median[REFERENCE]),
            ratios=[ratio],
            fastest_ratio=fastest[c.name] / fastest[REFERENCE],
            at_most=c.at_most if device == "cpu" else math.nan,
            aim=c.aim if device == "cpu" else math.nan,
            limit=sum(share * compared[who] for share, who in c.limit) / compared[REFERENCE] or math.nan,
            state_mib=memory[c.name][0] / 2**20,
            temporary_kib=memory[c.name][1] / 2**10,
            bandwidth=c.words * numbers / moved.get(c.name, math.nan) / copied,
            graph_ms=1e3 * graph.get(c.name, math.nan),
            graph_ratio=graph.get(c.name, math.nan) / graph.get(REFERENCE, math.nan),
        )
        for c in entries
    ]


def of_processes(rows: list[Row]) -> Row:
    """One contestant's row from the rows of several processes."""
    of = {name: [getattr(row, name) for row in rows] for name in asdict(rows[0])}
    return replace(
        rows[0],
        median_ms=statistics.median(of["median_ms"]),
        fastest_ms=min(of["fastest_ms"]),
        ratio=statistics.median(of["ratio"]),
        ratios=of["ratio"],
        fastest_ratio=statistics.median(of["fastest_ratio"]),
        limit=statistics.median(of["limit"]),
        temporary_kib=max(of["temporary_kib"]),
        bandwidth=statistics.median(of["bandwidth"]),
        graph_ms=statistics.median(of["graph_ms"]),
        graph_ratio=statistics.median(of["graph_ratio"]),
    )


def _timed(step: Callable[[], object], clock: Clock, device: str) -> float:
    wait(device)
    start = clock()
    step()
    wait(device)
    return clock() - start


def _graph_of(step: Callable[[], object]) -> Callable[[], object]:
    """A function that replays ``step`` on the GPU."""
    step()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def _replayed(replay: Callable[[], object]) -> float:
    """Seconds of one replay, from ten in a row: the GPU's time while the host is ahead of it."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    replay()
    start.record()
    for _ in range(10):
        replay()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1e3 / 10


def _memory(optimizer: Any, device: str) -> tuple[int, int]:
    """Bytes allocated after the first step, and the most that a later step allocates at once."""
    if device == "cuda":
        before = torch.cuda.memory_allocated()
        optimizer.step()
        kept = torch.cuda.memory_allocated() - before
        return kept, peak(optimizer.step)
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
    """Markdown, with columns for targets and replays if any row has one."""
    has_targets, has_graphs = (
        any(not math.isnan(getattr(row, name)) for row in rows) for name in ("at_most", "graph_ms")
    )
    columns = ["step", "ms, median", "fastest", "× fused Adam", "of processes", "fastest", "limit"]
    columns += ["at most", "aim"] if has_targets else []
    columns += ["ms on the GPU", "× fused Adam"] if has_graphs else []
    columns += ["MiB of state", "KiB more", "of a copy"]
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for r in rows:
        cells = [
            r.contestant,
            f"{r.median_ms:.3f}" if has_graphs else f"{r.median_ms:.2f}",
            f"{r.fastest_ms:.3f}" if has_graphs else f"{r.fastest_ms:.2f}",
            f"{r.ratio:.2f}",
            f"{min(r.ratios):.2f} to {max(r.ratios):.2f}",
            f"{r.fastest_ratio:.2f}",
            _number(r.limit, ".2f"),
        ]
        cells += [_number(x, ".2f") for x in (r.at_most, r.aim)] if has_targets else []
        cells += [_number(r.graph_ms, ".3f"), _number(r.graph_ratio, ".2f")] if has_graphs else []
        cells += [f"{r.state_mib:.1f}", f"{r.temporary_kib:,.0f}", _number(r.bandwidth, ".0%")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _number(value: float, form: str) -> str:
    return "" if math.isnan(value) else format(value, form)


def met(results: dict[str, list[Row]]) -> str:
    """Which rows meet their targets, and which their aims: a list of a sentence each."""
    lines: list[str] = []
    for title, target in (("at most", "at_most"), ("aim", "aim")):
        within: dict[str, list[str]] = {"met": [], "**missed**": []}
        for name, rows in results.items():
            for row in rows:
                limit = getattr(row, target)
                if not math.isnan(limit):
                    kind = "met" if row.ratio <= limit else "**missed**"
                    within[kind].append(f"{row.contestant} on {name} ({row.ratio:.3f}, {limit:.2f})")
        if not any(within.values()):
            continue
        sentences = [f"{kind} by {'; '.join(who)}" for kind, who in within.items() if who]
        if len(sentences) == 1:
            sentences = ["met by every row" if within["met"] else "**met by no row**"]
        lines.append(f"- *{title}* is {', '.join(sentences)}.")
    return "\n".join(lines)


def page(
    results: dict[str, list[Row]],
    rounds: int,
    processes: int,
    load: tuple[float, ...],
    command: str,
    device: str,
) -> str:
    """The dated Markdown page of all tables."""
    where = environment(command, name_of(device))
    versions = ", ".join(f"{name} {number}" for name, number in where.versions.items())
    setting = (
        f"{where.device}, {where.cores} cores, {torch.get_num_threads()} of them used, float32; {versions}; "
        f"commit {where.commit or 'unknown'}. Of {rounds} rounds in each of {processes} processes. "
        f"Load average {load[0]:.1f} before and {load[1]:.1f} after. "
        "*Of state*: memory between steps; *more*: the most allocated within one; "
        "*of a copy*: the least traffic of a step over its fastest time, as a share of a copy's bandwidth."
    )
    sections = [
        f"# One optimizer step, {datetime.now(UTC):%Y-%m-%d}",
        (__doc__ or "").partition("\n\n")[2].strip(),
        f"```console\n$ {where.command}\n```",
        setting,
        *([targets] if (targets := met(results)) else []),
    ]
    for name, rows in results.items():
        shapes = GENERATORS[name]()
        size = sum(math.prod(s) for s in shapes) / 1e6
        sections += [f"## {name} generator, {size:.1f} M parameters in {len(shapes)} tensors", table(rows)]
    return "\n\n".join(sections) + "\n"


def run(
    names: list[str],
    rounds: int,
    processes: int,
    command: str,
    progress: Callable[[], None],
    *,
    device: str,
    one_thread: bool,
) -> tuple[Any, str]:
    """Measure on each generator; the rows as plain values and the page.

    Args:
        names: of the generators.
        rounds: measured steps of each contestant, in each process.
        processes: for each generator, one after the other.
        command: that was typed.
        progress: called after each process.
        device: ``"cpu"`` or ``"cuda"``.
        one_thread: use one thread and count its CPU time.
    """
    before = os.getloadavg()[0]
    found: dict[str, list[list[Row]]] = {name: [] for name in names}
    for _ in range(processes):
        for name in names:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                rows = process.submit(measure, name, rounds, device=device, one_thread=one_thread)
                found[name].append(rows.result())
            progress()
    results = {
        name: [of_processes(list(rows)) for rows in zip(*of, strict=True)] for name, of in found.items()
    }
    text = page(results, rounds, processes, (before, os.getloadavg()[0]), command, device)
    return {name: [asdict(row) for row in rows] for name, rows in results.items()}, text


def default_page(device: str) -> Path:
    """Where today's page goes."""
    return dated("optim", device)
