"""What cannot be compared is refused before the first run, in a sentence that says what to do."""

from dataclasses import replace

import pytest
from tests.cases.studies import ARMS, Peaked, tiny_comparison, tiny_game, tiny_run, tiny_study

from paripassu import studies
from paripassu.data import Digits, Ring, Source, StackedDigits
from paripassu.metrics import FeatureMetric, PixelFeatures
from paripassu.models import DCGAN
from paripassu.protocol import Comparison, SearchSpace, Tuning, run_study
from paripassu.records import Settings
from paripassu.rules import SGD
from paripassu.train.measures import metrics_of

CENTRES = {"wild": 1e-2, "calm": 1e-2}
NARROW = SearchSpace(decades=0.001, ratio=1.001)


def _named(name):
    return {"arms": [replace(ARMS[0], name=name), ARMS[1]], "games": [tiny_game({name: 1.0, "calm": 1.0})]}


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"first_seed": 0}, "confirm on is 0, and tuning uses the seeds 0 to 2: choose 3 or more"),
        ({"first_seed": 2}, "choose 3 or more"),
        ({"first_seed": -1, "tuning": None}, "must be >= 0, got -1"),
        (_named("sgd 1/2"), "the arm 'sgd 1/2' cannot name a folder: use letters"),
        (_named("sgd\\1"), "cannot name a folder"),
        (_named(".."), "cannot name a folder"),
        (_named(""), "cannot name a folder"),
        (_named("a\nb"), "cannot name a folder"),
        (_named("a" * 256), "cannot name a folder"),
        ({"games": [tiny_game(CENTRES, name="../ring")]}, "the game '../ring' cannot name a folder"),
        ({"arms": [replace(ARMS[0], name=name) for name in ("a b", "a-b")]}, "two arms share a name"),
    ],
)
def test_names_and_seeds_that_do_not_fit(given, match):
    with pytest.raises(ValueError, match=match):
        tiny_comparison(**given)


def test_seeds_that_tuning_has_not_seen_are_fine():
    assert tiny_comparison(first_seed=3).seeds_to_confirm_on == range(3, 6)
    assert tiny_comparison(first_seed=0, tuning=None).seeds_to_confirm_on == range(3)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (
            {"games": [tiny_game(CENTRES, metric="mode-overlap@60")]},
            "ring8 do not measure mode-overlap@60: let its metric be mode-overlap@50 or high-quality@50",
        ),
        ({"games": [tiny_game(CENTRES, metric="fd-digits@50")]}, "do not measure fd-digits@50"),
        ({"games": [tiny_game({"wild": 1e-2})]}, "ring8 has no rate for the arm calm: add it to the game's"),
        ({"tuning": Tuning(trials=8, space=NARROW)}, "trials . and . of wild on ring8 are both at rates 0.0"),
        (
            {"games": [tiny_game(CENTRES, judged_by=FeatureMetric("coverage", PixelFeatures(), 20))]},
            "coverage-pixels8@20 is measured of images, and ring8 has none",
        ),
    ],
)
def test_rates_and_metrics_that_do_not_fit(given, match, tmp_path):
    """Nothing is written, with or without a dry run."""
    study = tiny_study(**given)
    with pytest.raises(ValueError, match=match):
        run_study(study, "smoke", tmp_path / "s", engine=Peaked(1e-2))
    assert not (tmp_path / "s").exists()
    with pytest.raises(ValueError, match=match):
        study.scale("smoke").design.check()


def test_a_game_without_tuning_needs_a_rate_of_either_kind():
    chosen = {"wild": Settings(0.1, 0.1, "linear")}
    tiny_comparison(games=[tiny_game({"calm": 1.0}, chosen=chosen)], tuning=None).check()
    with pytest.raises(ValueError, match="no rate for the arm calm"):
        tiny_comparison(games=[tiny_game({}, chosen=chosen)], tuning=None).check()


@pytest.mark.parametrize(
    "given", [{"metric": "kd-digits@50"}, {"judged_by": FeatureMetric("kd", PixelFeatures(), 20)}]
)
def test_a_distance_that_may_be_negative_has_no_score(given):
    """One seed at -1e-5 would score 708, and one at 1e-3 only 6.9."""
    with pytest.raises(ValueError, match="may be zero or less, and the score of a distance is its logarithm"):
        tiny_game(CENTRES, **{"metric": "fd-digits@50"} | given)


class _Own(Source):
    """A person's own data, of which nothing is known before they are loaded."""

    def load(self, device):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (Ring(), ["mode-overlap@50", "high-quality@50", "modes@50"]),
        (Digits(), ["fd-digits@50"]),
        (StackedDigits(), ["modes-digits@50", "kl-digits@50"]),
        (
            _Own(),
            [
                *("fd-pixels8@50", "mode-overlap@50", "high-quality@50", "modes@50"),
                *("modes-pixels8@50", "kl-pixels8@50"),
            ],
        ),
    ],
)
def test_what_a_run_measures_is_known_before_it(data, names):
    run = tiny_run(SGD(), Settings(0.1, 0.1, "constant"), 4, 0)
    assert metrics_of(replace(run, data=data, model=DCGAN(norm="none"))) == names


def test_a_metric_that_own_data_turn_out_not_to_have_is_named(tmp_path):
    """After the first trials, and not after all runs."""
    engine = Peaked(1e-2)
    study = tiny_study(games=[tiny_game(CENTRES, metric="high-quality@50")])
    with pytest.raises(
        ValueError, match=r"has measured mode-overlap@50, and not high-quality@50, the metric"
    ):
        run_study(study, "smoke", tmp_path / "s", engine=engine)
    assert len(engine.runs) == 2 * 3


@pytest.mark.parametrize("name", list(studies.find()))
def test_our_studies_are_possible(name):
    for scale in studies.find()[name].scales.values():
        design = scale.design
        # Some scales have games on data in files alone.
        if isinstance(design, Comparison) and any(design.size in game.steps for game in design.games):
            design.check()
