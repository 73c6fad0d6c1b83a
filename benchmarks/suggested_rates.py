"""How close nSGDA at the rates that `suggest_lr` takes from Adam comes to nSGDA at the best rate of a sweep.

The sweep is a study's. Adam runs at the rate that it chose for Adam, for a tenth of the study's steps on a
seed of its own; its recorded steps give nSGDA's rates. nSGDA then runs at those and at the sweep's, on seeds
the study did not use, at full length. Layer-wise it runs at one rate for all of a player's tensors, and at a
rate for each (`SuggestedLR.groups`).

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
from paripassu.protocol.study import Dataset
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
    """Each tensor's gradient at a length of its own: ``NSGD(groups, lr, scope="layer")`` as a rule.

    A run has one rate a player, so the groups' rates have to be the rule's; 0 is a tensor's in no group.
    """

    lengths: tuple[float, ...]

    def init(self, tensor: Tensor) -> State:
        """Nothing is kept."""
        del tensor
        return {}

    def update(
        self, gradients: Sequence[Tensor], states: Sequence[State]
    ) -> tuple[list[Tensor], list[State]]:
        """The gradients' directions."""
        return rescale(gradients, self.lengths, "layer"), list(states)


def suggest(dataset: Dataset, lr: float, steps: int, seed: int, out: Path) -> dict[str, SuggestedLR]:
    """Rates per player from a short run of tuned Adam; its first fifth is left out."""
    run = dataset.run(ADAM.rule, lr, steps, seed)
    train(replace(run, probe_every=5), out)
    records = list(read_records(out / RECORDS_FILE))
    return {player: suggest_lr(records, player, after=steps // 5) for player in PLAYERS}


def lengths(network: nn.Module, suggested: SuggestedLR) -> Lengths:
    """The rates of the groups that are suggested, in the order of the network's parameters."""
    groups = suggested.groups(network.named_parameters())
    rates: dict[str, float] = {group["params"][0][0]: group["lr"] for group in groups}
    return Lengths(tuple(rates.get(name, 0.0) for name, _ in network.named_parameters()))


def arms(
    run: Run, chosen: dict[str, float], suggested: dict[str, SuggestedLR]
) -> dict[tuple[Scope, str], dict[str, Player]]:
    """How both players step, by scope and by where the rates are from."""
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


def measure(dataset: Dataset, players: dict[str, Player], seed: int, steps: int, out: Path) -> float:
    """The study's metric after a full run; NaN where it diverged."""
    run = dataset.run(players["generator"].rule, 1.0, steps, seed)
    train(replace(run, **players), out)
    records = list(read_records(out / RECORDS_FILE))
    end = end_of(records)
    if end is None or end.outcome == "diverged":
        return float("nan")
    return [r.value for r in records if isinstance(r, Metric) and r.name == dataset.metric][-1]


def shown(player: Player) -> str:
    """A player's rate, or the range of its tensors'."""
    if isinstance(player.rule, Lengths):
        moved = [length for length in player.rule.lengths if length]
        return f"{min(moved):.2g} to {max(moved):.2g}"
    return f"{player.lr:.2g}"


def main() -> None:
    """Run, and print one table per dataset."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path, help="folder of the study whose sweep to compare with")
    parser.add_argument(
        "--data", nargs="*", default=[], metavar="NAME=PATH", help="as the study was given it"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/suggested"), help="folder of the runs")
    parser.add_argument("--seeds", type=int, default=3, help="of each arm")
    parser.add_argument(
        "--first-seed", type=int, default=FIRST_SEED, help="the others follow, Adam's comes before"
    )
    options = parser.parse_args()
    result = load(options.study / STUDY_FILE, StudyResult)
    named = (given.split("=", 1) for given in options.data)
    study = studies.find()[result.name]
    assert isinstance(study, studies.Study), f"{study.name} sweeps the synthetic framework"
    study = study.on({name: Path(path) for name, path in named})
    datasets = {dataset.name: dataset for dataset in study.datasets}
    for swept in result.datasets:
        dataset = datasets[swept.dataset]
        chosen = {arm.arm: arm.lr for arm in swept.arms}
        steps = study.scales[result.scale].steps[dataset.name]
        folder = options.out / dataset.name
        suggested = suggest(dataset, chosen["adam"], steps // 10, options.first_seed - 1, folder / "adam")
        print(f"## {dataset.name}: {dataset.metric}, {dataset.better} is better, {steps} steps\n")
        print("| nSGDA | rates from | generator | discriminator | mean | values |\n|---|---|---|---|---|---|")
        played = arms(dataset.run(ADAM.rule, 1.0, steps, options.first_seed), chosen, suggested)
        for (scope, source), players in played.items():
            values = [
                measure(dataset, players, seed, steps, folder / f"{scope} {source} {seed}")
                for seed in range(options.first_seed, options.first_seed + options.seeds)
            ]
            each = ", ".join(f"{value:.3g}" for value in values)
            pair = " | ".join(shown(players[p]) for p in PLAYERS)
            print(f"| {scope} | {source} | {pair} | {statistics.mean(values):.3g} | {each} |", flush=True)
        print()


if __name__ == "__main__":
    main()
