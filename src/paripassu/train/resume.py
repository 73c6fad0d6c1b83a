"""Where a run goes on: after its proved end, from the newest whole checkpoint with its records, or anew.

What cannot be trusted is moved into ``set-aside`` in the run's folder, and removed when the run has ended.
"""

from collections.abc import Callable
from pathlib import Path

from paripassu.files import remove, sync
from paripassu.records import RECORDS_FILE, End
from paripassu.records.checkpoints import (
    SET_ASIDE,
    Checkpoint,
    DamagedError,
    check_whole,
    checkpoints,
    folder_of,
    has_records,
)
from paripassu.records.codec import key_of, proved_end, read_records, truncate
from paripassu.records.place import elsewhere

Notice = Callable[[str], object]


def settle(folder: Path, steps: int, notice: Notice) -> End | None:
    """Leave the folder of a locked run with nothing in it that cannot be trusted.

    Args:
        folder: the run's.
        steps: that the run is to have.
        notice: called with a sentence for everything that is passed over.

    Returns:
        The end of a run that has ended, whose records and last checkpoint are whole. Else None: the run goes
        on from its newest checkpoint, which is whole, and its records are those before it.

    Raises:
        ValueError: a checkpoint is whole, but of another run; nothing was moved.
    """
    end = proved_end(folder / RECORDS_FILE)
    if end and end.outcome == "diverged":
        return end
    last, passed_over = _newest(folder)
    if end and last and last.step == end.step == steps:
        return end
    end = end if end and end.step == steps else None
    for path, reason in passed_over.items():
        notice(reason)
        _set_aside(folder, path)
    where = f"going on from step {last.step}" if last else "beginning anew"
    if end:
        notice(f"the run had ended, and its last checkpoint is missing or damaged: {where}")
    elif passed_over:
        notice(f"{where}; what cannot be used is in {folder / SET_ASIDE} until the run has ended")
    if last is None:
        _begin_anew(folder, notice, has_lost=bool(passed_over or end))
    else:
        truncate(folder / RECORDS_FILE, last.records)
    return None


def ended_as(folder: Path, steps: int) -> End | None:
    """The end that `settle` left, for the processes that wait for the first one."""
    end = proved_end(folder / RECORDS_FILE)
    return end if end and (end.outcome == "diverged" or end.step == steps) else None


def clear_set_aside(folder: Path) -> None:
    """Remove what was set aside: the run has ended without it."""
    remove(folder / SET_ASIDE)


def to_measure(folder: Path, step: int | None) -> Path:
    """The folder of the checkpoint that a run's name stands for: its last, or that of ``step``.

    Raises:
        ValueError: there is none, or it is damaged. An earlier one is not taken instead.
    """
    found = checkpoints(folder)
    if not found:
        raise ValueError(elsewhere(folder, "run") or f"{folder} has no checkpoint yet: train it first")
    end = proved_end(folder / RECORDS_FILE)
    wanted = found[-1] if step is None else folder_of(folder, step)
    if step is None and end and end.outcome == "finished":
        wanted = folder_of(folder, end.step)
    if step is not None and wanted not in found:
        there = ", ".join(str(int(path.name.removeprefix("step-"))) for path in found)
        raise ValueError(f"{folder} has no checkpoint of step {step}: choose from {there}")
    try:
        _check_own(wanted, check_whole(wanted), key_of(folder))
    except DamagedError as error:
        mend = "give the run's command again to mend it"
        if whole := [path for path in found if path != wanted and _is_whole(path)]:
            mend += f", or ask for the one before with --step {check_whole(whole[-1]).step}"
        raise ValueError(f"checkpoint {wanted.name} of {folder} is damaged (its {error}): {mend}") from error
    return wanted


def _newest(folder: Path) -> tuple[Checkpoint | None, dict[Path, str]]:
    """The newest checkpoint to go on from, and why each newer one cannot be used."""
    key, passed_over = key_of(folder), dict[Path, str]()
    for path in reversed(checkpoints(folder)):
        try:
            checkpoint = check_whole(path)
        except DamagedError as error:
            passed_over[path] = f"checkpoint {path.name} is damaged: its {error}"
            continue
        _check_own(path, checkpoint, key)
        if has_records(folder, checkpoint):
            return checkpoint, passed_over
        passed_over[path] = f"the records before checkpoint {path.name} were lost or changed"
    return None, passed_over


def _check_own(path: Path, checkpoint: Checkpoint, key: str) -> None:
    if checkpoint.run != key:
        raise ValueError(f"{path} is a checkpoint of another run: bring it to its folder")


def _begin_anew(folder: Path, notice: Notice, *, has_lost: bool) -> None:
    records = folder / RECORDS_FILE
    if not records.stat().st_size:
        return
    # The untrained networks have a checkpoint. Before it is whole, there are records of step 0 alone.
    if has_lost or _has_steps(records):
        if not has_lost:
            notice(
                f"no checkpoint is left: beginning anew; the records until now are in {folder / SET_ASIDE}"
            )
        _set_aside(folder, records)
    records.touch()
    truncate(records, 0)


def _has_steps(records: Path) -> bool:
    try:
        return any(record.step for record in read_records(records))
    except ValueError:
        return True


def _set_aside(folder: Path, path: Path) -> None:
    home = folder / SET_ASIDE
    home.mkdir(exist_ok=True)
    remove(home / path.name)
    path.rename(home / path.name)
    for changed in (home, path.parent, folder):
        sync(changed)


def _is_whole(path: Path) -> bool:
    try:
        check_whole(path)
    except DamagedError:
        return False
    return True
