"""Steps of the synthetic framework per second, beside the torch code a person would write instead.

All contestants of the first table play nSGDA with exact expectations in the framework's default sizes, in
float64, in turns. One run-step is one update of both players of one run. Peak is that of a large float64
matrix product. The second table plays Adam, in full dimension and on a noisy quadratic: `play` with many runs
at once, beside a plain loop that calls the same rule for one run.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from profiling import dated
from torch import Tensor
from torch.nn.functional import logsigmoid

from paripassu.records import environment
from paripassu.rules import Adam
from paripassu.theory import CollapseGame, Framework, NoisyQuadratic, Problem, play, simulate
from paripassu.theory.collapse.reduction import draw_start

RUNS = 64
LR_D, LR_G = 0.1, 0.01
D = 1000
DIMENSIONS = (10**2, 10**3, 10**4, 10**5, 10**6, 10**7, 10**8, 10**9)


@dataclass(frozen=True)
class Contestant:
    """One way to play.

    Attributes:
        name: in the table.
        runs: that it plays at once.
        steps: of each, in one turn.
        play: plays them.
        at_least: the ratio of our speed to its that must be reached; 0 for none.
        aim: the ratio to aim for.
    """

    name: str
    runs: int
    steps: int
    play: Callable[[int], object]
    at_least: float = 0.0
    aim: float = 0.0


def ours(framework: Framework, runs: int = RUNS) -> Callable[[int], object]:
    """The package's simulator."""

    def play(steps: int) -> None:
        simulate(
            framework, "nsgda", lr_d=LR_D, lr_g=LR_G, steps=steps, seeds=np.arange(runs), record=[0, steps]
        )

    return play


def full_autograd(steps: int) -> None:
    """One run in all d dimensions, the gradient by autograd: the framework as its text reads."""
    framework = Framework(d=D)
    rng = torch.Generator().manual_seed(0)
    W = torch.randn(framework.n_discriminator, D, generator=rng, dtype=torch.float64) / D**0.5
    V = torch.randn(framework.n_generator, D, generator=rng, dtype=torch.float64) / D
    W.requires_grad_()
    V.requires_grad_()
    points, rates = (torch.from_numpy(x) for x in framework.data())
    data = torch.zeros(len(points), D, dtype=torch.float64)
    data[:, : framework.modes] = points
    latents, latent_rates = _latents(framework)
    for _ in range(steps):
        real = _cubic(data @ W.T, framework.bend)[0].sum(1)
        fake = _cubic((latents @ V) @ W.T, framework.bend)[0].sum(1)
        value = rates @ logsigmoid(real) + latent_rates @ logsigmoid(-fake)
        gW, gV = torch.autograd.grad(value, (W, V))
        with torch.no_grad():
            W += LR_D * gW / gW.norm()
            V -= LR_G * gV / gV.norm()


@torch.no_grad()
def batched_reduction(steps: int) -> None:
    """The reduction for all runs at once in torch's batched products, gradients written out by hand."""
    framework = Framework(d=D)
    starts = [draw_start(framework, seed) for seed in range(RUNS)]
    W, V = (torch.from_numpy(np.stack(side)) for side in zip(*starts, strict=True))
    points, rates = (torch.from_numpy(x) for x in framework.data())
    data = torch.zeros(len(points), framework.k, dtype=torch.float64)
    data[:, : framework.modes] = points
    latents, latent_rates = _latents(framework)
    for _ in range(steps):
        real, real_slope = _cubic(data @ W.mT, framework.bend)
        fake, fake_slope = _cubic((latents @ V) @ W.mT, framework.bend)
        up = (rates * torch.sigmoid(-real.sum(2)))[:, :, None] * real_slope
        down = (latent_rates * torch.sigmoid(fake.sum(2)))[:, :, None] * fake_slope
        shares = latents.T @ down
        gW = up.mT @ data - shares.mT @ V
        gV = -shares @ W
        W += LR_D * gW / gW.norm(dim=(1, 2), keepdim=True)
        V -= LR_G * gV / gV.norm(dim=(1, 2), keepdim=True)


