"""What a comparison must be before its first run: names, seeds, rates and metrics that fit together."""

from collections.abc import Sequence
from pathlib import Path

from paripassu.protocol.gans.arm_on_game import ArmOnGame, Ends, Job, folder_name
from paripassu.protocol.gans.game import Arm, Game
from paripassu.protocol.gans.tuning import Tuning
from paripassu.records import is_by_class
from paripassu.train import Run
from paripassu.train.measures import has_images, metrics_of

_LONGEST = 255  # bytes of a file's name


def check_names(arms: Sequence[Arm], games: Sequence[Game]) -> None:
    """Raise ``ValueError`` unless every name is one folder's, and no two arms or games share one."""
    for what, each in (*(("arm", arm) for arm in arms), *(("game", game) for game in games)):
        if not _names_a_folder(folder_name(each.name)):
            raise ValueError(
                f"the {what} {each.name!r} cannot name a folder: use letters, digits, spaces, dots and "
                "hyphens"
            )
    own = [f"{arm.family} {folder_name(arm.name)}" for arm in arms]
    for what, names in (("arms", own), ("games", [game.name for game in games])):
        if len(set(names)) < len(names):
            raise ValueError(f"two {what} share a name: {', '.join(names)}")
    families = {arm.family for arm in arms}
    for game in games:
        if game.family not in families:
            raise ValueError(f"no arm is of the family {game.family!r} that plays the game {game.name}")


def check_seeds(count: int, first: int, tuning: Tuning | None) -> None:
    """Raise ``ValueError`` unless there are seeds to confirm on, and tuning does not see them.

    Args:
        count: of the confirmation seeds.
        first: of them.
        tuning: whose seeds begin at 0.
    """
    if count < 1:
        raise ValueError("a comparison needs at least one seed to confirm on")
    if first < 0:
        raise ValueError(f"the first seed must be >= 0, got {first}")
    if tuning and first <= tuning.seeds:
        raise ValueError(
            f"the first seed to confirm on is {first}, and tuning uses the seeds 0 to {tuning.seeds}: choose "
            f"{tuning.seeds + 1} or more"
        )


def check_arm(each: ArmOnGame) -> None:
    """Raise ``ValueError`` unless an arm on a game has rates, trials that differ and metrics.

    Args:
        each: the arm on a game. Its data are not read.
    """
    arm, game = each.arm.name, each.game
    if arm not in game.centres and (each.tuning or arm not in game.chosen):
        raise ValueError(f"the game {game.name} has no rate for the arm {arm}: add it to the game's centres")
    first: dict[object, int] = {}
    for number, point in enumerate(each.points, 1):
        if point in first:
            raise ValueError(
                f"trials {first[point]} and {number} of {arm} on {game.name} are both at rates {point}: give "
                "the search space more decades, or the tuning fewer trials"
            )
        first[point] = number
    settings = each.points[0] if each.points else each.chosen({}, 0)
    assert settings
    _check_metrics(game, game.run(each.arm.rule, settings, each.steps, 0))


def check_measured(each: ArmOnGame, jobs: Sequence[Job], ends: Ends, folder: Path) -> None:
    """Raise ``ValueError`` if a run has finished without the metric that tunes.

    Args:
        each: an arm on a game.
        jobs: its runs.
        ends: of all runs.
        folder: the study's.
    """
    for job in jobs:
        end, metric = ends.get(job.folder), each.game.metric
        if end and end.outcome == "finished" and metric not in end.finals:
            there = ", ".join(end.finals) or "nothing"
            raise ValueError(
                f"{folder / job.folder} has measured {there}, and not {metric}, the metric of the game "
                f"{each.game.name}: choose what its runs measure"
            )


def _check_metrics(game: Game, run: Run) -> None:
    known = metrics_of(run)
    if game.metric not in known and not (run.data.is_labelled and is_by_class(game.metric)):
        raise ValueError(
            f"runs on {game.name} do not measure {game.metric}: let its metric be {' or '.join(known)}, or "
            f"change the run's eval_samples, which are {run.eval_samples}"
        )
    if game.judged_by and not has_images(run.data):
        raise ValueError(
            f"{game.judged_by.name} is measured of images, and {run.data.name} has none: leave judged_by out"
        )


def _names_a_folder(name: str) -> bool:
    is_plain = name.isprintable() and not set(name) & set("/\\") and name.strip(".") != ""
    return is_plain and len(name.encode()) <= _LONGEST
