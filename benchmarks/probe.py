"""What a probe costs: the share of training time it takes on DCGAN at 64 px, probing every 50th round.

Single rounds take turns: a plain one, one that is probed, one that only a shadow Adam follows, and one that
is probed with that shadow. So other load on the machine falls on all of them. Each turn gives what a round
takes beyond the plain round beside it. The medians over the turns add up to the cost of 50 rounds. Between
probed rounds a probe without a shadow only counts. Time is wall-clock time on a GPU, and this process's own
time on one thread of a CPU.

The claim is at most 3 % without a shadow. A probe's cost does not depend on the batch, so a small batch
overstates its share.

    python benchmarks/probe.py --device cuda --turns 200
    python benchmarks/probe.py --batch 16
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from paripassu.data import Digits
from paripassu.data.source import ImageSet
from paripassu.models import DCGAN
from paripassu.probe import ADAM, Probe
from paripassu.records import environment
from paripassu.rules import Adam
from paripassu.train import Player, Run
from paripassu.train.state import TrainingState, initial_state
from paripassu.train.step import step

CLAIM = 0.03
NEVER = 10**9


def probes(state: TrainingState) -> dict[str, Callable[[], Probe | None]]:
    """What is attached for a round, by name."""
    optimizers, records = state.optimizers(), list[object]()
    return {
        "plain": lambda: None,
        "probed": lambda: Probe(optimizers, 1, writer=records.append, shadows={}),
        "followed": lambda: Probe(optimizers, NEVER, writer=records.append, shadows=ADAM),
        "probed and followed": lambda: Probe(optimizers, 1, writer=records.append, shadows=ADAM),
    }


def time_round(run: Run, state: TrainingState, real: ImageSet, attach: Callable[[], Probe | None]) -> float:
    """Seconds of one round of training."""
    on_cpu = run.device == "cpu"
    clock = time.process_time if on_cpu else time.perf_counter
    probe = attach()
    if not on_cpu:
        torch.cuda.synchronize()
    started = clock()
    step(run, state, real)
    if not on_cpu:
        torch.cuda.synchronize()
    seconds = clock() - started
    if probe:
        probe.detach()
    return seconds


def main() -> None:
    """Time the rounds in turn and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu", help="a torch device")
    parser.add_argument("--batch", type=int, default=64, help="images per player and update")
    parser.add_argument("--every", type=int, default=50, help="rounds between probed rounds")
    parser.add_argument("--turns", type=int, default=30, help="rounds of each kind")
    options = parser.parse_args()

    if options.device == "cpu":
        torch.set_num_threads(1)
    player = Player(Adam((0.5, 0.999)), 2e-4)
    # The data set is not read. Random images cost the same.
    run = Run(Digits(), DCGAN(), player, player, batch=options.batch, device=options.device)
    pixels = torch.randint(0, 256, (256, 3, 64, 64), dtype=torch.uint8, device=options.device)
    real = ImageSet(pixels)
    state = initial_state(run, real.shape)
    kinds = probes(state)
    for attach in kinds.values():  # first rounds choose kernels and fill caches
        time_round(run, state, real, attach)

    turns = [
        {name: time_round(run, state, real, attach) for name, attach in kinds.items()}
        for _ in range(options.turns)
    ]
    plain = statistics.median(turn["plain"] for turn in turns)
    extra = {name: statistics.median(turn[name] - turn["plain"] for turn in turns) for name in kinds}
    alone = extra["probed"] / (options.every * plain)
    rounds = (options.every - 1) * extra["followed"] + extra["probed and followed"]
    shadowed = rounds / (options.every * plain)

    device = torch.cuda.get_device_name() if options.device != "cpu" else "cpu"
    where = environment("", device)
    measured = "process time on one thread" if options.device == "cpu" else "wall-clock time"
    print(f"{where.date[:10]}, {where.device}, {measured}, torch {where.versions['torch']}, ", end="")
    print(f"commit {where.commit}. DCGAN at 64 px, batch {options.batch}, Adam for both players; ", end="")
    print(f"a plain round takes {1000 * plain:.1f} ms, medians of {options.turns} turns.\n")
    print(
        f"| probe every {options.every} rounds | ms a probed round | ms another round | share of training |"
    )
    print("|---|---|---|---|")
    print(f"| no shadow | {1000 * extra['probed']:+.1f} | 0 | {alone:.2%} |")
    own = f"{1000 * extra['probed and followed']:+.1f} | {1000 * extra['followed']:+.1f}"
    print(f"| shadow Adam | {own} | {shadowed:.2%} |")
    print(f"\nAt most {CLAIM:.0%} without a shadow: {'holds' if alone <= CLAIM else 'does not hold'}.")


if __name__ == "__main__":
    main()
