"""How close nSGDA at the rates of `suggest_lr` comes to nSGDA at the best rate of a study's sweep.

1. Adam runs at the rate that the study chose for it, for a tenth of the study's steps, on another seed.
2. `suggest_lr` computes nSGDA's rates from the steps that were recorded.
3. nSGDA runs at these rates and at the study's, at full length, on seeds that the study did not use.

Layer-wise nSGDA runs twice: with one rate for all of a player's tensors, and with a rate for each
(`SuggestedLR.groups`).

    python benchmarks/suggested_rates.py runs/grafting-small
    python benchmarks/suggested_rates.py runs/recovery-small-cifar10 --data cifar10=FOLDER
"""

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from paripassu import studies
from paripassu.probe import SuggestedLR, suggest_lr
from paripassu.protocol import Comparison, Game
from paripassu.records import RECORDS_FILE, STUDY_FILE, Metric, StudyResult
from paripassu.records.codec import end_of, load, read_records
from paripassu.rules import SGD, Normalize, Rule, Scope, State
from paripassu.rules.scope import rescale
from paripassu.studies.arms import ADAM
from paripassu.train import Player, Run, train

PLAYERS = ("generator", "discriminator")
FIRST_SEED = 2000  # far from the study's


@dataclass(frozen=True)
class Lengths(Rule):
    """Each tensor moves by its own length: ``NSGD(groups, lr, scope="layer")`` as a rule.

    A run has one rate per player, so this rule has the rates of the groups. Tensors in no group have 0.
    """

    lengths: tuple[float, ...]

    def init(self, tensor: Tensor) -> State:
        """No state."""
        del tensor
        return {}

    def update(
        self, gradients: Sequence[Tensor], states: Sequence[State], weights: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[State]]:
        """The gradients' directions, at the lengths."""
        del weights
        return rescale(gradients, self.lengths, "layer"), list(states)


def suggest(game: Game, lr: float, steps: int, seed: int, out: Path) -> dict[str, SuggestedLR]:
    """Rates per player from a short run of tuned Adam, without its first fifth."""
    run = game.run(ADAM.rule, lr, steps, seed)
    train(replace(run, probe_every=5), out)
    records = list(read_records(out / RECORDS_FILE))
    return {player: suggest_lr(records, player, after=steps // 5) for player in PLAYERS}


def lengths(network: nn.Module, suggested: SuggestedLR) -> Lengths:
    """The rates of the suggested groups, in the order of the network's parameters."""
    groups = suggested.groups(network.named_parameters())
    rates: dict[str, float] = {group["params"][0][0]: group["lr"] for group in groups}
    return Lengths(tuple(rates.get(name, 0.0) for name, _ in network.named_parameters()))


def arms(
    run: Run, chosen: dict[str, float], suggested: dict[str, SuggestedLR]
) -> dict[tuple[Scope, str], dict[str, Player]]:
    """Both players' rules and rates, by scope and by where the rates are from."""
    whole, layered = Normalize(SGD(), "global"), Normalize(SGD(), "layer")
    networks = run.model.build(run.data.load(torch.device("cpu")).shape)
    return {
        ("global", "the sweep"): {p: Player(whole, chosen["nsgda global"]) for p in PLAYERS},
        ("global", "Adam's steps"): {p: Player(whole, suggested[p].player) for p in PLAYERS},
        ("layer", "the sweep"): {p: Player(layered, chosen["nsgda layer"]) for p in PLAYERS},
        ("layer", "Adam's steps"): {p: Player(layered, suggested[p].layer) for p in PLAYERS},
        ("layer", "Adam's steps, each tensor's"): {
            p: Player(lengths(network, suggested[p]), 1.0)
            for p, network in zip(PLAYERS, networks, strict=True)
        },
    }


def measure(game: Game, players: dict[str, Player], seed: int, steps: int, out: Path) -> float:
    """The study's metric after a full run; NaN if the run diverged."""
    run = game.run(players["generator"].rule, 1.0, steps, seed)
    train(replace(run, **players), out)
    records = list(read_records(out / RECORDS_FILE))
    end = end_of(records)
    if end is None or end.outcome == "diverged":
        return float("nan")
    return [r.value for r in records if isinstance(r, Metric) and r.name == game.metric][-1]


def shown(player: Player) -> str:
    """A player's rate, or the range of its tensors' rates."""
    if isinstance(player.rule, Lengths):
        moved = [length for length in player.rule.lengths if length]
        return f"{min(moved):.2g} to {max(moved):.2g}"
    return f"{player.lr:.2g}"


def main() -> None:
    """Run, and print one table per game."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path, help="folder of the study to compare with")
    parser.add_argument("--data", nargs="*", default=[], metavar="NAME=PATH", help="the study's --data")
    parser.add_argument("--out", type=Path, default=Path("runs/suggested"), help="folder of the runs")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds per arm")
    parser.add_argument(
        "--first-seed", type=int, default=FIRST_SEED, help="first seed of nSGDA; Adam has the one before it"
    )
    options = parser.parse_args()
    result = load(options.study / STUDY_FILE, StudyResult)
    named = (given.split("=", 1) for given in options.data)
    study = studies.find()[result.name].on_data({name: Path(path) for name, path in named})
    design = study.scale(result.scale).design
    assert isinstance(design, Comparison), f"{study.name} sweeps the synthetic framework"
    games = {game.name: game for game in design.games}
    for swept in result.games:
        game = games[swept.game]
        chosen = {arm.arm: arm.lr for arm in swept.arms}
        steps = game.steps[result.scale]
        folder = options.out / game.name
        suggested = suggest(game, chosen["adam"], steps // 10, options.first_seed - 1, folder / "adam")
        print(f"## {game.name}: {game.metric}, {game.better} is better, {steps} steps\n")
        print("| nSGDA | rates from | generator | discriminator | mean | values |\n|---|---|---|---|---|---|")
        played = arms(game.run(ADAM.rule, 1.0, steps, options.first_seed), chosen, suggested)
        for (scope, source), players in played.items():
            values = [
                measure(game, players, seed, steps, folder / f"{scope} {source} {seed}")
                for seed in range(options.first_seed, options.first_seed + options.seeds)
            ]
            each = ", ".join(f"{value:.3g}" for value in values)
            pair = " | ".join(shown(players[p]) for p in PLAYERS)
            print(f"| {scope} | {source} | {pair} | {statistics.mean(values):.3g} | {each} |", flush=True)
        print()


if __name__ == "__main__":
    main()
