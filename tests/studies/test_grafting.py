"""The verdict rule of the study `grafting`, case by case, in the order of its docstring."""

import pytest

from paripassu.protocol import Evidence
from paripassu.studies.games import RING8
from paripassu.studies.grafting import verdict


def _evidence(adam: float, magnitude: float, direction: float, sgda: float, spread: float = 0.01):
    noise = [spread * x for x in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    means = {"adam": adam, "adam magnitude": magnitude, "adam direction": direction, "sgda": sgda}
    return Evidence(RING8, {arm: [mean + x for x in noise] for arm, mean in means.items()}, {})


@pytest.mark.parametrize(
    ("evidence", "outcome"),
    [
        (_evidence(1.0, 0.9, 0.2, 0.1), "supported"),
        (_evidence(1.0, 0.2, 0.9, 0.1), "contradicted"),
        (_evidence(1.0, 0.3, 0.2, 0.1), "contradicted"),  # ahead of the direction, yet far from Adam
        (_evidence(1.0, 0.9, 0.9, 0.1), "undecided"),  # both halves do it
        (_evidence(1.0, 0.9, 0.2, 1.0), "undecided"),  # Adam has no advantage
        (_evidence(0.1, 0.9, 0.2, 1.0), "undecided"),
        (_evidence(1.0, 0.9, 0.2, 0.1, spread=2.0), "undecided"),  # too noisy to say
    ],
)
def test_verdicts(evidence, outcome):
    assert verdict(evidence).outcome == outcome


def test_a_metric_with_lower_better_works_too():
    """The scores of such a metric are negated."""
    scores = _evidence(1.0, 0.9, 0.2, 0.1).scores
    shifted = {arm: [x - 50 for x in values] for arm, values in scores.items()}
    assert verdict(Evidence(RING8, shifted, {})).outcome == "supported"


def test_the_reason_names_its_figures():
    found = verdict(_evidence(1.0, 0.9, 0.2, 0.1))
    assert "0.7" in found.reason
    assert "0.9" in found.reason
    assert found.effect.value == pytest.approx(0.8 / 0.9)
    assert found.effect.low <= found.effect.value <= found.effect.high
