"""What was seen on a game, in one or two plain sentences."""

from collections.abc import Sequence

from paripassu.evidence.pairs import Pair, all_pairs
from paripassu.records import ArmResult, GameResult


def answer(game: GameResult) -> str:
    """Which arm does best, which cannot be separated from it, and which does worst.

    Arms are separated by their differences seed by seed, as `paripassu.evidence.pairs` has them.
    """
    by_name = {arm.arm: arm for arm in game.arms}
    pairs = all_pairs(game)
    if not pairs:
        return f"On {game.game}, no two arms have values to compare."
    best, seeds = pairs[0].better, pairs[0].seeds
    own = [pair for pair in pairs if pair.better == best]
    level, behind = ([pair.worse for pair in own if pair.is_apart == apart] for apart in (False, True))
    first = (
        f"On {game.game}, {best} does best: its {game.metric} is {_value(by_name[best], game)} "
        f"({game.better} is better)."
    )
    return " ".join([first, *_beside(level, seeds), *_behind(behind, own, by_name, game)])


def _beside(level: Sequence[str], seeds: int) -> list[str]:
    if not level:
        return []
    count = f"{seeds} seeds" if seeds > 1 else "1 seed"
    verb = "do" if seeds > 1 else "does"
    return [f"{count.capitalize()} {verb} not separate it from {in_words(level)}."]


def _behind(
    behind: Sequence[str], own: Sequence[Pair], by_name: dict[str, ArmResult], game: GameResult
) -> list[str]:
    if not behind:
        return []
    worst = own[-1].worse
    value = _value(by_name[worst], game)
    if len(behind) == 1:
        return [f"{behind[0]} is behind, at {_value(by_name[behind[0]], game)}."]
    last = f", and {worst} is last, at {value}" if worst in behind else ""
    return [f"{len(behind)} arms are behind{last}."]


def _value(arm: ArmResult, game: GameResult) -> str:
    return f"{arm.estimates[game.metric].mean:.3g}"


def in_words(names: Sequence[str]) -> str:
    """Names as a sentence has them.

    Example:
        >>> in_words(["a", "b", "c"])
        'a, b and c'
    """
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
