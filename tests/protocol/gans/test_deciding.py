"""A metric that decides is measured of confirmation runs alone, once each, and tunes nothing."""

import shutil
from dataclasses import dataclass, replace

import pytest
from tests.cases.studies import Here, tiny_game, tiny_study

from paripassu.data import Digits
from paripassu.files import sealed, unsealed
from paripassu.metrics import FeatureMetric, PixelFeatures
from paripassu.models import DCGAN
from paripassu.protocol import Tuning, run_study
from paripassu.protocol.gans import comparison
from paripassu.protocol.gans.deciding import DECIDING_FILE, MeasureUnit
from paripassu.records import STUDY_FILE, StudyResult, Verdict
from paripassu.records.codec import load
from paripassu.report.study import write_study_page
from paripassu.train import Player, Run, evaluate, load_run

METRIC = FeatureMetric("fd", PixelFeatures(), 20)


def _run(rule, settings, steps, seed):
    players = Player(rule, settings.lr_g), Player(rule, settings.lr_d)
    every = {"log_every": 2, "probe_every": 2, "eval_every": steps, "checkpoint_every": steps}
    model = DCGAN(latent=4, width=4, norm="none")
    return Run(Digits(), model, *players, steps=steps, seed=seed, batch=8, eval_samples=20, **every)


def _study(judged_by=METRIC, **more):
    game = tiny_game({"wild": 1e-2, "calm": 1e-2}, run=_run, metric="fd-digits@20", judged_by=judged_by)
    tuning = Tuning(trials=2, finalists=1, seeds=0)
    return tiny_study(games=[game], tuning=tuning, **{"confirmation_seeds": 2} | more)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "s"
    return out, run_study(_study(), "smoke", out, engine=Here())


@pytest.fixture
def study_folder(made, tmp_path):
    return shutil.copytree(made[0], tmp_path / "s")


@pytest.fixture
def measured(monkeypatch):
    """The runs that are measured from now on."""
    folders = []

    def carry_out(unit):
        folders.append(unit.folder)
        return original(unit)

    original = MeasureUnit.carry_out
    monkeypatch.setattr(MeasureUnit, "carry_out", carry_out)
    return folders


def test_it_is_measured_of_last_checkpoints(made):
    out, result = made
    (game,) = result.games
    assert (game.metric, game.tuned_by) == ("fd-pixels8@20", "fd-digits@20")
    for arm in game.arms:
        for value, folder in zip(arm.estimates["fd-pixels8@20"].values, arm.runs, strict=True):
            assert (
                value == evaluate(load_run(out / folder), out / folder, metrics=[METRIC])[1]["fd-pixels8@20"]
            )


def test_trials_and_their_choice_are_of_what_tunes(study_folder, made):
    out, result = made
    plain = run_study(_study(judged_by=None), "smoke", study_folder, engine=Here())
    for judged, tuned in zip(result.games[0].arms, plain.games[0].arms, strict=True):
        assert (judged.trials, judged.chosen) == (tuned.trials, tuned.chosen)
    with_it = {path.parent for path in out.rglob(DECIDING_FILE)}
    assert with_it == {out / folder for arm in result.games[0].arms for folder in arm.runs}


def test_what_is_lost_or_damaged_is_measured_again(study_folder, measured, made):
    first, second, third, fourth = sorted(study_folder.rglob(DECIDING_FILE))
    first.unlink()
    second.write_text(second.read_text().replace("0", "1"))
    shutil.copy(fourth, third)  # another run's
    again = run_study(_study(), "smoke", study_folder, engine=Here())
    assert set(measured) == {first.parent, second.parent, third.parent}
    assert again.games == made[1].games


def test_another_metric_is_measured_and_runs_stay(study_folder, measured):
    other = FeatureMetric("fd", PixelFeatures(), 30)
    result = run_study(_study(judged_by=other), "smoke", study_folder, engine=Here())
    assert len(measured) == 4
    assert result.games[0].metric == "fd-pixels8@30"


def _let_wild_diverge(monkeypatch, step):
    """Confirmation runs of one arm ended without metrics."""

    def ended(folder):
        return {
            path: replace(end, outcome="diverged", finals={}, step=step)
            if "wild" in path.parts and "seed-100" in path.name
            else end
            for path, end in original(folder).items()
        }

    original = comparison.ends_in
    monkeypatch.setattr(comparison, "ends_in", ended)


