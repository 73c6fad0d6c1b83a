"""The verdict rule of the study `grafting`, case by case, as its docstring says it."""

import pytest

from paripassu.studies.grafting import verdict


def _values(adam: float, magnitude: float, direction: float, sgda: float, spread: float = 0.01):
    noise = [spread * x for x in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    means = {"adam": adam, "adam magnitude": magnitude, "adam direction": direction, "sgda": sgda}
    return {arm: [mean + x for x in noise] for arm, mean in means.items()}


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        (_values(1.0, 0.9, 0.2, 0.1), "supported"),
        (_values(1.0, 0.2, 0.9, 0.1), "contradicted"),
        (_values(1.0, 0.3, 0.2, 0.1), "contradicted"),  # ahead of the direction, yet far from Adam
        (_values(1.0, 0.9, 0.9, 0.1), "undecided"),  # both halves do it
        (_values(1.0, 0.9, 0.2, 1.0), "undecided"),  # Adam has no advantage
        (_values(0.1, 0.9, 0.2, 1.0), "undecided"),
        (_values(1.0, 0.9, 0.2, 0.1, spread=2.0), "undecided"),  # too noisy to say
    ],
)
def test_verdicts(values, outcome):
    assert verdict(values).outcome == outcome


def test_losses_work_as_well_as_gains():
    """A metric that is better when lower arrives negated."""
    shifted = {arm: [x - 50 for x in xs] for arm, xs in _values(1.0, 0.9, 0.2, 0.1).items()}
    assert verdict(shifted).outcome == "supported"


def test_the_reason_names_its_figures():
    reason = verdict(_values(1.0, 0.9, 0.2, 0.1)).reason
    assert "0.7" in reason
    assert "0.9" in reason
