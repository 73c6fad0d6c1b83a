"""What the dissection's table takes from a comparison of arms on GANs: shares of Adam's result and ease.

The comparison is the study of that name in a folder beside the dissection's, such as ``runs/grafting-small``
beside ``runs/dissection-small``. Of several the finished one counts, then the one with the most runs.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from paripassu.evidence.intervals import Interval, bootstrap_interval
from paripassu.evidence.tuning import mean_expected_best
from paripassu.records import STUDY_FILE, ArmResult, StudyResult
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
    """A comparison and where it is."""

    folder: Path
    result: StudyResult


@dataclass(frozen=True)
class Shares:
    """Arms of a comparison on one game, over Adam.

    Attributes:
        values: of each row's seeds or trials, over the centre of Adam's.
        intervals: of each row's centre.
        centre: of the values: their mean, or the ease of trials.
        runs: of each arm: confirmation runs, or trials.
        diverged: of those, by row.
    """

    values: Mapping[str, Sequence[float]]
    intervals: Mapping[str, Interval]
    centre: Callable[..., Any]
    runs: int
    diverged: Mapping[str, int]


def comparison_beside(folder: Path, study: str) -> Beside | None:
    """The result of the comparison ``study`` in a folder beside ``folder``, whose name begins with its own.

    Raises:
        ValueError: a result there is damaged or of another version.
    """
    found: list[Beside] = []
    for path in sorted(folder.absolute().parent.glob(f"{study}*/{STUDY_FILE}")):
        result = load(path, StudyResult)
        if result.name == study and result.kind == "comparison" and result.is_judged:
            found.append(Beside(path.parent, result))
    return max(found, key=lambda each: (each.result.finished, _runs(each.result)), default=None)


def shares_of_adam(result: StudyResult, game: str, what: str) -> Shares | None:
    """What rows reach of Adam's result on a game; None if the game was not played, or Adam reached nothing.

    Args:
        result: of a comparison.
        game: whose metric rises.
        what: ``"value"`` for the deciding metric on confirmation seeds, ``"ease"`` for what a person can
            expect of the trials, averaged over their number.
    """
    played = next((each for each in result.games if each.game == game), None)
    if played is None:
        return None
    arms = {arm.arm: arm for arm in played.arms}
    rows = {row: arms[arm] for row, arm in ARMS_OF_ROWS.items() if arm in arms}
    centre = mean_expected_best if what == "ease" else np.mean

    def values(arm: ArmResult) -> list[float]:
        of_trials = [trial.values[0] for trial in arm.trials]
        return of_trials if what == "ease" else arm.estimates[played.metric].values

    raw = {row: values(arm) for row, arm in rows.items()}
    if played.better != "higher" or not raw.get("adam"):
        return None
    adam = float(centre(np.asarray(raw["adam"]), axis=0))
    if not (adam > 0 and math.isfinite(adam)):
        return None
    shares = {row: [value / adam for value in own] for row, own in raw.items() if own}
    return Shares(
        shares,
        {row: bootstrap_interval(lambda mean: mean, own, centre=centre) for row, own in shares.items()},
        centre,
        len(shares["adam"]),
        {
            row: sum(trial.diverged for trial in arm.trials) if what == "ease" else arm.diverged
            for row, arm in rows.items()
        },
    )


def _runs(result: StudyResult) -> int:
    return sum(len(arm.runs) + arm.tuning_runs for game in result.games for arm in game.arms)
