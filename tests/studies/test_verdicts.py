"""The verdict rules of the studies, case by case, in the order of their docstrings."""

import pytest

from paripassu.protocol import Evidence
from paripassu.records import Settings
from paripassu.rules import SGD
from paripassu.studies import grafting, lead, mixtures
from paripassu.studies.games import GRID25, RING8, RING16


def _spread(means: dict[str, float], spread: float = 0.01) -> dict[str, list[float]]:
    """Five values around each mean, in another order for each arm."""
    noise = (-1.0, -0.5, 0.0, 0.5, 1.0)
    rolled = (noise[n:] + noise[:n] for n in range(len(means)))
    return {
        arm: [mean + spread * x for x in own] for (arm, mean), own in zip(means.items(), rolled, strict=True)
    }


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
    verdict = grafting.judge_pace(evidence)
    assert verdict.outcome == outcome
    assert verdict.effect.low <= verdict.effect.value <= verdict.effect.high


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
    assert {
        g.name: len(g.run(SGD(), Settings(0.1, 0.1, "linear"), 1, 0).data.centres()) for g in games
    } == mixtures._MODES


@pytest.mark.parametrize(
    ("adam", "normalised", "outcome"),
    [(0.5, 0.6, "supported"), (0.6, 0.5, "contradicted"), (0.5, 0.5, "undecided")],
)
def test_lead(adam, normalised, outcome):
    others = {"nsgda rms 0": 0.9, "nsgda rms 0.9": 0.9}  # which have no say
    values = _spread({"adam": adam, "nsgda rms 0.5": normalised, **others}, 0.02)
    assert lead.judge(Evidence(RING8, values, {})).outcome == outcome
