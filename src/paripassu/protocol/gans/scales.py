"""The scales that most comparisons have, so that their budgets are alike."""

from collections.abc import Callable
from functools import partial
from typing import Any

from paripassu.protocol.gans.comparison import Comparison
from paripassu.protocol.gans.tuning import Tuning
from paripassu.protocol.study import CUT_ALL, Scale

CUT_PHOTOGRAPHS = "The games are those of scale small: the paper's photographs are left out."
"""What scale paper says until photographs are given."""

_SMOKE = Tuning(trials=2, finalists=1, seeds=1)
_SMALL = Tuning(trials=16, finalists=4, seeds=4, share=0.5)
_SHORT = Tuning(trials=8, finalists=2, seeds=1, share=0.25)
_PAPER = Tuning(trials=32, finalists=4, seeds=4)
_CUT_GPU = "Trainings are shorter than published ones, and networks narrower."
_CUT_SHORT = "Trials are half as long as all other runs, for every arm alike."
_CUT_SEEDS = "A third of the seeds."
_CUT_SHORTER = "Trials have a quarter of the length of all other runs, for every arm alike."


def standard_scales(compare: Callable[..., Comparison], *, cut: tuple[str, ...] = ()) -> dict[str, Scale]:
    """The scales ``smoke``, ``small`` and ``paper``.

    Args:
        compare: makes a comparison from ``size``, ``tuning`` and ``confirmation_seeds``; usually a
            ``functools.partial`` of `Comparison` with all other arguments.
        cut: what scale ``paper`` leaves out, one sentence each.
    """
    return {
        "smoke": Scale(
            compare(size="smoke", tuning=_SMOKE, confirmation_seeds=2, is_judged=False),
            cut=(CUT_ALL,),
            decides=False,
        ),
        "small": Scale(compare(size="small", tuning=_SMALL, confirmation_seeds=8), cut=(_CUT_SHORT,)),
        "paper": Scale(compare(size="paper", tuning=_PAPER, confirmation_seeds=20), cut=cut),
    }


def untuned_scales(compare: Callable[..., Comparison]) -> dict[str, Scale]:
    """The scales ``smoke``, ``small``, ``short`` and ``paper`` of arms at settings that are given.

    Nothing is tuned, so that there is time for more seeds.

    Args:
        compare: as for `standard_scales`.
    """
    untuned = partial(compare, tuning=None)
    return {
        "smoke": Scale(untuned(size="smoke", confirmation_seeds=2), cut=(CUT_ALL,), decides=False),
        "small": Scale(untuned(size="small", confirmation_seeds=24)),
        "short": Scale(untuned(size="small", confirmation_seeds=8), cut=(_CUT_SEEDS,)),
        "paper": Scale(untuned(size="paper", confirmation_seeds=24)),
    }


def short_scale(compare: Callable[..., Comparison]) -> dict[str, Scale]:
    """The scale ``short``: the games of scale small, with a shorter search and fewer seeds.

    It is for images in files on a CPU, where scale small takes many hours for a game.

    Args:
        compare: as for `standard_scales`.
    """
    cut = (
        "Of the search at scale small it has half the trials, and two finalists on one seed.",
        _CUT_SHORTER,
    )
    return {"short": Scale(compare(size="small", tuning=_SHORT, confirmation_seeds=5), cut=cut)}


def scale_for_a_gpu(compare: Callable[..., Comparison], **changes: Any) -> dict[str, Scale]:
    """The scale ``gpu``: games on images in files that need a GPU, with the search of scale small.

    Args:
        compare: as for `standard_scales`.
        changes: of its arguments.
    """
    design = compare(**{"size": "gpu", "tuning": _SMALL, "confirmation_seeds": 8} | changes)
    cut = (_CUT_SHORT, _CUT_GPU) if design.tuning else (_CUT_GPU,)
    return {"gpu": Scale(design, cut=cut)}
