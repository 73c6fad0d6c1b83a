"""What a rule decides by chance, and what difference it can see."""

from dataclasses import replace

import numpy as np
import pytest
from tests.cases.studies import tiny_game

from paripassu.evidence.intervals import bootstrap_interval
from paripassu.protocol import Evidence
from paripassu.protocol.gans.power import decisions_by_chance, power_in_words, smallest_visible_difference
from paripassu.protocol.study import decide
from paripassu.records import Verdict


def _rule(evidence: Evidence) -> Verdict:
    lead = evidence.lead("one", "two")
    return Verdict(decide(supported=lead.low > 0, contradicted=lead.high < 0), "")


def _evidence(gap: float, seeds: int = 8) -> Evidence:
    noise = np.random.default_rng(0).normal(size=(2, seeds))
    scores = {"one": list(noise[0] + gap), "two": list(noise[1])}
    return Evidence(tiny_game({}), scores, {}, {})


def test_labels_that_mean_nothing_rarely_decide():
    """A 95 % interval leaves 5 % to chance."""
    supported, contradicted = decisions_by_chance(_rule, _evidence(gap=100.0), permutations=400)
    assert supported == pytest.approx(contradicted, abs=0.05)
    assert 0.0 < supported + contradicted < 0.1


def _two_tables(gap=0.0):
    """Scores, and estimates that are the same numbers in another order of arms."""
    evidence = _evidence(gap)
    return replace(evidence, estimates={"same": dict(reversed(evidence.scores.items()))})


def test_a_condition_that_is_asked_twice_decides_as_often_as_once():
    """Scores and estimates are of the same runs: of equal tables a rule learns nothing twice."""

    def twice(evidence: Evidence) -> Verdict:
        once, again = _rule(evidence), _rule(replace(evidence, scores=evidence.estimates["same"]))
        return once if once == again else Verdict("undecided", "")

    once = decisions_by_chance(_rule, _two_tables(), permutations=300)
    assert 0.0 < sum(once) < 0.2
    assert decisions_by_chance(twice, _two_tables(), permutations=300) == once


def test_permutations_of_trials_are_others_than_those_of_seeds():
    """Trial n has nothing to do with seed n."""
    evidence = _evidence(0.0)
    evidence = replace(evidence, trials=evidence.scores)
    seen: list[bool] = []

    def rule(permuted: Evidence) -> Verdict:
        assert {*zip(*permuted.scores.values(), strict=True)} <= set(
            zip(*evidence.scores.values(), strict=True)
        ) | set(zip(*reversed(evidence.scores.values()), strict=True))
        seen.append(permuted.scores == permuted.trials)
        return Verdict("undecided", "")

    decisions_by_chance(rule, evidence, permutations=50)
    assert sum(seen) < 10


def test_never_by_chance_has_a_bound():
    """None of 200 is what a chance of 1.5 % gives in one study of twenty: 0.985 ** 200 = 0.05."""
    never = lambda _: Verdict("undecided", "")  # noqa: E731
    words = power_in_words(never, _evidence(0.0))
    assert words.count("in none of 200 permutations, so in at most 1.5%") == 2
    assert pytest.approx(0.05, abs=0.002) == 0.985**200


def test_a_rule_that_always_decides_is_found_out():
    always = lambda _: Verdict("supported", "")  # noqa: E731
    assert decisions_by_chance(always, _evidence(0.0), permutations=10) == (1.0, 0.0)


def test_the_visible_difference_is_seen_in_four_of_five_studies():
    """Studies of two normal arms of 8 seeds with this difference, by the interval that rules read."""
    rng, seeds = np.random.default_rng(0), 8
    wide = rng.normal(size=(2, 10_000))
    many = smallest_visible_difference({"one": list(wide[0]), "two": list(wide[1])})
    assert many * 10_000**0.5 == pytest.approx((1.96 + 0.8416) * 2**0.5, rel=0.05)
    # Of 8 seeds, with the spread that is known here.
    difference = (2.365 + 0.896) * 2**0.5 / seeds**0.5
    arms = rng.normal(size=(300, 2, seeds))
    leads = [
        bootstrap_interval(lambda a, b: a - b, one + difference, other, paired=True, resamples=1000)
        for one, other in arms
    ]
    assert np.mean([lead.low > 0 for lead in leads]) == pytest.approx(0.8, abs=0.07)
    seen = [smallest_visible_difference({"one": list(one), "two": list(other)}) for one, other in arms]
    assert np.mean(seen) == pytest.approx(difference, rel=0.1)


def test_too_few_seeds_show_no_difference():
    assert np.isnan(smallest_visible_difference({"one": [1.0] * 4, "two": [2.0] * 4}))
    assert "4 of 5" not in power_in_words(_rule, _evidence(0.0, seeds=1))
    assert "4 of 5" in power_in_words(_rule, _evidence(0.0))
