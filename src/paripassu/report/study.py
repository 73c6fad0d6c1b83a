"""The page of a study: question, claim, verdicts, then everything they rest on."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from paripassu.evidence import tables as series
from paripassu.records import STUDY_FILE, ArmResult, Estimate, GameResult, StudyResult
from paripassu.records.codec import load
from paripassu.report import figures
from paripassu.report.page import (
    PAGE_FOLDER,
    Badge,
    Block,
    Figure,
    Page,
    Pictures,
    Section,
    Table,
    Text,
    environment_blocks,
    left_out,
)
from paripassu.report.run import spread, update_figures

_SHOWN_STEPS = 4
_MEAN = "their mean with its bootstrap 95 % interval"


def write_study_page(folder: Path) -> Path:
    """Write the page of the study in ``folder`` from its result and its runs' records.

    Returns:
        The path of the page.

    Raises:
        ValueError: the folder's files are not a study's, or damaged.
    """
    result = load(folder / STUDY_FILE, StudyResult)
    page = Page(
        title=result.question,
        lead=f"Claim under test: {result.claim}",
        blocks=[*_verdicts(result), *_cut(result)],
        sections=[
            *(section for dataset in result.datasets for section in _dataset_sections(dataset, folder)),
            Section("Protocol", [Text(result.protocol)]),
            Section("How it was made", environment_blocks(result.environment, _seeds(result))),
        ],
    )
    return page.write(folder / PAGE_FOLDER)


def best_arm(dataset: GameResult) -> int:
    """Index of the arm with the best mean of the deciding metric."""
    sign = 1 if dataset.better == "higher" else -1
    means = [sign * arm.estimates[dataset.metric].mean for arm in dataset.arms]
    return means.index(max(means))


def rate(arm: ArmResult) -> str:
    """An arm's learning rate, and a warning where its grid should have gone further."""
    return f"{arm.lr:g}" + (" (edge of its grid)" if arm.on_edge else "")


def _verdicts(result: StudyResult) -> list[Block]:
    if not result.datasets:
        return [Text("Not finished: the command below goes on where it stopped.")]
    return [Badge(f"On {dataset.dataset}", dataset.verdict) for dataset in result.datasets]


def _cut(result: StudyResult) -> list[Block]:
    return left_out(result.cut) + [Text(remark) for remark in result.remarks]


def _dataset_sections(dataset: GameResult, folder: Path) -> list[Section]:
    runs = {arm.arm: [folder / run for run in arm.runs] for arm in dataset.arms}
    records = series.read_runs(runs)
    return [
        Section(
            f"{dataset.dataset}: results",
            [Text(f"{dataset.setting}."), *_tables(dataset), *_figures(dataset, records)],
        ),
        Section(f"{dataset.dataset}: samples", [_samples(records, runs)]),
        Section(f"{dataset.dataset}: what the optimizers did", update_figures(records)),
    ]


def _tables(dataset: GameResult) -> list[Block]:
    main = Table(
        # The metric first: on a phone the rest is beyond the edge.
        columns=("arm", dataset.metric, "95 % interval", "learning rate", "diverged", "update"),
        rows=[
            (arm.arm, *_told(arm.estimates[dataset.metric]), rate(arm), _diverged(arm), arm.description)
            for arm in dataset.arms
        ],
        best=best_arm(dataset),
        caption=f"Mean ± standard deviation over the confirmation seeds; {dataset.better} is better.",
    )
    others = [name for name in dataset.arms[0].estimates if name != dataset.metric]
    rest = Table(
        columns=("arm", *others),
        rows=[(arm.arm, *(_in_one(arm.estimates[name]) for name in others)) for arm in dataset.arms],
        caption="The other metrics of the same runs: mean ± standard deviation [95 % interval of the mean].",
    )
    return [main, *([rest] if others else []), _effort(dataset)]