def test_a_diverged_run_is_no_better_than_an_untrained_network(study_folder, monkeypatch, measured):
    """Were it the worst run of the arms that finished, divergence would look as mild as they are."""
    _let_wild_diverge(monkeypatch, step=3)
    study = _study()
    result = run_study(study, "smoke", study_folder, engine=Here())
    wild, calm = result.games[0].arms
    assert wild.diverged == 2
    folders = [study_folder / run for run in wild.runs]
    assert sorted(measured) == sorted(folders)
    untrained = [
        evaluate(load_run(each), each, metrics=[METRIC], step=0)[1]["fd-pixels8@20"] for each in folders
    ]
    worst = max(*untrained, *calm.estimates["fd-pixels8@20"].values)
    assert worst == max(untrained)
    assert wild.estimates["fd-pixels8@20"].values == 2 * [worst]
    assert study.scales["smoke"].design.work(study_folder, "").missing == []


def test_a_run_that_diverged_at_once_needs_no_measurement(study_folder, monkeypatch, measured):
    """It has no checkpoint. The worst of the others is all that is known."""
    _let_wild_diverge(monkeypatch, step=0)
    wild, calm = run_study(_study(), "smoke", study_folder, engine=Here()).games[0].arms
    assert measured == []
    assert wild.estimates["fd-pixels8@20"].values == 2 * [max(calm.estimates["fd-pixels8@20"].values)]


def test_a_page_says_where_what_tunes_would_decide_otherwise(study_folder):
    def best(evidence):
        return Verdict("supported" if evidence.scores["wild"] == wild else "contradicted", "So it is.")

    result = load(study_folder / STUDY_FILE, StudyResult)
    (game,) = _study().scales["smoke"].design.games
    wild = [game.score(value) for value in result.games[0].arms[0].estimates["fd-pixels8@20"].values]
    judged = run_study(_study(verdict={"C2: one": best}), "smoke", study_folder, engine=Here())
    sentence = (
        "C2: one, on ring8: supported by fd-pixels8@20, which decides, and contradicted by fd-digits@20, "
        "which tunes."
    )
    assert sentence in judged.remarks
    page = write_study_page(study_folder).read_text(encoding="utf-8")
    assert "which decides, and contradicted by" in page
    assert "fd-digits@20 on the confirmation seeds" in page


def test_time_that_measuring_takes_is_expected(study_folder):
    """Of each measurement as long as those before took on average."""
    design = _study(confirmation_seeds=3).scales["smoke"].design
    files = sorted(study_folder.rglob(DECIDING_FILE))
    for path, seconds in zip(files, (4.0, 6.0, 8.0), strict=False):
        values = unsealed(path.read_text()) | {"seconds": seconds}
        path.write_text(sealed({name: value for name, value in values.items() if name != "sha256"}))
    files[-1].unlink()
    work = design.work(study_folder, "")
    assert len(work.missing) == 3  # two runs of the third seed, and one measurement
    assert work.seconds[-1] == 6.0
    runs = sum(work.seconds[:-1])
    assert work.seconds_left == pytest.approx(runs + 3 * 6.0)


@dataclass(frozen=True)
class Absent(PixelFeatures):
    """A network whose package is not installed."""

    def check_installed(self):
        raise ValueError("absent needs a package: install it")


def test_a_missing_extra_is_said_before_anything_runs(tmp_path, study_folder):
    study = _study(judged_by=FeatureMetric("fd", Absent(), 20))
    with pytest.raises(ValueError, match="absent needs a package"):
        run_study(study, "smoke", tmp_path / "new", engine=Here())
    assert not (tmp_path / "new").exists()
    unjudged = _study(judged_by=FeatureMetric("fd", Absent(), 20), is_judged=False)
    result = run_study(unjudged, "smoke", study_folder, engine=Here())
    assert result.games[0].metric == "fd-digits@20"


def test_both_metrics_improve_the_same_way():
    with pytest.raises(ValueError, match="more is better of one alone"):
        tiny_game({}, metric="fd-digits@20", judged_by=FeatureMetric("coverage", PixelFeatures(), 20))
