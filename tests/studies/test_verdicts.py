"""The verdict rules of the studies, case by case, in the order of their docstrings."""

import pytest

from paripassu.protocol import Evidence
from paripassu.rules import SGD
from paripassu.studies import magnitude, mixtures, pace, recovery
from paripassu.studies.games import DIGITS, GRID25, RING8, RING16


def _spread(means: dict[str, float], spread: float = 0.01) -> dict[str, list[float]]:
    return {arm: [mean + spread * x for x in (-1.0, -0.5, 0.0, 0.5, 1.0)] for arm, mean in means.items()}


def _pace(layer: float, whole: float, sgda: float, spread: float = 0.01) -> Evidence:
    gaps = _spread({"nsgda layer": layer, "nsgda global": whole, "sgda": sgda}, spread)
    return Evidence(RING8, {}, {"pace gap": gaps})


@pytest.mark.parametrize(
    ("evidence", "outcome"),
    [
        (_pace(0.1, 0.2, 1.0), "supported"),
        (_pace(0.1, 0.5, 1.0), "undecided"),  # one normalisation is not at the same pace
        (_pace(0.5, 0.6, 1.0), "contradicted"),  # neither is
        (_pace(0.1, 0.2, 0.05), "contradicted"),  # SGDA is closer
        (_pace(0.1, 0.2, 0.2), "undecided"),
        (_pace(0.1, 0.2, 1.0, spread=2.0), "undecided"),
    ],
)
def test_pace(evidence, outcome):
    verdict = pace.verdict(evidence)
    assert verdict.outcome == outcome
    assert verdict.effect.low <= verdict.effect.value <= verdict.effect.high


def _magnitude(wander: float, m: float, n: float, s: float, spread: float = 0.01) -> Evidence:
    wanders = _spread({"adam": wander}, spread)
    scores = _spread({"adam magnitude": m, "nsgda layer": n, "sgda": s}, spread)
    return Evidence(RING8, scores, {"step wander": wanders, "gradient wander": wanders})


@pytest.mark.parametrize(
    ("evidence", "outcome"),
    [
        (_magnitude(0.1, 1.0, 0.9, 0.1), "supported"),  # nearly all of what the magnitude brings
        (_magnitude(0.1, 1.0, 1.2, 0.1), "supported"),  # more
        (_magnitude(0.1, 1.0, 1.2, 1.1), "supported"),  # it brings nothing, and the constant does
        (_magnitude(0.1, 1.0, 1.0, 1.0), "undecided"),  # neither brings anything
        (_magnitude(0.1, 1.0, 0.2, 0.1), "contradicted"),  # constant, but a constant does not do
        (_magnitude(0.5, 1.0, 1.2, 0.1), "contradicted"),  # not constant
        (_magnitude(0.3, 1.0, 1.2, 0.1), "undecided"),
        (_magnitude(0.1, 1.0, 0.55, 0.1), "undecided"),
    ],
)
def test_magnitude(evidence, outcome):
    assert magnitude.verdict(evidence).outcome == outcome


def _recovery(adam: float, layer: float, whole: float, sgda: float, spread: float = 0.01) -> Evidence:
    means = {"adam": adam, "nsgda layer": layer, "nsgda global": whole, "sgda": sgda}
    return Evidence(DIGITS, _spread(means, spread), {})


@pytest.mark.parametrize(
    ("evidence", "outcome"),
    [
        (_recovery(1.0, 0.95, 0.2, 0.0), "supported"),  # per layer, most of the advantage
        (_recovery(1.0, 0.2, 1.2, 0.0), "supported"),  # per player, beyond Adam
        (_recovery(1.0, 0.5, 1.2, 1.0), "supported"),  # beyond Adam, though SGDA is as good as Adam
        (_recovery(1.0, 0.5, 0.6, 0.0), "contradicted"),
        (_recovery(1.0, 0.5, 0.6, 1.0), "contradicted"),  # below Adam, which is not above SGDA
        (_recovery(1.0, 0.5, 0.8, 0.0), "undecided"),
        (_recovery(1.0, 1.0, 0.5, 1.0), "undecided"),  # as good as Adam, and so is SGDA
        (_recovery(1.0, 0.95, 0.2, 0.0, spread=2.0), "undecided"),
    ],
)
def test_recovery(evidence, outcome):
    assert recovery.verdict(evidence).outcome == outcome


def _mixtures(game, layer: float, whole: float, sgda: float, spread: float = 0.1) -> Evidence:
    means = {"nsgda layer": layer, "nsgda global": whole, "sgda": sgda}
    return Evidence(game, {}, {"modes@2500": _spread(means, spread)})


@pytest.mark.parametrize(
    ("evidence", "outcome"),
    [
        (_mixtures(RING16, 16, 10, 4), "supported"),
        (_mixtures(RING16, 10, 12, 4), "undecided"),  # more than SGDA, and not nearly all
        (_mixtures(RING16, 16, 16, 16), "contradicted"),  # SGDA loses none
        (_mixtures(RING16, 3, 2, 8), "contradicted"),
        (_mixtures(GRID25, 16, 16, 4), "undecided"),  # of 25
        (_mixtures(GRID25, 25, 24, 20, spread=9.0), "undecided"),
    ],
)
def test_mixtures(evidence, outcome):
    assert mixtures.verdict(evidence).outcome == outcome


def test_mixtures_have_the_modes_that_their_rule_counts():
    games = mixtures.STUDY.scale("small").design.games
    assert {g.name: len(g.run(SGD(), 0.1, 1, 0).data.centres()) for g in games} == mixtures._MODES