ADAM = Adam((0.5, 0.9))
PROBLEMS: dict[str, tuple[Problem, int, int]] = {  # with how many runs at once, and steps in one turn
    f"framework, d = {D:,}": (CollapseGame(Framework(d=D)), 8, 500),
    "noisy quadratic, d = 10": (NoisyQuadratic(d=10), 1000, 1000),
}


def any_rule(problem: Problem, runs: int) -> Callable[[int], object]:
    """The package's `play`."""

    def many(steps: int) -> None:
        play(problem, ADAM, 1e-3, steps, range(runs), record=[0, steps])

    return many


def plain_loop(problem: Problem) -> Callable[[int], object]:
    """One run: autograd, then the rule, one operation after another."""

    def one(steps: int) -> None:
        batched, fixed = problem.starts([0])
        weights = {player: [tensor[0] for tensor in own] for player, own in batched.items()}
        data = {name: values[0] for name, values in fixed.items()}
        states = {player: [ADAM.init(tensor) for tensor in own] for player, own in weights.items()}
        drawn: dict[str, Tensor] = {}
        for step in range(steps):
            block, within = divmod(step, problem.steps_per_draw)
            if within == 0:
                drawn = {name: values[0] for name, values in problem.draws([0], block).items()}
            now = data | {name: values[within] for name, values in drawn.items()}
            leaves = {name: tuple(x.requires_grad_() for x in own) for name, own in weights.items()}
            losses = problem.losses(leaves, now)
            gradients = {
                player: torch.autograd.grad(losses[player], leaves[player], retain_graph=True)
                for player in problem.players
            }
            with torch.no_grad():
                for player, own in leaves.items():
                    moves, states[player] = ADAM.update(gradients[player], states[player], own)
                    weights[player] = [w - 1e-3 * move for w, move in zip(own, moves, strict=True)]

    return one


def _on(threads: int, play: Callable[[int], object]) -> Callable[[int], object]:
    def on_threads(steps: int) -> None:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        play(steps)
        torch.set_num_threads(before)

    return on_threads


def _latents(framework: Framework) -> tuple[Tensor, Tensor]:
    neurons, rates = framework.latents()
    ones = torch.zeros(len(neurons), framework.n_generator, dtype=torch.float64)
    for row, (first, second) in enumerate(neurons):
        ones[row, first] = 1
        if second >= 0:
            ones[row, second] = 1
    return ones, torch.from_numpy(rates)


def _cubic(x: Tensor, bend: float) -> tuple[Tensor, Tensor]:
    bent = x.clamp(-bend, bend)
    slope = 3 * bent**2
    return bent**3 + slope * (x - bent), slope


def operations(framework: Framework) -> int:
    """Floating-point operations of one run-step; each exponential, root and quotient counts as one."""
    m_d, m_g, k = framework.n_discriminator, framework.n_generator, framework.k
    latents, points = len(framework.latents()[0]), len(framework.data()[0])
    products = 3 * 2 * m_d * m_g * k
    on_latents = latents * (m_d * (1 + 7 + 1 + 2 + 2) + 8)  # sum, cubic and slope, total, weights, shares
    on_points = points * (m_d * (4 * framework.modes + 7 + 1 + 2) + 8)
    moves = 2 * 2 * (m_d + m_g) * k
    return products + on_latents + on_points + moves


