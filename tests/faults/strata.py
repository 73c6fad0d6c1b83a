"""Every scenario with the injections that it meets: a new injection or scenario needs a line here."""

from collections.abc import Mapping

from tests.faults import damage, data, numbers, words
from tests.faults import injections as inject
from tests.faults import scenarios as play
from tests.faults.schedule import Stratum
from tests.faults.vocabulary import Draw, Scenario


def _strata(
    scenario: Scenario, kinds: Mapping[str, Draw], states: tuple[str, ...] = (), weight: int = 1
) -> list[Stratum]:
    chosen = states or tuple(scenario.states)
    return [Stratum(scenario, kind, draw, chosen, weight) for kind, draw in kinds.items()]


_OLDER: dict[str, Draw] = {"older version": inject.older_version}
_LATER = ("stopped", "all but its end", "ended")

_DATA_DAMAGE: dict[str, Draw] = {
    # A file of images that is not there is no damage: a person may have removed it.
    **{name: draw for name, draw in inject.ANY_DAMAGE.items() if name != "deleted"},
    "changed bytes": data.many_bits,
    "damaged stream": data.damaged_stream,
    "header of 10^12": data.header_of(10**12),
    "header of 10^19": data.header_of(10**19),
}
_CACHE_DAMAGE: dict[str, Draw] = {
    **{f"cache: {name}": data.damaged_cache(how) for name, how in damage.ANY.items()},
    "cache: rot, time kept": data.damaged_cache(damage.flip_bit_keeping_time),
    "cache: changed digit": data.damaged_cache(damage.change_digit),
    "data rewritten, time kept": data.rewritten_in_place,
}

STRATA: list[Stratum] = [
    *_strata(play.TRAINING, inject.KILLS, ("new", "stopped"), weight=3),
    *_strata(play.TRAINING, inject.CALLS | inject.LOCALE, ("new", "stopped"), weight=2),
    *_strata(play.TRAINING, inject.DAMAGE | _OLDER, _LATER, weight=3),
    *_strata(play.TOGETHER, inject.KILLS | inject.KILL_OF_THE_SECOND),
    *_strata(play.EVALUATION, inject.DAMAGE | inject.LOCALE),
    *_strata(play.REPORT, inject.DAMAGE | inject.LOCALE),
    *_strata(play.REPORT, inject.KILLS | inject.CALLS),
    *_strata(play.STUDYING, inject.KILLS | inject.CALLS, ("new", "stopped")),
    *_strata(play.STUDYING, inject.DAMAGE | _OLDER | inject.LOCALE, ("stopped", "ended")),
    *_strata(play.STUDY_REPORT, inject.DAMAGE | inject.LOCALE),
    *_strata(play.SWEEPING, inject.KILLS | inject.CALLS, ("new", "stopped")),
    *_strata(play.SWEEPING, inject.DAMAGE | _OLDER | inject.LOCALE, ("stopped", "ended")),
    *_strata(play.SWEEP_REPORT, inject.DAMAGE | inject.LOCALE),
    *_strata(data.FILES, _DATA_DAMAGE, weight=2),
    *_strata(data.CACHED, _CACHE_DAMAGE | inject.KILLS | inject.CALLS),
    *_strata(numbers.BAD_TRAINING, {"poisoned weight": numbers.poisoned_weight}, weight=4),
    *_strata(numbers.BAD_TRAINING, {"wild rates": numbers.wild_rates}, weight=6),
    *_strata(numbers.STATES, {"mutated state": numbers.mutated_state}, weight=6),
    *_strata(numbers.EXTREMES, {"extreme gradient": numbers.extreme_gradient}, weight=2),
    *_strata(words.COMMANDS, {"odd words": words.odd_words, "odd names": words.odd_folder}, weight=15),
]
