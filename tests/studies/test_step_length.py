"""Whether the length of nSGDA's steps is what it is ahead of Adam by, or behind."""

import pytest

from paripassu.protocol import Evidence
from paripassu.records import Settings
from paripassu.studies import lead
from paripassu.studies.arms import ADAM, NSGDA_RMS
from paripassu.studies.step_length import ADAM_LONGER, NSGDA_SHORTER, STUDY, judge

GAME = STUDY.scale("small").design.games[0]


def _evidence(adam: float, nsgda: float, shorter: float, noise: float = 0.01) -> Evidence:
    seeds = [-noise, noise, 0.0, -noise, noise, 0.0]
    means = {ADAM: adam, NSGDA_RMS: nsgda, NSGDA_SHORTER: shorter, ADAM_LONGER: adam - 1}
    # The noise differs between arms, or paired differences would have none.
    scores = {arm: [mean + n * (i + 1) for n in seeds] for i, (arm, mean) in enumerate(means.items())}
    return Evidence(GAME, scores, {})


@pytest.mark.parametrize(
    ("adam", "nsgda", "shorter", "outcome"),
    [
        (0.0, 1.0, 0.0, "supported"),  # ahead, by its length
        (0.0, -1.0, 0.0, "supported"),  # behind, by its length
        (0.0, -1.0, 1.0, "supported"),  # the rule makes it better, and the length worse
        (0.0, 1.0, 1.0, "contradicted"),  # ahead, whatever the length
        (0.0, -1.0, -1.0, "contradicted"),
        (0.0, 1.0, 0.5, "undecided"),  # by both
        (0.0, 0.0, -1.0, "undecided"),  # there is no lead, though both parts are large
    ],
)
def test_the_part_on_the_side_of_the_lead_decides(adam, nsgda, shorter, outcome):
    assert judge(_evidence(adam, nsgda, shorter)).outcome == outcome


def test_within_noise_nothing_is_decided():
    assert judge(_evidence(0.0, 0.1, 0.0, noise=1.0)).outcome == "undecided"


def test_both_parts_are_the_lead():
    found = judge(_evidence(0.0, 0.75, 0.5))
    assert found.effect.value == pytest.approx(0.25)
    assert "rms leads Adam by 0.75 [" in found.reason
    assert "longer steps leads Adam by -1 [" in found.reason


@pytest.mark.parametrize("tuned", [lead.TUNED_ON_RING, lead.TUNED_ON_DIGITS, lead.TUNED_ON_CIFAR10])
def test_each_rule_plays_at_the_lengths_of_the_other(tuned, tmp_path):
    games = [*STUDY.scale("small").design.games, *STUDY.scale("short").design.by_path["cifar10"](tmp_path)]
    (game,) = (game for game in games if game.chosen[ADAM] == tuned)
    assert game.chosen[NSGDA_RMS] == tuned
    longer, shorter = game.chosen[ADAM_LONGER], game.chosen[NSGDA_SHORTER]
    assert Settings(longer.lr_g * shorter.lr_g, longer.lr_d * shorter.lr_d, tuned.decay) == Settings(
        pytest.approx(tuned.lr_g**2), pytest.approx(tuned.lr_d**2), longer.decay
    )
    assert shorter.lr_d / tuned.lr_d < shorter.lr_g / tuned.lr_g < 1


def test_its_seeds_are_its_own():
    seeds = {
        study.name: set(study.scale("small").design.seeds_to_confirm_on) for study in (STUDY, lead.STUDY)
    }
    assert not seeds["lead"] & seeds["step-length"]
