"""The scales that most comparisons have, so that their budgets are alike."""

from collections.abc import Callable

from paripassu.protocol.gans.comparison import Comparison
from paripassu.protocol.study import CUT_ALL, Scale

CUT_TUNING = (
    "Learning rates are not tuned here: each arm uses the one that the study grafting chose at the same "
    "length on its tuning seeds."
)
CUT_PHOTOGRAPHS = "The games are those of scale small: the paper's photographs are left out."


def standard_scales(
    compare: Callable[..., Comparison], *, tune: bool = True, cut: tuple[str, ...] = ()
) -> dict[str, Scale]:
    """The scales ``smoke``, ``small`` and ``paper``.

    Args:
        compare: makes a comparison from ``size``, ``rates``, ``tuning_seeds``, ``confirmation_seeds`` and
            ``beyond``; usually a ``functools.partial`` of `Comparison` with all other arguments.
        tune: whether the first two scales search for learning rates.
        cut: what scale ``paper`` leaves out, one sentence each.
    """
    smoke = compare(size="smoke", rates=3 if tune else 1, tuning_seeds=1, confirmation_seeds=2, beyond=0)
    small = compare(size="small", rates=5 if tune else 1, tuning_seeds=2, confirmation_seeds=8)
    paper = compare(size="paper", rates=7, tuning_seeds=5, confirmation_seeds=20)
    return {
        "smoke": Scale(smoke, cut=(CUT_ALL,), decides=False),
        "small": Scale(small, cut=() if tune else (CUT_TUNING,)),
        "paper": Scale(paper, cut=cut),
    }
