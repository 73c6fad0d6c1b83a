"""Equal trials and separate seeds for every arm; a diverged run gets the worst value."""

import math
import shutil
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cases.studies import ARMS, Here, Peaked, tiny_comparison, tiny_game, tiny_run, tiny_study

from paripassu.files import FolderInUseError, locked
from paripassu.protocol import (
    Evidence,
    SearchSpace,
    Tuning,
    run_study,
    sitting,
    summarise,
)
from paripassu.protocol.gans import arm_on_game
from paripassu.protocol.gans.arm_on_game import RunUnit
from paripassu.records import (
    RUN_FILE,
    STUDY_FILE,
    RunHeader,
    Settings,
    Verdict,
)
from paripassu.records.codec import dump, load
from paripassu.report.study import write_study_page
from paripassu.rules import Normalize


def _distance(settings, best=3e-2):
    return abs(math.log10(settings.lr_g / best))


def test_every_arm_has_the_same_trials_and_its_best_is_confirmed(tmp_path):
    engine, done = Peaked(3e-2), []
    study = tiny_study(tuning=Tuning(trials=8, finalists=3, seeds=2))
    result = run_study(study, "smoke", tmp_path / "s", engine=engine, progress=lambda *now: done.append(now))
    for arm in result.games[0].arms:
        best = sorted((trial.settings for trial in arm.trials), key=_distance)
        assert len(best) == 8
        assert arm.chosen == best[0]
        again = {trial.settings for trial in arm.trials if len(trial.values) == 3}
        assert again == set(best[:3])
        assert {len(trial.values) for trial in arm.trials} == {1, 3}
    runs = 8 + 3 * 2 + 3
    seeds = sorted(run.seed for run in engine.runs)
    assert seeds == sorted(2 * (8 * [0] + 3 * [1, 2] + [1000, 1001, 1002]))
    assert done[0] == (0, 2 * 4 * runs)
    assert done[-1] == (2 * 4 * runs, 2 * 4 * runs)
    assert [*done] == sorted(done)


def test_the_final_choice_is_made_on_seeds_that_no_trial_saw(tmp_path):
    """Without further seeds the best trial wins; with them it is their mean that decides."""
    for seeds in (0, 2):
        tuning = Tuning(trials=4, finalists=2, seeds=seeds)
        arm = (
            run_study(tiny_study(tuning=tuning), "smoke", tmp_path / str(seeds), engine=Peaked(1e-2))
            .games[0]
            .arms[0]
        )
        assert arm.chosen == min((trial.settings for trial in arm.trials), key=lambda s: _distance(s, 1e-2))
        assert sum(len(trial.values) == 1 + seeds for trial in arm.trials) == (2 if seeds else 4)


class FailsIfLong(Peaked):
    """Peaked, but at the best rates of short runs a run of the full length has found nothing."""

    def score(self, run):
        is_near = abs(math.log10(run.generator.lr / self.best)) < 0.5
        return 0.0 if is_near and run.steps == 4 else super().score(run)


def test_rates_that_hold_in_short_trials_alone_are_not_chosen(tmp_path):
    tuning = Tuning(trials=8, finalists=8, seeds=1, share=0.5)
    engine = FailsIfLong(1e-2)
    arm = run_study(tiny_study(tuning=tuning), "smoke", tmp_path / "s", engine=engine).games[0].arms[0]
    trials = {trial.settings: trial.values for trial in arm.trials}
    best = max(trials, key=lambda settings: trials[settings][0])
    assert _distance(best, 1e-2) < 0.5
    assert trials[best][1] == 0
    assert arm.chosen == min(
        (s for s in trials if _distance(s, 1e-2) >= 0.5), key=lambda s: _distance(s, 1e-2)
    )
    lengths = {seed: {run.steps for run in engine.runs if run.seed == seed} for seed in (0, 1, 1000)}
    assert lengths == {0: {2}, 1: {4}, 1000: {4}}


def test_arms_are_compared_within_their_family(tmp_path):
    arms = [replace(arm, family=family) for family in ("one", "two") for arm in ARMS]
    games = [tiny_game({"wild": 1e-2, "calm": 1e-2}, name=name, family=name) for name in ("one", "two")]
    study = tiny_study(arms=arms, games=games)
    result = run_study(study, "smoke", tmp_path / "s", engine=Peaked(1e-2))
    assert [(game.family, [arm.arm for arm in game.arms]) for game in result.games] == [
        ("one", ["wild", "calm"]),
        ("two", ["wild", "calm"]),
    ]


