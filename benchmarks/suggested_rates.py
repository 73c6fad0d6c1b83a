"""How close nSGDA at the rates that `suggest_lr` takes from Adam comes to nSGDA at the best rate of a sweep.

The sweep is a study's. Adam runs at the rate that it chose for Adam, for a tenth of the study's steps on a
seed of its own; its recorded steps give nSGDA's rates. nSGDA then runs at those and at the sweep's, on seeds
the study did not use, at full length.

    python benchmarks/suggested_rates.py runs/grafting-small
    python benchmarks/suggested_rates.py runs/recovery-small-cifar10 --data cifar10=FOLDER
"""

import argparse
import statistics
from dataclasses import replace
from pathlib import Path

from paripassu import studies
from paripassu.optim import SuggestedLR, suggest_lr
from paripassu.records import RECORDS_FILE, STUDY_FILE, Metric, StudyResult, end_of, load, read_records
from paripassu.rules import SGD, Normalize, Rule, Scope
from paripassu.studies.arms import ADAM
from paripassu.studies.protocol import Dataset
from paripassu.train import Player, train

PLAYERS = ("generator", "discriminator")
FIRST_SEED = 2000  # far from the study's


def suggest(dataset: Dataset, lr: float, steps: int, out: Path) -> dict[str, SuggestedLR]:
    """Rates per player from a short run of tuned Adam; its first fifth is left out."""
    run = dataset.run(ADAM.rule, lr, steps, FIRST_SEED - 1)
    train(replace(run, probe_every=5), out)
    records = list(read_records(out / RECORDS_FILE))
    return {player: suggest_lr(records, player, after=steps // 5) for player in PLAYERS}


def measure(dataset: Dataset, rule: Rule, rates: dict[str, float], seed: int, steps: int, out: Path) -> float:
    """The study's metric after a full run; NaN where it diverged."""
    run = dataset.run(rule, 1.0, steps, seed)
    train(replace(run, **{player: Player(rule, rates[player]) for player in PLAYERS}), out)
    records = list(read_records(out / RECORDS_FILE))
    end = end_of(records)
    if end is None or end.outcome == "diverged":
        return float("nan")
    return [r.value for r in records if isinstance(r, Metric) and r.name == dataset.metric][-1]


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
        suggested = suggest(dataset, chosen["adam"], steps // 10, folder / "adam")
        print(f"## {dataset.name}: {dataset.metric}, {dataset.better} is better, {steps} steps\n")
        print("| nSGDA | rates from | generator | discriminator | mean | values |\n|---|---|---|---|---|---|")
        scopes: tuple[Scope, ...] = ("global", "layer")
        for scope in scopes:
            best = chosen[f"nsgda {scope}"]
            sources = {
                "the sweep": dict.fromkeys(PLAYERS, best),
                "Adam's steps": {p: s.player if scope == "global" else s.layer for p, s in suggested.items()},
            }
            for source, rates in sources.items():
                values = [
                    measure(
                        dataset, Normalize(SGD(), scope), rates, FIRST_SEED + i, steps,
                        folder / f"{scope} {source} {i}",
                    )
                    for i in range(options.seeds)
                ]  # fmt: skip
                each = ", ".join(f"{value:.3g}" for value in values)
                pair = " | ".join(f"{rates[p]:.2g}" for p in PLAYERS)
                print(f"| {scope} | {source} | {pair} | {statistics.mean(values):.3g} | {each} |", flush=True)
        print()


if __name__ == "__main__":
    main()