def peak() -> float:
    """Operations a second of a large float64 matrix product, the best of five."""
    A = torch.randn(1024, 1024, dtype=torch.float64)
    return 2 * 1024**3 / min(_seconds(lambda: A @ A) for _ in range(5))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run(rounds: int, command: str, progress: Callable[[], None]) -> tuple[dict[str, Any], str]:
    """Everything in turns, ``rounds`` times; the figures as plain values and the page."""
    contestants = [
        Contestant(f"paripassu, {RUNS} runs", RUNS, 10_000, ours(Framework(d=D))),
        Contestant("paripassu, 1 run", 1, 20_000, ours(Framework(d=D), 1)),
    ]
    # Small tensors can be slower on more threads: torch is given the choice.
    for threads in sorted({1, torch.get_num_threads()}):
        full, batched = _on(threads, full_autograd), _on(threads, batched_reduction)
        on = "1 thread" if threads == 1 else f"{threads} threads"
        contestants += [
            Contestant(f"torch autograd, full dimension d = {D:,}, 1 run, {on}", 1, 500, full, 300, 500),
            Contestant(f"torch, the reduction batched, {RUNS} runs, {on}", RUNS, 300, batched, 15, 25),
        ]
    games = {d: ours(Framework(d=d)) for d in DIMENSIONS}
    pairs = [
        pair
        for name, (problem, runs, steps) in PROBLEMS.items()
        for pair in (
            Contestant(f"{name}: play, {runs:,} runs", runs, steps, any_rule(problem, runs)),
            Contestant(f"{name}: plain loop, 1 run", 1, steps, plain_loop(problem)),
        )
    ]
    for contestant in [*contestants, *pairs]:
        contestant.play(1)  # compiled or loaded before it counts
    speeds: dict[str, list[float]] = {c.name: [] for c in [*contestants, *pairs]}
    by_dimension: dict[int, list[float]] = {d: [] for d in DIMENSIONS}
    peaks: list[float] = []
    for _ in range(rounds):
        for c in [*contestants, *pairs]:
            speeds[c.name].append(c.runs * c.steps / _seconds(lambda c=c: c.play(c.steps)))
        for d, simulated in games.items():
            by_dimension[d].append(RUNS * 2000 / _seconds(lambda simulated=simulated: simulated(2000)))
        peaks.append(peak())
        progress()
    figures = {
        "run-steps per second": {name: statistics.median(s) for name, s in speeds.items()},
        "by dimension": {d: statistics.median(s) for d, s in by_dimension.items()},
        "operations per run-step": operations(Framework(d=D)),
        "peak operations per second": statistics.median(peaks),
    }
    return figures, page(figures, contestants, pairs, rounds, command)


def page(
    figures: dict[str, Any],
    contestants: list[Contestant],
    pairs: list[Contestant],
    rounds: int,
    command: str,
) -> str:
    """The dated Markdown page."""
    where = environment(command)
    speed = figures["run-steps per second"]
    best = speed[contestants[0].name]
    lines = [
        "| contestant | run-steps per second | paripassu is faster by | at least | aim |",
        "|---|---|---|---|---|",
    ]
    for c in contestants:
        targets = f"{c.at_least:g} | {c.aim:g}" if c.at_least else " | "
        lines.append(f"| {c.name} | {speed[c.name]:,.0f} | {best / speed[c.name]:,.1f} × | {targets} |")
    adam = ["| Adam | run-steps per second |", "|---|---|"]
    adam += [f"| {c.name} | {speed[c.name]:,.0f} |" for c in pairs]
    dimensions = ["| d | run-steps per second |", "|---|---|"]
    dimensions += [f"| {d:,} | {s:,.0f} |" for d, s in figures["by dimension"].items()]
    achieved = figures["operations per run-step"] * best
    versions = ", ".join(f"{name} {number}" for name, number in where.versions.items())
    setting = (
        f"{where.device}, {where.cores} cores; {versions}; commit {where.commit or 'unknown'}. "
        f"Medians of {rounds} rounds."
    )
    most = figures["peak operations per second"]
    work = (
        f"One run-step takes {figures['operations per run-step']:,} floating-point operations: "
        f"{achieved / 1e9:.1f} GFLOP/s, {achieved / most:.0%} of a large matrix product's {most / 1e9:.0f}."
    )
    sections = [
        f"# Steps of the synthetic framework, {datetime.now(UTC):%Y-%m-%d}",
        (__doc__ or "").partition("\n\n")[2].strip(),
        f"```console\n$ {where.command}\n```",
        setting,
        "\n".join(lines),
        work,
        "## Any rule on any problem",
        "\n".join(adam),
        f"## {RUNS} runs at any dimension",
        "\n".join(dimensions),
    ]
    return "\n\n".join(sections) + "\n"


def default_page() -> Path:
    """Where today's page goes."""
    return dated("theory", "cpu")