def test_several_rules_give_a_finding_for_each_claim(tmp_path):
    rules = {"C2: one": lambda _: Verdict("supported", "a"), "C3: two": lambda _: Verdict("undecided", "b")}
    result = run_study(tiny_study(verdict=rules), "smoke", tmp_path / "s", engine=Peaked(1e-2))
    assert [(f.claim, f.about, f.verdict.outcome) for f in result.findings] == [
        ("C2: one", "ring8", "supported"),
        ("C3: two", "ring8", "undecided"),
    ]
    assert result.findings[0].power.startswith(
        "With the arms' labels permuted, the rule supports the claim in 100"
    )


def test_evidence_pairs_seeds_and_trials(tmp_path):
    seen: list[Evidence] = []

    def verdict(evidence):
        seen.append(evidence)
        return Verdict("undecided", "")

    run_study(tiny_study(verdict=verdict), "smoke", tmp_path / "s", engine=Peaked(1e-2))
    evidence = seen[-1]
    bounds = (0.0, -math.inf, math.inf)  # two seeds and three trials are too few for an interval
    assert tuple(evidence.lead("wild", "wild")) == tuple(evidence.ease_lead("wild", "calm")) == bounds
    assert {len(trials) for trials in evidence.trials.values()} == {3}


@pytest.mark.parametrize(
    ("metric", "value", "score"), [("mode-overlap@50", 0.4, 0.4), ("fd-x@5", math.e, -1.0)]
)
def test_scores_are_better_if_higher(metric, value, score):
    game = tiny_game({}, metric=metric)
    assert game.score(value) == pytest.approx(score)
    assert game.unscore(score) == pytest.approx(value)


def test_a_scale_without_tuning_takes_the_chosen_settings(tmp_path):
    result = run_study(tiny_study(), "untuned", tmp_path / "s", engine=Here())
    for arm in result.games[0].arms:
        assert (arm.chosen, arm.trials, arm.edges, arm.ease) == (Settings(1e-3, 2e-3, "cosine"), [], [], None)
    assert result.settings["tuning"] == {}
    header = load(tmp_path / "s" / result.games[0].arms[0].runs[0] / RUN_FILE, RunHeader)
    assert header.settings["discriminator"]["lr"] == 2e-3
    assert header.settings["decay"] == "cosine"


def test_a_game_without_chosen_settings_takes_the_centres(tmp_path):
    game = tiny_game({"wild": 2e-3, "calm": 3e-3}, chosen={})
    result = run_study(tiny_study(games=[game]), "untuned", tmp_path / "s", engine=Here())
    assert [arm.chosen for arm in result.games[0].arms] == [
        Settings(rate, rate, "linear") for rate in (2e-3, 3e-3)
    ]


def test_a_run_waits_for_the_lock_of_a_node_that_died(tmp_path, monkeypatch):
    monkeypatch.setattr(arm_on_game, "_LAPSE", 0.0)
    unit, waits = (
        RunUnit(tmp_path / "r", tiny_run(ARMS[0].rule, Settings(0.1, 0.1, "constant"), 4, 0), ""),
        [],
    )
    unit.path.mkdir()
    with locked(unit.path), pytest.raises(FolderInUseError):
        unit.carry_out()
    monkeypatch.setattr(arm_on_game, "_LAPSE", 60.0)
    with ExitStack() as lock:
        lock.enter_context(locked(unit.path))

        def sleep(seconds):
            waits.append(seconds)
            lock.close()

        monkeypatch.setattr(arm_on_game.time, "sleep", sleep)
        unit.carry_out()
    assert waits == [1]


def test_old_runs_of_an_edited_study_stay_apart(tmp_path):
    """They do not affect the result, not even as the worst value of any run."""
    out, diverging = tmp_path / "s", {"wild": 1e35, "calm": 1e-2}
    settings = {"wild": Settings(1e-3, 1e-3, "linear"), "calm": Settings(0.5, 0.5, "linear")}
    game = tiny_game(diverging, steps={"untuned": 6}, chosen=settings)
    assert run_study(tiny_study(games=[game]), "untuned", out, engine=Here()).remarks == []
    runs = set(out.glob("runs/*/*/*"))
    alone = run_study(tiny_study(diverging), "untuned", tmp_path / "alone", engine=Here())
    result = run_study(tiny_study(diverging), "untuned", out, engine=Here())
    assert result.games == alone.games
    assert set(out.glob("runs/*/*/*")) > runs
    (unused,) = result.remarks
    assert unused.startswith("4 runs in the folder are not used")


def _exchange(one, other):
    spare = one.with_name("spare")
    one.rename(spare)
    other.rename(one)
    spare.rename(other)


