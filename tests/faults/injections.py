"""The kinds of faults that a scenario can meet."""

import locale
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.faults import damage, shim
from tests.faults.vocabulary import Draw, Fault, Place


def kill_at_a_call(place: Place, rng: random.Random) -> Fault:
    """kill -9 just before a system call that changes something on the disk."""
    nth = _nth(place, rng, shim.CHANGES)
    return Fault(
        f"killed at call {nth}",
        lambda: shim.arm(shim.KILL, nth),
        must_recover=True,
        is_reached=lambda answer: answer.is_killed,
    )


def kill_at_a_moment(place: Place, rng: random.Random) -> Fault:
    """kill -9 at any time."""
    seconds = rng.uniform(0, 1.1) * place.golden.seconds
    return Fault(
        f"killed after {seconds:.3f} s",
        kill_after=seconds,
        must_recover=True,
        is_reached=lambda answer: answer.is_killed,
    )


def kill_of_the_second(place: Place, rng: random.Random) -> Fault:
    """kill of the process that does not write, at any time."""
    from tests.faults import scenarios

    seconds = rng.uniform(0.01, 1.1) * place.golden.seconds

    def in_child() -> None:
        scenarios.second_dies_after = seconds

    return Fault(
        f"the second process killed after {seconds:.3f} s",
        in_child,
        must_recover=True,
        is_reached=lambda answer: answer.is_killed,
    )


def power_cut(place: Place, rng: random.Random) -> Fault:
    """The power goes: as a kill, and bytes that were not synced are lost."""
    nth = _nth(place, rng, shim.CHANGES)
    ledger = shim.ledger_of(place.folder)
    ledger.unlink(missing_ok=True)
    return Fault(
        f"power cut at call {nth}",
        lambda: shim.arm(shim.POWER, nth, ledger=ledger),
        must_recover=True,
        is_reached=lambda answer: answer.is_killed,
    )


def full_disk(place: Place, rng: random.Random) -> Fault:
    """From a call on, there is no space."""
    calls = shim.OPEN | shim.WRITE | shim.SYNC | shim.MAKE
    return _failing(place, rng, "no space", shim.FAIL_FROM, calls)


def failing_disk(place: Place, rng: random.Random) -> Fault:
    """One call of any kind fails for the disk."""
    return _failing(place, rng, "input/output error", shim.FAIL_ONCE, shim.CHANGES | shim.READ)


def interrupted_call(place: Place, rng: random.Random) -> Fault:
    """One call is interrupted by a signal: the caller has to give it again."""
    calls = shim.OPEN | shim.READ | shim.WRITE
    return _failing(place, rng, "interrupted", shim.FAIL_ONCE, calls, must_recover=True)


def short_write(place: Place, rng: random.Random) -> Fault:
    """One call reads or writes half of what it was given: the caller has to go on."""
    calls = shim.READ | shim.WRITE
    nth = _nth(place, rng, calls)
    return Fault(
        f"call {nth} moved half of its bytes",
        lambda: shim.arm(shim.SHORT, nth, 0, calls),
        must_recover=True,
    )


def another_locale(place: Place, rng: random.Random) -> Fault:
    """The locale is C: text is ASCII wherever no encoding is named."""

    def in_child() -> None:
        locale.setlocale(locale.LC_ALL, "C")
        sys.stdout = open(1, "w", encoding="ascii", errors="strict", closefd=False)  # noqa: SIM115

    return Fault("in the locale C", in_child, must_recover=True)


def damaged(kind: str, how: damage.Damage, *, text_only: bool = False) -> Draw:
    """One file of the scenario is damaged before the command."""

    def draw(place: Place, rng: random.Random) -> Fault | None:
        targets = [path for path in place.scenario.targets(place.folder) if path.stat().st_size]
        if text_only:
            targets = [path for path in targets if damage.is_text(path)]
        if not targets:
            return None
        path = _by_kind(targets, rng)
        before = contents(place.folder)
        words = how(path, rng)
        touched = changed(before, contents(place.folder))
        return Fault(f"{path.relative_to(place.folder)}: {words}", touched=tuple(touched))

    draw.__doc__ = f"A file: {kind}."
    return draw


def older_version(place: Place, rng: random.Random) -> Fault | None:
    """One file is what it was in an earlier state, as a restored backup has it."""
    states = [state for state in place.scenario.states if state != "new"]
    earlier = place.in_state(states[0])
    pairs = [
        (path, earlier / path.relative_to(place.folder)) for path in place.scenario.targets(place.folder)
    ]
    pairs = [(a, b) for a, b in pairs if b.is_file() and b.read_bytes() != a.read_bytes()]
    if not pairs:
        return None
    path, old = rng.choice(pairs)
    path.write_bytes(old.read_bytes())
    return Fault(f"{path.relative_to(place.folder)}: as it was when {states[0]}", touched=(path,))


def contents(folder: Path) -> dict[Path, object]:
    """What is in a folder, by path: bytes of files, targets of links, kinds of the rest."""
    found: dict[Path, object] = {}
    for path in folder.rglob("*"):
        if path.is_symlink():
            found[path] = path.readlink()
        elif path.is_file():
            found[path] = path.read_bytes()
        elif not path.is_dir():
            found[path] = "special"
    return found


def changed(before: dict[Path, object], after: dict[Path, object]) -> list[Path]:
    """Paths whose contents differ."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


KILLS: dict[str, Draw] = {
    "kill at a call": kill_at_a_call,
    "kill at a moment": kill_at_a_moment,
    "power cut": power_cut,
}
KILL_OF_THE_SECOND: dict[str, Draw] = {"kill of the second": kill_of_the_second}
CALLS: dict[str, Draw] = {
    "full disk": full_disk,
    "failing disk": failing_disk,
    "interrupted call": interrupted_call,
    "short write": short_write,
}
LOCALE: dict[str, Draw] = {"another locale": another_locale}
ANY_DAMAGE: dict[str, Draw] = {name: damaged(name, how) for name, how in damage.ANY.items()}
TEXT_DAMAGE: dict[str, Draw] = {name: damaged(name, how, text_only=True) for name, how in damage.TEXT.items()}
ROT: dict[str, Draw] = {
    "rot, time kept": damaged("a flipped bit, its time kept", damage.flip_bit_keeping_time)
}
DAMAGE: dict[str, Draw] = ANY_DAMAGE | TEXT_DAMAGE


def _failing(
    place: Place, rng: random.Random, name: str, action: int, calls: int, *, must_recover: bool = False
) -> Fault:
    nth = _nth(place, rng, calls)
    return Fault(
        f"call {nth} failed: {name}",
        lambda: shim.arm(action, nth, shim.ERRORS[name], calls),
        must_recover=must_recover,
    )


def _nth(place: Place, rng: random.Random, calls: int) -> int:
    count = sum(number for kind, number in place.golden.calls.items() if kind & calls)
    return rng.randint(1, max(1, count))


def _by_kind(paths: Sequence[Path], rng: random.Random) -> Path:
    """A kind of file first, so that many alike do not hide one of another kind."""
    kinds: dict[str, list[Path]] = {}
    for path in paths:
        kinds.setdefault(path.name.lstrip("0123456789abcdef"), []).append(path)
    return rng.choice(kinds[rng.choice(sorted(kinds))])
