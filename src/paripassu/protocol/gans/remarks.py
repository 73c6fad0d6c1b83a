"""What a reader should know about the runs of a comparison, one sentence each."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from paripassu.evidence.tables import run_table
from paripassu.files import read_whole
from paripassu.protocol.alike import not_alike
from paripassu.protocol.gans.arm_on_game import RUNS, ArmOnGame, Ends
from paripassu.records import RUN_FILE


def unused(used: set[Path], out: Path) -> list[str]:
    """A remark if the folder has runs that the study does not use."""
    there = (path.parent.relative_to(out) for path in out.glob(f"{RUNS}/*/*/*/{RUN_FILE}"))
    count = sum(folder not in used for folder in there)
    if not count:
        return []
    runs = "1 run in the folder is" if count == 1 else f"{count:,} runs in the folder are"
    return [f"{runs} not used: the study was edited, or chooses other settings now."]


def unlearned(own: Sequence[ArmOnGame], ends: Ends, out: Path, budget: int) -> list[str]:
    """A remark if no trial of some arms was better than untrained networks by more than the game's margin.

    Args:
        own: every arm on one game.
        ends: of all runs.
        out: the study's folder.
        budget: number of trials that count.
    """
    arms = [each.arm.name for each in own if each.tuning and not _has_learned(each, ends, out, budget)]
    if not arms:
        return []
    game = own[0].game
    who = f"On {game.name} no trial of {', '.join(arms)}"
    what = f"was ahead of untrained networks by more than the margin in {game.metric}"
    return [f"{who} {what}: rates were chosen among runs that had learned nothing."]


def _has_learned(each: ArmOnGame, ends: Ends, out: Path, budget: int) -> bool:
    game, trials = each.game, each.trials(budget)
    # All trials begin with the same networks.
    first = run_table(out / trials[0].folder).filter(kind="Metric", name=game.metric, step=0)["value"]
    finals = [ends[job.folder].finals.get(game.metric) for job in trials]
    # A gain that is not known is no reason to doubt the arm.
    return not len(first) or any(
        final is not None and game.score(final) - game.score(first[0]) > game.margin for final in finals
    )


def mixed(used: Iterable[Path], out: Path) -> list[str]:
    """A remark if not all runs were made by the same code on the same hardware."""
    return not_alike(json.loads(read_whole(out / folder / RUN_FILE))["environment"] for folder in used)
