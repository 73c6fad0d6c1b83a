"""The verdict rules of the study `grafting`, case by case, in the order of its docstring."""

import pytest

from paripassu.protocol import Evidence
from paripassu.studies.games import RING8
from paripassu.studies.grafting import judge_magnitude, judge_recovery, judge_recovery_in_adams_unit

_NOISE = (-1.0, -0.5, 0.0, 0.5, 1.0)


def _values(means: dict[str, float], spread: float) -> dict[str, list[float]]:
    """Five values around each mean, in another order for each arm."""
    return {
        arm: [mean + spread * x for x in _NOISE[n % 5 :] + _NOISE[: n % 5]]
        for n, (arm, mean) in enumerate(means.items())
    }


def _evidence(means: dict[str, float], trials: dict[str, float] | None = None, spread: float = 0.01):
    own = _values(trials, spread) if trials else {}
    return Evidence(RING8, _values(means, spread), {}, own, resamples=2000)


def _halves(adam: float, magnitude: float, direction: float, sgda: float, whole: float | None = None):
    names = ("adam", "adam magnitude", "adam direction", "sgda", "adam magnitude global")
    return dict(zip(names, (adam, magnitude, direction, sgda, whole or magnitude), strict=True))


@pytest.mark.parametrize(
    ("means", "outcome"),
    [
        (_halves(1.0, 1.0, 0.2, 0.1), "supported"),
        (_halves(1.0, 0.98, 0.2, 0.1), "supported"),  # behind by less than the margin of 0.05
        (_halves(1.0, 0.2, 1.0, 0.1), "contradicted"),  # it is the direction
        (_halves(1.0, 0.2, 0.2, 0.1), "contradicted"),  # it is neither half alone
        (_halves(1.0, 0.2, 0.2, 0.1, whole=1.0), "undecided"),  # the magnitude of the whole player does it
        (_halves(1.0, 1.0, 1.0, 0.1), "undecided"),  # both halves do it
        (_halves(1.0, 0.95, 0.2, 0.1), "undecided"),  # at the margin
        (_halves(1.0, 1.0, 0.2, 1.0), "undecided"),  # Adam has no lead
        (_halves(0.1, 0.9, 0.2, 1.0), "undecided"),
    ],
)
def test_which_half_is_needed(means, outcome):
    assert judge_magnitude(_evidence(means)).outcome == outcome


def test_a_noisy_study_is_undecided():
    assert judge_magnitude(_evidence(_halves(1.0, 1.0, 0.2, 0.1), spread=2.0)).outcome == "undecided"


@pytest.mark.parametrize(
    ("value", "ease", "outcome"),
    [
        (_halves(1.0, 1.0, 1.0, 1.0), _halves(1.0, 1.0, 0.2, 0.1), "supported"),  # only ease differs
        (_halves(1.0, 1.0, 0.2, 0.1), _halves(1.0, 1.0, 1.0, 0.1), "supported"),
        (_halves(1.0, 1.0, 0.2, 0.1), _halves(1.0, 0.2, 1.0, 0.1), "undecided"),  # one each way
        (_halves(1.0, 1.0, 1.0, 1.0), _halves(1.0, 0.2, 1.0, 0.1), "contradicted"),
    ],
)
def test_value_and_ease_both_count(value, ease, outcome):
    verdict = judge_magnitude(_evidence(value, ease))
    assert verdict.outcome == outcome
    assert verdict.reason.count("In value") == verdict.reason.count("In ease") == 1


def _constants(adam: float, layer: float, whole: float, rms: float, sgda: float):
    names = ("adam", "nsgda layer", "nsgda global", "nsgda rms", "sgda")
    return dict(zip(names, (adam, layer, whole, rms, sgda), strict=True))


@pytest.mark.parametrize(
    ("means", "paper", "in_adams_unit"),
    [
        (_constants(1.0, 1.0, 0.2, 0.2, 0.0), "supported", "contradicted"),  # one normalisation is enough
        (_constants(1.0, 0.2, 1.2, 1.0, 0.0), "supported", "supported"),
        (_constants(1.0, 0.5, 0.6, 1.0, 0.0), "contradicted", "supported"),
        (_constants(1.0, 0.5, 0.95, 0.95, 0.0), "undecided", "undecided"),  # at the margin
        (_constants(1.0, 1.0, 1.0, 1.0, 0.97), "undecided", "undecided"),  # nothing to recover
    ],
)
def test_recovery_is_within_the_margin_of_adam(means, paper, in_adams_unit):
    evidence = _evidence(means)
    assert judge_recovery(evidence).outcome == paper
    assert judge_recovery_in_adams_unit(evidence).outcome == in_adams_unit


def test_the_reason_and_the_effect_name_the_figures():
    found = judge_recovery(_evidence(_constants(1.0, 0.9, 0.6, 1.0, 0.0)))
    assert "Adam leads SGDA by 1 [" in found.reason
    assert "nsgda layer -0.1 [" in found.reason
    assert found.effect.value == pytest.approx(-0.1)
    assert found.effect.low <= found.effect.value <= found.effect.high
