"""Which trial a number is. Numbers go round the strata, so that every stretch of them has some of each."""

import random
from dataclasses import dataclass
from functools import cache

from tests.faults.vocabulary import Draw, Scenario


@dataclass(frozen=True)
class Stratum:
    """A scenario and a kind of injection, from some states.

    Attributes:
        scenario: what is done.
        kind: name of the injection.
        draw: the injection.
        states: one of them is drawn.
        weight: how often it comes in a round, relative to others.
    """

    scenario: Scenario
    kind: str
    draw: Draw
    states: tuple[str, ...]
    weight: int = 1


@cache
def rounds() -> tuple[Stratum, ...]:
    """All strata once, then those of weight above one again, and so on."""
    from tests.faults.strata import STRATA

    rng, order = random.Random(0), list[Stratum]()
    for number in range(max(stratum.weight for stratum in STRATA)):
        again = [stratum for stratum in STRATA if stratum.weight > number]
        rng.shuffle(again)
        order += again
    return tuple(order)


def stratum_of(number: int) -> Stratum:
    """The stratum of a trial."""
    order = rounds()
    return order[number % len(order)]
