"""What a comparison of arms on games rests on: tables, curves, samples, and what the optimizers did."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from paripassu.evidence import series
from paripassu.evidence.pairs import Pair, all_pairs
from paripassu.evidence.tables import run_ends, run_tables
from paripassu.files import inside
from paripassu.records import ArmResult, Estimate, GameResult, StudyResult, span
from paripassu.report import figures
from paripassu.report.answer import answer
from paripassu.report.effort import tuning_blocks
from paripassu.report.page import Block, Figure, Pictures, Section, Strip, Table, Text
from paripassu.report.pair_figure import forest
from paripassu.report.run import spread
from paripassu.report.updates import update_figures

_SHOWN_STEPS = 4
_MEAN = "their mean with its bootstrap 95 % interval, which fewer than five runs do not have"
_RUN = "runs/*/*/*"  # a run's folder: game, arm, run


def sections(result: StudyResult, folder: Path) -> list[Section]:
    """Sections of each game. A run that is damaged is named, and its records are left out.

    Raises:
        ValueError: a run is not in the study's folder.
    """
    own = [section for game in result.games for section in _game_sections(result, game, folder)]
    return [section for section in own if section.blocks]


def answers(result: StudyResult) -> str:
    """What was seen, a sentence or two a game; empty for a study without games."""
    return " ".join(answer(game) for game in result.games)


def first_screen(result: StudyResult, folder: Path) -> list[Block]:
    """For each game, samples of every arm beside real data, and every arm's seeds with their mean.

    Raises:
        ValueError: a run is not in the study's folder.
    """
    blocks: list[Block] = []
    for game in result.games:
        runs = _whole_runs(game, folder)[0]
        if strip := _strip(game, runs):
            blocks.append(strip)
        blocks.append(_every_seed(game))
    return blocks


def _strip(game: GameResult, runs: Mapping[str, Sequence[Path]]) -> Strip | None:
    first = {arm: folders[0] for arm, folders in runs.items() if folders}
    own = _sample_pictures(first)
    last = {arm: max(shown.items()) for arm, shown in own.items() if shown}
    if not last:
        return None
    end = max(step for step, _ in last.values())
    real = series.first_real_picture(first.values())
    tiles = [("real data", real)] if real else []
    tiles += [(arm if step == end else f"{arm}, step {step:,}", path) for arm, (step, path) in last.items()]
    beside = ", beside real data" if real else ""
    return Strip(tiles, f"Samples on {game.game} at step {end:,} of each arm's first run{beside}.")


def _sample_pictures(runs: Mapping[str, Path]) -> dict[str, dict[int, Path]]:
    """By arm, the pictures of one run by step."""
    table = run_tables(list(runs.values()), ["Samples"])
    return {
        arm: series.pictures(table.filter(run=number), folder)
        for number, (arm, folder) in enumerate(runs.items())
    }


def _whole_runs(game: GameResult, folder: Path) -> tuple[dict[str, list[Path]], dict[Path, str]]:
    """The runs of each arm that can be shown, and what is wrong with the others."""
    named = {arm.arm: [inside(folder, run, pattern=_RUN) for run in arm.runs] for arm in game.arms}
    flaws = {path: flaw for own in named.values() for path in own if (flaw := _flaw(path))}
    return {arm: [path for path in own if path not in flaws] for arm, own in named.items()}, flaws


def best_arm(game: GameResult) -> int | None:
    """Index of the arm with the best mean of the deciding metric; None if no mean is known."""
    sign = 1 if game.better == "higher" else -1
    means = [sign * arm.estimates[game.metric].mean for arm in game.arms]
    known = [number for number, mean in enumerate(means) if math.isfinite(mean)]
    return max(known, key=means.__getitem__, default=None)


def _game_sections(result: StudyResult, game: GameResult, folder: Path) -> list[Section]:
    runs, flaws = _whole_runs(game, folder)
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
        Section(f"{game.game}: all pairs of arms", _all_pairs(game)),
        Section(f"{game.game}: all pairs in numbers", _pairs_in_numbers(game), is_folded=True),
        Section(f"{game.game}: samples over training", [_samples(runs)]),
        Section(f"{game.game}: how the arms were tuned", tuning_blocks(game), is_folded=True),
        Section(f"{game.game}: what the optimizers did", update_figures(table, list(runs)), is_folded=True),
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
    return [main, *([rest] if others else [])]


def _figures(game: GameResult, table: pl.DataFrame) -> list[Block]:
    metrics = series.metrics(table)
    shown = game.tuned_by or game.metric
    own = series.over_seeds(metrics.filter(name=shown))
    better = f"{game.better} is better"
    lost = " A run that diverged is in them until then." if any(arm.diverged for arm in game.arms) else ""
    blocks: list[Block] = [
        Figure(
            figures.curves(own, [arm.arm for arm in game.arms], y=shown),
            "Learning curves",
            f"{shown} on the confirmation seeds: mean and range over seeds; {better}.{lost}",
        )
    ]
    for name in game.measures:
        measured = {arm.arm: arm.estimates[name] for arm in game.arms}
        caption = (
            f"{name} of each confirmation run, computed from its records, and below them {_MEAN}. The "
            "protocol below defines it."
        )
        blocks.append(Figure(figures.values(measured, name), name.capitalize(), caption, is_small=True))
    return blocks


def _every_seed(game: GameResult) -> Figure:
    deciding = {arm.arm: arm.estimates[game.metric] for arm in game.arms}
    return Figure(
        figures.values(deciding, game.metric),
        f"{game.game}: every seed",
        f"{game.metric} of each confirmation run, and below them {_MEAN}. A diverged run counts as the "
        f"worst value of any run; {game.better} is better.",
    )


def _all_pairs(game: GameResult) -> list[Block]:
    pairs = all_pairs(game)
    if not pairs:
        return []
    count = pairs[0].seeds
    caption = (
        f"How much better the first arm is than the second, in {game.metric}: the mean of the differences "
        f"of {count} seed{'s' * (count > 1)}, paired, with its 95 % interval (Student's t). A full marker is "
        "a pair whose interval leaves out zero. Each interval is of its pair alone: of twenty pairs that do "
        "not differ, one is apart by chance."
    )
    figure = forest(pairs, [arm.arm for arm in game.arms], game.metric)
    return [Figure(figure, "All pairs of arms", caption)]


def _pairs_in_numbers(game: GameResult) -> list[Block]:
    rows = [(f"{pair.better} − {pair.worse}", *_in_cells(pair)) for pair in all_pairs(game)]
    heads = ("pair", f"how much better, in {game.metric}", "95 % interval, Student's t", "seeds")
    return [Table(heads, rows)] if rows else []


def _in_cells(pair: Pair) -> tuple[str, str, str]:
    return f"{pair.lead.value:.3g}", span(pair.lead.low, pair.lead.high, " to "), str(pair.seeds)


def _samples(runs: Mapping[str, Sequence[Path]]) -> Block:
    first = {arm: folders[0] for arm, folders in runs.items() if folders}
    shown = _sample_pictures(first)
    steps = list(spread({step: path for own in shown.values() for step, path in own.items()}, _SHOWN_STEPS))
    rows = [(arm, [own.get(step) for step in steps]) for arm, own in shown.items()]
    if rows and (real := series.first_real_picture(first.values())):
        rows.insert(0, ("real data", [real]))
    caption = "From each arm's first confirmation run, at equal steps. A gap is a run that had diverged."
    return Pictures([f"step {step:,}" for step in steps], rows, caption)


def _mean_and_interval(estimate: Estimate) -> tuple[str, str]:
    if math.isnan(estimate.mean):
        return "unknown", "unknown"
    # One seed has no deviation, although its record has 0 there.
    deviation = f" ± {estimate.std:.2g}" if len(estimate.values) > 1 else ""
    return f"{estimate.mean:.3g}{deviation}", span(estimate.low, estimate.high, " to ")


def _in_one(estimate: Estimate) -> str:
    if math.isnan(estimate.mean):
        return "unknown"
    return f"{_mean_and_interval(estimate)[0]} [{span(estimate.low, estimate.high)}]"


def _rates(arm: ArmResult) -> str:
    edges = f" (close to the {' and the '.join(arm.edges)} tried)" if arm.edges else ""
    return f"{arm.chosen}{edges}"


def _diverged(arm: ArmResult) -> str:
    return f"{arm.diverged} of {len(arm.runs)}"
