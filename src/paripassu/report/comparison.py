"""What a comparison of arms on games rests on: tables, curves, samples, and what the optimizers did."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from paripassu.evidence import series
from paripassu.evidence.tables import run_ends, run_tables
from paripassu.files import inside
from paripassu.records import ArmResult, Estimate, GameResult, StudyResult
from paripassu.report import figures, tuning_figures
from paripassu.report.page import Block, Figure, Pictures, Section, Table, Text
from paripassu.report.run import spread, update_figures

_SHOWN_STEPS = 4
_MEAN = "their mean with its bootstrap 95 % interval"
_RUN = "runs/*/*/*"  # a run's folder: game, arm, run


def sections(result: StudyResult, folder: Path) -> list[Section]:
    """Three sections a game. A run that is damaged is named, and its records are left out.

    Raises:
        ValueError: a run is not in the study's folder.
    """
    return [section for game in result.games for section in _game_sections(result, game, folder)]


def best_arm(game: GameResult) -> int:
    """Index of the arm with the best mean of the deciding metric."""
    sign = 1 if game.better == "higher" else -1
    means = [sign * arm.estimates[game.metric].mean for arm in game.arms]
    return means.index(max(means))


def run_count(arm: ArmResult) -> int:
    """Runs of an arm on a game, those on tuning seeds included."""
    return arm.tuning_runs + len(arm.runs)


def _game_sections(result: StudyResult, game: GameResult, folder: Path) -> list[Section]:
    named = {arm.arm: [inside(folder, run, pattern=_RUN) for run in arm.runs] for arm in game.arms}
    flaws = {path: flaw for own in named.values() for path in own if (flaw := _flaw(path))}
    runs = {arm: [path for path in own if path not in flaws] for arm, own in named.items()}
    # Layers are shown of the first runs alone, and no shadow of a whole player is.
    first = {arm: folders[:1] for arm, folders in runs.items()}
    of_all, of_first = (
        series.read_arms(runs, ("Metric", "Update", "Pace")),
        series.read_arms(first, ("Shadow",)),
    )
    table = pl.concat([of_all, of_first], how="diagonal")
    return [
        Section(
            f"{game.game}: results",
            [
                Text(_setting(game)),
                *(Text(f"{path}: {flaw}. The figures leave this run out.") for path, flaw in flaws.items()),
                *_tables(game),
                *_figures(game, table),
                *_power(result, game),
            ],
        ),
        Section(f"{game.game}: samples", [_samples(runs)]),
        Section(f"{game.game}: what the optimizers did", update_figures(table, list(runs))),
    ]


def _power(result: StudyResult, game: GameResult) -> list[Block]:
    """What each verdict rule can see on this game."""
    own = [finding for finding in result.findings if finding.about == game.game and finding.power]
    return [Text(f"What the rule can see. {finding.claim}: {finding.power}") for finding in own]


def _setting(game: GameResult) -> str:
    family = f" Arms: {game.family}." if game.family else ""
    recovered = f" An arm recovers another's result if it has a {game.margin}." if game.margin else ""
    return f"{game.setting}.{family}{recovered}"


def _flaw(run: Path) -> str:
    """What keeps a run of a finished study from being shown, in words; empty if nothing does."""
    try:
        (end,) = run_ends([run])
    except ValueError as error:
        return str(error)
    return "" if end else "its records are missing or damaged, so the study's command trains it again"


def _tables(game: GameResult) -> list[Block]:
    main = Table(
        # The metric first: on a phone the rest is beyond the edge.
        columns=(
            "arm",
            game.metric,
            "95 % interval",
            "learning rates, generator and discriminator",
            "diverged",
            "update",
        ),
        rows=[
            (
                arm.arm,
                *_mean_and_interval(arm.estimates[game.metric]),
                _rates(arm),
                _diverged(arm),
                arm.description,
            )
            for arm in game.arms
        ],
        best=best_arm(game),
        caption=f"Mean ± standard deviation over the confirmation seeds; {game.better} is better.",
    )
    others = [name for name in game.arms[0].estimates if name != game.metric]
    rest = Table(
        columns=("arm", *others),
        rows=[(arm.arm, *(_in_one(arm.estimates[name]) for name in others)) for arm in game.arms],
        caption="The other metrics of the same runs: mean ± standard deviation [95 % interval of the mean].",
    )
    return [main, *([rest] if others else []), _effort(game)]


def _effort(game: GameResult) -> Table:
    """How easily each arm was tuned, and how many runs it got, so that a reader sees that this is fair."""
    return Table(
        columns=(
            "arm",
            "trials",
            "runs to tune",
            "runs to confirm",
            f"expected {game.metric} of 1 trial",
            "averaged over 1 to all trials",
            "trials within a tenth of the best",
        ),
        rows=[
            (arm.arm, str(len(arm.trials)), str(arm.tuning_runs), str(len(arm.runs)), *_ease(arm))
            for arm in game.arms
        ],
        caption=f"{sum(map(run_count, game.arms)):,} runs on {game.game}. The expected value of n trials is "
        "that of the best of them; in brackets its 95 % interval over trials.",
    )


def _ease(arm: ArmResult) -> tuple[str, str, str]:
    if arm.ease is None:
        return "not tuned", "", ""
    first = f"{arm.ease.expected[0]:.3g}"
    mean = f"{arm.ease.mean:.3g} [{arm.ease.mean_low:.3g}, {arm.ease.mean_high:.3g}]"
    return first, mean, f"{arm.ease.close_to_best:.0%}"


def _figures(game: GameResult, table: pl.DataFrame) -> list[Block]:
    metrics = series.metrics(table)
    own = series.over_seeds(metrics.filter(name=game.metric))
    better = f"{game.better} is better"
    deciding = {arm.arm: arm.estimates[game.metric] for arm in game.arms}
    blocks: list[Block] = [
        Figure(
            figures.curves(own, list(deciding), y=game.metric),
            "Learning curves",
            f"{game.metric} on the confirmation seeds: mean and range over seeds; {better}.",
        ),
        Figure(
            figures.values(deciding, game.metric),
            "Every seed",
            f"{game.metric} of each confirmation run, and beside them {_MEAN}. A diverged run counts as the "
            f"worst value of any run; {better}.",
        ),
    ]
    for name in game.measures:
        measured = {arm.arm: arm.estimates[name] for arm in game.arms}
        caption = (
            f"{name} of each confirmation run, computed from its records, and beside them {_MEAN}. The "
            "protocol below defines it."
        )
        blocks.append(Figure(figures.values(measured, name), name.capitalize(), caption))
    if any(arm.ease for arm in game.arms):
        blocks += [
            Figure(
                tuning_figures.expected_best(game.arms, game.metric),
                "How easily each arm is tuned",
                f"The {game.metric} that the best of n trials is expected to have; {better}. Bands are "
                "bootstrap 95 % intervals over trials.",
            ),
            Figure(
                tuning_figures.trials(game.arms, game.metric),
                "Every trial",
                f"{game.metric} of each trial on the first tuning seed, over the generator's learning rate; "
                f"{better}. A ring marks the chosen settings.",
            ),
        ]
    return blocks


def _samples(runs: Mapping[str, Sequence[Path]]) -> Block:
    first = {arm: folders[0] for arm, folders in runs.items() if folders}
    table = run_tables(list(first.values()), ["Samples"])
    shown = {
        arm: series.pictures(table.filter(run=number), folder)
        for number, (arm, folder) in enumerate(first.items())
    }
    steps = list(spread({step: path for own in shown.values() for step, path in own.items()}, _SHOWN_STEPS))
    rows = [(arm, [own.get(step) for step in steps]) for arm, own in shown.items()]
    caption = "From each arm's first confirmation run, at equal steps. A gap is a run that had diverged."
    return Pictures([f"step {step:,}" for step in steps], rows, caption)


def _mean_and_interval(estimate: Estimate) -> tuple[str, str]:
    return f"{estimate.mean:.3g} ± {estimate.std:.2g}", f"{estimate.low:.3g} to {estimate.high:.3g}"


def _in_one(estimate: Estimate) -> str:
    return f"{_mean_and_interval(estimate)[0]} [{estimate.low:.3g}, {estimate.high:.3g}]"


def _rates(arm: ArmResult) -> str:
    edges = f" (close to the {' and the '.join(arm.edges)} tried)" if arm.edges else ""
    return f"{arm.chosen}{edges}"


def _diverged(arm: ArmResult) -> str:
    return f"{arm.diverged} of {len(arm.runs)}"
