"""What the dissection's table takes from a comparison of arms on GANs: shares of Adam's result.

The comparison is the study of that name in a folder beside the dissection's, such as ``runs/grafting-small``
beside ``runs/dissection-small``. Of several that played the game the finished one counts, then the one with
the most runs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from paripassu.evidence.intervals import Interval, bootstrap_interval
from paripassu.records import STUDY_FILE, GameResult, StudyResult
from paripassu.records.codec import load

# The comparison's arms, by the rows of the table that have the same rule.
ARMS_OF_ROWS: Mapping[str, str] = {
    "adam": "adam",
    "adam length": "adam magnitude",
    "adam direction": "adam direction",
    "sgd": "sgda",
    "nsgd": "nsgda global",
    "nsgd rms": "nsgda rms",
}


class Beside(NamedTuple):
    """A game of a comparison, and the folder that it is in."""

    folder: Path
    game: GameResult


@dataclass(frozen=True)
class Shares:
    """Arms of a comparison on one game, over Adam: more is better, whichever way the metric improves.

    Attributes:
        values: of each row's confirmation seeds: the metric over Adam's mean, or that mean over the metric if
            less of it is better.
        intervals: of each row's mean.
        diverged: runs, by row.
    """

    values: Mapping[str, Sequence[float]]
    intervals: Mapping[str, Interval]
    diverged: Mapping[str, int]


def game_beside(folder: Path, study: str, game: str) -> Beside | None:
    """What the comparison ``study`` found on a game, in a folder beside ``folder`` named after the study.

    Of several, that with the most fresh seeds counts, then a finished one, then that with the most runs.

    Raises:
        ValueError: a result there is damaged or of another version.
    """
    found: list[tuple[int, bool, int, Beside]] = []
    for path in sorted(folder.absolute().parent.glob(f"{study}*/{STUDY_FILE}")):
        result = load(path, StudyResult)
        if result.name == study and result.kind == "comparison" and result.is_judged:
            found += [
                (_seeds(each), result.finished, _runs(each), Beside(path.parent, each))
                for each in result.games
                if each.game == game
            ]
    return max(found, key=lambda each: each[:3], default=(0, False, 0, None))[3]


def shares_of_adam(played: GameResult) -> Shares | None:
    """What rows reach of Adam's result on a game; None if Adam did not play it, or reached nothing.

    Of a distance the result is its inverse, so that Adam reaches 1 in the mean.
    """
    arms = {arm.arm: arm for arm in played.arms}
    rows = {row: arms[arm] for row, arm in ARMS_OF_ROWS.items() if arm in arms}
    if "adam" not in rows:
        return None
    raw = {row: arm.estimates[played.metric].values for row, arm in rows.items()}
    if played.better == "lower":
        if not all(value > 0 for value in raw["adam"]):
            return None
        raw = {row: [1 / value for value in values] for row, values in raw.items()}
    adam = sum(raw["adam"]) / len(raw["adam"])
    if not (adam > 0 and math.isfinite(adam)):
        return None
    shares = {row: [value / adam for value in values] for row, values in raw.items()}
    return Shares(
        shares,
        {row: bootstrap_interval(lambda mean: mean, own) for row, own in shares.items()},
        {row: arm.diverged for row, arm in rows.items()},
    )


def _seeds(game: GameResult) -> int:
    return min((len(arm.runs) for arm in game.arms), default=0)


def _runs(game: GameResult) -> int:
    return sum(len(arm.runs) + arm.tuning_runs for arm in game.arms)
