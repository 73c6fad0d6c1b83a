"""How an arm's learning rates are tuned: points of one quasi-random sequence, the same for every arm.

A point is the generator's rate, the ratio of the discriminator's rate to it, and how both fall. Arms differ
in the centre of their rates alone, so trial number n of one arm is the counterpart of trial n of any other.
"""

import math
from dataclasses import dataclass, field
from typing import get_args

from torch.quasirandom import SobolEngine

from paripassu.records import Decay, Settings

_SEED = 0  # scrambles the sequence; a study's trials are a function of its settings
_EDGE = 0.1  # of the width of the box


@dataclass(frozen=True)
class SearchSpace:
    """The box that trials are drawn from, around an arm's centre.

    Args:
        decades: width of the range of the generator's rate, in decades, > 0; the centre is in the middle.
        ratio: largest ratio of the two players' rates, either way, >= 1.
        decays: how rates may fall over a run.

    Raises:
        ValueError: an empty or inverted range, or a decay that does not exist.

    Example:
        >>> [str(each) for each in SearchSpace(decades=2).trials(centre=1e-3, count=2)]
        ['0.00089 and 0.0014, linear to 0', '0.0019 and 0.00041, cosine to 0']
    """

    decades: float = 3.0
    ratio: float = 10.0
    decays: tuple[Decay, ...] = get_args(Decay)

    def __post_init__(self) -> None:
        if not (self.decades > 0 and math.isfinite(self.decades)):
            raise ValueError(f"the range of learning rates must be some decades wide, got {self.decades}")
        if not (self.ratio >= 1 and math.isfinite(self.ratio)):
            raise ValueError(f"the largest ratio of two rates must be finite and >= 1, got {self.ratio}")
        if not self.decays or not set(self.decays) <= set(get_args(Decay)):
            names = ", ".join(get_args(Decay))
            raise ValueError(f"decays must be some of {names}, got {self.decays}")

    def trials(self, centre: float, count: int) -> list[Settings]:
        """The first points of the scrambled Sobol sequence, in its order.

        Rates are rounded to two digits, so that a person can type them.

        Args:
            centre: of the generator's rate.
            count: number of trials.
        """
        points = SobolEngine(dimension=3, scramble=True, seed=_SEED).draw(count).double().tolist()
        found: list[Settings] = []
        for rate, ratio, decay in points:
            lr_g = centre * 10 ** (self.decades * (rate - 0.5))
            lr_d = lr_g * self.ratio ** (2 * ratio - 1)
            # A point may be exactly 1.
            name = self.decays[min(int(decay * len(self.decays)), len(self.decays) - 1)]
            found.append(Settings(_two_digits(lr_g), _two_digits(lr_d), name))
        return found

    def edges(self, settings: Settings, centre: float) -> list[str]:
        """The edges of the box that a point is close to, in words; beyond them may be something better.

        Args:
            settings: the point.
            centre: of the generator's rate.
        """
        rate = math.log10(settings.lr_g / centre) / self.decades + 0.5
        places = {"the generator's rate": rate}
        if self.ratio > 1:
            places["the ratio of the rates"] = math.log(settings.lr_d / settings.lr_g, self.ratio) / 2 + 0.5
        low = [f"smallest of {name}" for name, place in places.items() if place < _EDGE]
        return low + [f"largest of {name}" for name, place in places.items() if place > 1 - _EDGE]


@dataclass(frozen=True)
class Tuning:
    """How many runs choose an arm's settings; the same for every arm.

    Args:
        trials: points of the search space, each run once on the first tuning seed.
        finalists: number of the best trials that run again. The best of them on those runs is chosen.
        seeds: number of further tuning seeds that each finalist runs on; with 0 the best trial is chosen.
        share: length of a trial as a share of the length of all other runs, in (0, 1]. Finalists run at full
            length, because rates that hold for a shorter run may not hold for a longer one.
        space: where the trials are.

    Raises:
        ValueError: a number out of range.

    Example:
        >>> Tuning(trials=16).runs_again(budget=16)
        16
    """

    trials: int = 16
    finalists: int = 4
    seeds: int = 4
    share: float = 1.0
    space: SearchSpace = field(default_factory=SearchSpace)

    def __post_init__(self) -> None:
        if min(self.trials, self.finalists) < 1 or self.seeds < 0:
            raise ValueError(
                "tuning needs at least one trial and one finalist, and no negative number of seeds, got "
                f"{self.trials}, {self.finalists} and {self.seeds}"
            )
        if not 0 < self.share <= 1:
            raise ValueError(f"the share of a run's length must be in (0, 1], got {self.share}")

    def runs_again(self, budget: int) -> int:
        """Finalists' runs of an arm on a game, if ``budget`` trials are done."""
        return min(budget, self.finalists) * self.seeds


def _two_digits(rate: float) -> float:
    return float(f"{rate:.1e}")