@pytest.mark.parametrize("what", ["arms", "seeds", "trials"])
def test_a_run_counts_only_in_its_own_folder(what, tmp_path):
    """Exchanged folders have whole runs, and each of them would stand for another one."""
    out, engine = tmp_path / "s", Peaked(3e-2)
    before = run_study(tiny_study(), "smoke", out, engine=engine)
    wild, calm = ([out / run for run in arm.runs] for arm in before.games[0].arms)
    trials = sorted(path for path in wild[0].parent.iterdir() if "-seed-0-" in path.name)
    pairs = {"arms": zip(wild, calm, strict=True), "seeds": [wild[:2]], "trials": [trials[:2]]}[what]
    for pair in pairs:
        _exchange(*pair)
    count = len(engine.runs)
    for again in (
        lambda: run_study(tiny_study(), "smoke", out, engine=engine),
        lambda: summarise(tiny_study(), "smoke", out),
    ):
        with pytest.raises(
            ValueError, match=r"holds another run, .* remove this folder, and the study trains"
        ):
            again()
    assert len(engine.runs) == count
    for path in (*wild, *calm, *trials):
        shutil.rmtree(path)
    assert run_study(tiny_study(), "smoke", out, engine=engine).games == before.games


def test_a_copy_of_a_run_under_another_name_is_not_used(tmp_path):
    out = tmp_path / "s"
    before = run_study(tiny_study(), "smoke", out, engine=Peaked(3e-2))
    run = out / before.games[0].arms[0].runs[0]
    shutil.copytree(run, run.with_name(f"{run.name}.bak"))
    after = run_study(tiny_study(), "smoke", out, engine=Peaked(3e-2))
    assert after.games == before.games
    assert after.remarks == [
        "1 run in the folder is not used: the study was edited, or chooses other settings now."
    ]


def test_runs_made_differently_get_a_remark(tmp_path):
    run_study(tiny_study(), "untuned", tmp_path / "s", engine=Here())
    path = next((tmp_path / "s").rglob(RUN_FILE))
    header = load(path, RunHeader)
    where = replace(header.environment, versions=header.environment.versions | {"torch": "1.0"})
    path.write_text(dump(replace(header, environment=where)))
    (remark,) = summarise(tiny_study(), "untuned", tmp_path / "s").remarks
    assert remark.startswith("The runs were not all made alike: versions of torch 1.0, ")


class _Stuck(Peaked):
    """Normalised runs stay near what untrained networks do, or diverge; others learn."""

    def __init__(self, gain, *, some_diverge=False):
        super().__init__(1e-2)
        self.gain, self.some_diverge = gain, some_diverge

    def score(self, run):
        if not isinstance(run.generator.rule, Normalize):
            return super().score(run)
        return None if self.some_diverge and run.generator.lr > self.best else self.gain


@pytest.mark.parametrize(
    ("engine", "names"),
    [
        (_Stuck(0.06), ""),
        (_Stuck(0.04), "calm"),
        (_Stuck(-1.0), "calm"),
        (_Stuck(0.04, some_diverge=True), "calm"),
    ],
    ids=["above the margin", "below it", "worse", "diverged"],
)
def test_arms_that_no_trial_taught_anything_are_named(engine, names, tmp_path):
    remarks = run_study(tiny_study(), "smoke", tmp_path / "s", engine=engine).remarks
    assert remarks == [
        f"On ring8 no trial of {name} was ahead of untrained networks by more than the margin in "
        "mode-overlap@50: rates were chosen among runs that had learned nothing."
        for name in names.split()
    ]


def test_every_run_is_on_the_device_of_its_study():
    work = tiny_comparison().on_device("cuda").work
    assert {unit.run.device for unit in work(Path("nowhere"), "").missing} == {"cuda"}


def test_the_plan_lists_every_run():
    plan = tiny_comparison().plan()
    assert len(plan) == 2 * (3 + 2 * 2 + 3)
    assert sum("trial" in line and "again" not in line for line in plan) == 6
    assert sum("confirm the chosen rates" in line for line in plan) == 6
    assert "rates 0.001 and 0.002, cosine to 0" in tiny_comparison(tuning=None, size="untuned").plan()[0]


def test_another_search_space_is_another_study(tmp_path):
    run_study(tiny_study(), "smoke", tmp_path / "s", engine=Peaked(1e-2))
    wider = Tuning(trials=3, finalists=2, seeds=2, space=SearchSpace(decades=5))
    with pytest.raises(ValueError, match="the space of its tuning is"):
        run_study(tiny_study(tuning=wider), "smoke", tmp_path / "s", engine=Peaked(1e-2))
    more = run_study(
        tiny_study(tuning=Tuning(trials=5, finalists=2, seeds=2)),
        "smoke",
        tmp_path / "s",
        engine=Peaked(1e-2),
    )
    assert len(more.games[0].arms[0].trials) == 5


