"""What a probe costs: the share of training time it takes on DCGAN at 64 px, probing every 50th round.

Blocks of ``every`` rounds without a probe, with one, and with one whose shadow is Adam take turns, so that
whatever else the machine does falls on all three alike; each share is the median over the turns of a block's
time over that of the plain block beside it. On a GPU that is wall-clock time, on a CPU the time of this
process on one thread. The claim is at most 3 % without a shadow. A probe's cost does not depend on the batch,
so a small batch overstates its share.

    python benchmarks/probe.py --device cuda
    python benchmarks/probe.py --batch 8 --turns 5
"""

import argparse
import statistics
import time
from collections.abc import Mapping

import torch

from paripassu.data import Digits
from paripassu.data.source import ImageSet
from paripassu.models import DCGAN
from paripassu.probe import ADAM, Probe
from paripassu.records import environment
from paripassu.rules import Adam, Rule
from paripassu.train import Player, Run
from paripassu.train.loop import step
from paripassu.train.state import State, initial_state

CLAIM = 0.03
ARMS: Mapping[str, Mapping[str, Rule] | None] = {"plain": None, "probe": {}, "probe, shadow Adam": ADAM}


def block(run: Run, state: State, real: ImageSet, shadows: Mapping[str, Rule] | None, rounds: int) -> float:
    """Seconds of ``rounds`` rounds of training, the last of them probed unless ``shadows`` is None."""
    probe = None
    if shadows is not None:
        records: list[object] = []
        probe = Probe(state.optimizers(), rounds, writer=records.append, shadows=shadows)
    clock = time.process_time if run.device == "cpu" else time.perf_counter
    _wait(run.device)
    started = clock()
    for _ in range(rounds):
        step(run, state, real)
    _wait(run.device)
    seconds = clock() - started
    if probe:
        probe.detach()
    return seconds


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def main() -> None:
    """Time the arms in turn and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu", help="a torch device")
    parser.add_argument("--batch", type=int, default=64, help="images per player and update")
    parser.add_argument("--every", type=int, default=50, help="rounds of a block, the last one probed")
    parser.add_argument("--turns", type=int, default=20, help="blocks of each kind")
    options = parser.parse_args()

    if options.device == "cpu":
        torch.set_num_threads(1)
    player = Player(Adam((0.5, 0.999)), 2e-4)
    # The data set is not read: random images cost the same.
    run = Run(Digits(), DCGAN(), player, player, batch=options.batch, device=options.device)
    pixels = torch.randint(0, 256, (256, 3, 64, 64), dtype=torch.uint8, device=options.device)
    real = ImageSet(pixels)
    state = initial_state(run, real.shape)
    for shadows in ARMS.values():  # first steps choose kernels and fill caches
        block(run, state, real, shadows, 2)

    turns = [
        {name: block(run, state, real, shadows, options.every) for name, shadows in ARMS.items()}
        for _ in range(options.turns)
    ]
    device = torch.cuda.get_device_name() if options.device.startswith("cuda") else "cpu"
    where = environment("", device)
    measured = "one thread, process time" if options.device == "cpu" else "wall-clock time"
    print(
        f"{where.date[:10]}, {where.device}, {measured}, torch {where.versions['torch']}, commit {where.commit}"
    )
    print(f"DCGAN, 64 px, batch {options.batch}, Adam for both players, {options.turns} turns\n")
    print(f"| every {options.every} rounds | ms a round | share of training time | over the turns |")
    print("|---|---|---|---|")
    for name in ARMS:
        each = 1000 * statistics.median(turn[name] for turn in turns) / options.every
        shares = [turn[name] / turn["plain"] - 1 for turn in turns]
        share = statistics.median(shares)
        span = f"{min(shares):+.1%} to {max(shares):+.1%}"
        print(
            f"| {name} | {each:.2f} | {share:+.2%} | {span} |"
            if name != "plain"
            else f"| plain | {each:.2f} | | |"
        )
    share = statistics.median(turn["probe"] / turn["plain"] - 1 for turn in turns)
    print(f"\nAt most {CLAIM:.0%} without a shadow: {'holds' if share <= CLAIM else 'does not hold'}.")


if __name__ == "__main__":
    main()
