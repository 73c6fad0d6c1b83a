"""What an optimizer does about gradients with NaN or inf, and how often it did."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

from torch import Tensor

from paripassu.optim.steps.capture import check_nonfinite
from paripassu.rules.scope import player_norm

# Take the step, leave it out, or stop.
Nonfinite = Literal["propagate", "skip", "raise"]


class Skipped(NamedTuple):
    """Steps that ``nonfinite="skip"`` left out.

    Attributes:
        total: of all steps.
        in_a_row: since the last step that was taken.
    """

    total: int
    in_a_row: int


# Settings of groups, because every kind of checkpoint keeps groups.
COUNTS = {"skipped_total": 0, "skipped_in_a_row": 0}


def check_settings(nonfinite: str, give_up_after: int | None) -> None:
    """Raise ``ValueError`` for another word, and for a limit that would have no effect."""
    if nonfinite not in get_args(Nonfinite):
        raise ValueError(f"nonfinite must be 'propagate', 'skip' or 'raise', got {nonfinite!r}")
    if give_up_after is not None and (nonfinite != "skip" or give_up_after < 1):
        raise ValueError(
            f'give_up_after must be >= 1 and needs nonfinite="skip", got {give_up_after} with {nonfinite!r}'
        )


def skipped_in(group: dict[str, Any]) -> Skipped:
    """The counts in a group, which are the player's; zeros where nothing is skipped."""
    return Skipped(*(group.get(name, 0) for name in COUNTS))


def may_step(
    gradients: Sequence[Tensor],
    groups: Sequence[dict[str, Any]],
    nonfinite: Nonfinite,
    give_up_after: int | None,
) -> bool:
    """Whether all gradients are finite; counts steps that are not taken in all groups.

    Args:
        gradients: of the whole player, real.
        groups: of the optimizer.
        nonfinite: ``"skip"`` or ``"raise"``.
        give_up_after: the number of skipped steps in a row that is an error; None for none.

    Raises:
        RuntimeError: they are not, and ``nonfinite`` is ``"raise"`` or too many steps were skipped; or a CUDA
            graph records the step.
    """
    check_nonfinite(gradients, nonfinite)
    # Over the whole player, so that all ranks of a sharded one agree; float64, so that it overflows for no
    # finite float32.
    finite = bool(player_norm(gradients).isfinite())
    if nonfinite == "raise" and not finite:
        raise RuntimeError(
            "a gradient has NaN or inf and no step was taken: "
            'lower the learning rate, or set nonfinite="skip" to go on without such steps'
        )
    if nonfinite == "skip":
        _count(groups, give_up_after, skipped=not finite)
    return finite


def _count(groups: Sequence[dict[str, Any]], give_up_after: int | None, *, skipped: bool) -> None:
    total, in_a_row = skipped_in(groups[0])
    if not (skipped or in_a_row):
        return
    counts = Skipped(total + skipped, in_a_row + 1 if skipped else 0)
    for group in groups:
        group.update(skipped_total=counts.total, skipped_in_a_row=counts.in_a_row)
    if skipped and give_up_after is not None and counts.in_a_row >= give_up_after:
        raise RuntimeError(
            f"{counts.in_a_row} steps in a row were skipped, because a gradient had NaN or inf: "
            "lower the learning rate, or go back to a checkpoint from before"
        )