def test_some_games_can_be_chosen():
    games = [tiny_game({"wild": 1.0, "calm": 1.0}, name=name) for name in ("one", "two")]
    study = tiny_study(games=games)
    assert [game.name for game in study.on_games(["two"]).scale("smoke").design.games] == ["two"]
    assert study.on_games([]) == study
    with pytest.raises(ValueError, match="no game 'three': this study has one, two"):
        study.on_games(["three"])


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"confirmation_seeds": 0}, "at least one seed"),
        ({"games": [tiny_game({}), tiny_game({})]}, "two games share a name"),
        ({"games": [tiny_game({}, family="other")]}, "no arm is of the family 'other'"),
    ],
)
def test_impossible_comparisons_are_refused(given, match):
    with pytest.raises(ValueError, match=match):
        tiny_comparison(**given)


class _Clock:
    """The runner's clock; runs advance it."""

    now = 0.0

    def time(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = _Clock()
    monkeypatch.setattr(sitting, "time", made)
    return made


def test_wherever_time_ends_every_arm_has_had_the_same_trials(tmp_path, clock):
    """A run of 4 steps takes 4 seconds; a trial of both arms 8, and the runs after trials 2 * (4 + 3) * 4."""
    tuning = Tuning(trials=6, finalists=2, seeds=2)
    study, out, engine = tiny_study(tuning=tuning), tmp_path / "s", Peaked(3e-2, clock)
    result = run_study(study, "smoke", out, engine=engine, minutes=(3 * 8 + 56 + 2) / 60)
    assert (result.finished, result.reached) == (False, "3 of 6 trials an arm")
    assert [len(arm.trials) for arm in result.games[0].arms] == [3, 3]
    assert "3 trials each" in result.findings[0].budget
    assert summarise(study, "smoke", out).games == result.games

    more = run_study(study, "smoke", out, engine=engine, minutes=(2 * 8 + 56 + 2) / 60)
    assert more.reached in ("5 of 6 trials an arm", "")
    whole = run_study(study, "smoke", out, engine=engine)
    alone = run_study(study, "smoke", tmp_path / "alone", engine=Peaked(3e-2))
    assert (whole.games, whole.findings, whole.reached) == (alone.games, alone.findings, "")
    assert whole.remarks == alone.remarks


def test_a_study_that_has_time_left_finishes(tmp_path, clock):
    engine = Peaked(3e-2, clock)
    result = run_study(tiny_study(), "smoke", tmp_path / "s", engine=engine, minutes=60)
    assert result.finished
    alone = run_study(tiny_study(), "smoke", tmp_path / "alone", engine=Peaked(3e-2))
    assert result.games == alone.games
    assert len(engine.runs) == 2 * (3 + 2 * 2 + 3)


def test_too_little_time_for_a_verdict_leaves_none(tmp_path, clock):
    result = run_study(tiny_study(), "smoke", tmp_path / "s", engine=Peaked(1e-2, clock), minutes=9 / 60)
    assert (result.finished, result.reached, result.findings) == (False, "", [])
    assert "Not finished" in write_study_page(tmp_path / "s").read_text(encoding="utf-8")


def test_less_time_than_a_run_takes_is_refused(tmp_path, clock):
    out, engine = tmp_path / "s", Peaked(1e-2, clock)
    run_study(tiny_study(), "smoke", out, engine=engine, minutes=9 / 60)
    before = (out / STUDY_FILE).read_text()
    with pytest.raises(ValueError, match=r"0.05 minutes are too short: a run takes about 0.067 here"):
        run_study(tiny_study(), "smoke", out, engine=engine, minutes=3 / 60)
    assert (out / STUDY_FILE).read_text() == before


def test_a_scale_without_a_game_is_refused(tmp_path):
    """Nothing is written, and the sentence says what would have a game."""
    study = tiny_study(by_path={"wide": lambda _: ()}, size="gpu")
    with pytest.raises(ValueError, match=r"at scale gpu: .* or give data in files \(--data wide=PATH\)"):
        run_study(study, "smoke", tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_a_game_that_a_person_names_is_not_left_out(tmp_path):
    design = tiny_study().scale("smoke").design
    (game,) = design.games
    both = replace(design, games=[game, replace(game, name="wide", steps={"gpu": 9})])
    both.check()
    with pytest.raises(ValueError, match=r"wide is not played at scale .*, but at gpu: choose one of these"):
        both.on_games(["wide", game.name]).check()