def _effort(dataset: GameResult) -> Table:
    """What every arm was given, so that a reader sees whether the comparison is a fair one."""
    return Table(
        columns=("arm", "learning rates tried", "runs to tune", "runs to confirm"),
        rows=[(arm.arm, _tried(arm), str(_tuning_runs(arm)), str(len(arm.runs))) for arm in dataset.arms],
        caption=f"{sum(map(_runs, dataset.arms))} runs on {dataset.dataset}. Rates tried are those of the "
        "grid and any beyond its edges, the chosen one in brackets.",
    )


def _runs(arm: ArmResult) -> int:
    return _tuning_runs(arm) + len(arm.runs)


def _tuning_runs(arm: ArmResult) -> int:
    return sum(len(rate.estimate.values) for rate in arm.grid)


def _tried(arm: ArmResult) -> str:
    if not arm.grid:
        return f"not tuned: [{arm.lr:g}]"
    return ", ".join(f"[{rate.lr:g}]" if rate.lr == arm.lr else f"{rate.lr:g}" for rate in arm.grid)


def _figures(dataset: GameResult, records: series.Records) -> list[Block]:
    arms = list(records)
    metrics = series.metrics(records)
    own = series.over_seeds(metrics.filter(metrics["name"] == dataset.metric))
    better = f"{dataset.better} is better"
    deciding = {arm.arm: arm.estimates[dataset.metric] for arm in dataset.arms}
    blocks: list[Block] = [
        Figure(
            figures.curves(own, arms, y=dataset.metric),
            "Learning curves",
            f"{dataset.metric} on the confirmation seeds: mean and range over seeds; {better}.",
        ),
        Figure(
            figures.values(deciding, dataset.metric),
            "Every seed",
            f"{dataset.metric} of each confirmation run, and beside them {_MEAN}. A diverged run has "
            f"the worst value seen; {better}.",
        ),
    ]
    for name in dataset.measures:
        measured = {arm.arm: arm.estimates[name] for arm in dataset.arms}
        caption = (
            f"{name} of each confirmation run, from its records, and beside them {_MEAN}; the protocol below "
            "says what it is."
        )
        blocks.append(Figure(figures.values(measured, name), name.capitalize(), caption))
    if any(arm.grid for arm in dataset.arms):
        figure = figures.sensitivity(dataset.arms, dataset.metric)
        caption = (
            f"{dataset.metric} over each arm's grid, mean and range over the tuning seeds, the chosen rate "
            f"ringed; {better}. A wide basin forgives a rough choice."
        )
        blocks.append(Figure(figure, "Sensitivity to the learning rate", caption))
    return blocks


def _samples(records: series.Records, runs: Mapping[str, Sequence[Path]]) -> Block:
    first = {arm: series.pictures(records[arm][0], folders[0]) for arm, folders in runs.items() if folders}
    steps = list(
        spread({step: path for shown in first.values() for step, path in shown.items()}, _SHOWN_STEPS)
    )
    rows = [(arm, [shown.get(step) for step in steps]) for arm, shown in first.items()]
    caption = "From each arm's first confirmation run, at equal steps; a gap is a run that had diverged."
    return Pictures([f"step {step:,}" for step in steps], rows, caption)


def _told(estimate: Estimate) -> tuple[str, str]:
    return f"{estimate.mean:.3g} ± {estimate.std:.2g}", f"{estimate.low:.3g} to {estimate.high:.3g}"


def _in_one(estimate: Estimate) -> str:
    return f"{_told(estimate)[0]} [{estimate.low:.3g}, {estimate.high:.3g}]"


def _diverged(arm: ArmResult) -> str:
    return f"{arm.diverged} of {len(arm.runs)}"


def _seeds(result: StudyResult) -> list[tuple[str, str]]:
    return [
        ("scale", result.scale),
        ("runs", f"{sum(_runs(arm) for d in result.datasets for arm in d.arms):,}"),
        ("networks on", result.device),
        ("tuning seeds", ", ".join(map(str, result.tuning_seeds)) or "none"),
        ("confirmation seeds", ", ".join(map(str, result.confirmation_seeds))),
    ]
