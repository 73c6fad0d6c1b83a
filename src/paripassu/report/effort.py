"""How the arms of a comparison were tuned: how many runs each got, and how easily it was."""

from paripassu.records import ArmResult, GameResult, span
from paripassu.report import tuning_figures
from paripassu.report.page import Block, Figure, Table


def run_count(arm: ArmResult) -> int:
    """Runs of an arm on a game, those on tuning seeds included."""
    return arm.tuning_runs + len(arm.runs)


def tuning_blocks(game: GameResult) -> list[Block]:
    """What tuning each arm took, as a table and, where arms were tuned, as figures."""
    better, metric = f"{game.better} is better", game.tuned_by or game.metric
    if not any(arm.ease for arm in game.arms):
        return [_effort(game)]
    return [
        _effort(game),
        Figure(
            tuning_figures.expected_best(game.arms, metric),
            "How easily each arm is tuned",
            f"The {metric} that the best of n trials is expected to have; {better}. Bands are "
            "bootstrap 95 % intervals over trials.",
            is_small=True,
        ),
        Figure(
            tuning_figures.trials(game.arms, metric),
            "Every trial",
            f"{metric} of each trial on the first tuning seed, over the generator's learning rate; "
            f"{better}. A ring marks the chosen settings.",
            is_small=True,
        ),
    ]


def _effort(game: GameResult) -> Table:
    """How easily each arm was tuned, and how many runs it got, so that a reader sees that this is fair."""
    return Table(
        columns=(
            "arm",
            "trials",
            "runs to tune",
            "runs to confirm",
            f"expected {game.tuned_by or game.metric} of 1 trial",
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
    mean = f"{arm.ease.mean:.3g} [{span(arm.ease.mean_low, arm.ease.mean_high)}]"
    return first, mean, f"{arm.ease.close_to_best:.0%}"
