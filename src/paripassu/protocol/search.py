"""The search for a learning rate: a grid that grows while its best rate is at an edge.

If the best rate is at an edge of the grid, a better one may lie beyond. So one more rate is tried beyond that
edge, and another while the outermost is the best, up to a bound that is the same for every arm.
"""

from collections.abc import Callable
from dataclasses import dataclass

_STEP = 10**0.5  # between neighbouring learning rates


@dataclass(frozen=True)
class Search:
    """Learning rates half a decade apart, at places around a centre.

    Args:
        centre: the rate at place 0.
        rates: number of rates in the grid, odd; with 1 there is no search.
        beyond: number of rates that may be tried beyond the grid's edges, one by one.

    Example:
        >>> Search(centre=1e-3, rates=3).grid()
        [0.00032, 0.001, 0.0032]
        >>> Search(1e-3, rates=3, beyond=1).tried(lambda rate: -rate)  # smaller is better
        [0.0001, 0.00032, 0.001, 0.0032]
    """

    centre: float
    rates: int
    beyond: int = 0

    def grid(self) -> list[float]:
        """The rates that are always tried, in order; none if there is no search."""
        return [self._rate(place) for place in self._places()]

    def tried(self, score: Callable[[float], float | None]) -> list[float]:
        """Every rate to try, in order: the grid and those beyond its edges.

        Args:
            score: gives the score of a rate, or None while it is unknown; higher is better.
        """
        places = self._places()
        for _ in range(self.beyond if places else 0):
            scores = [score(self._rate(place)) for place in places]
            known = [each for each in scores if each is not None]
            if len(known) < len(scores):
                break
            best = known.index(max(known))
            if best == 0:
                places = range(places.start - 1, places.stop)
            elif best == len(known) - 1:
                places = range(places.start, places.stop + 1)
        return [self._rate(place) for place in places]

    def _places(self) -> range:
        half = self.rates // 2
        return range(-half, half + 1) if half else range(0)

    def _rate(self, place: int) -> float:
        # Two digits: a person can type them.
        return float(f"{self.centre * _STEP**place:.1e}")
