"""A diverged run counts as the worst, wherever arms are chosen or compared, and never as a mild result."""

import math
from dataclasses import dataclass, field

import pytest
from tests.cases.studies import ARMS, Here, Peaked, tiny_game, tiny_study

from paripassu.protocol import Evidence, Tuning, run_study
from paripassu.protocol.gans.verdict import verdict_of
from paripassu.records import Verdict
from paripassu.report.study import write_study_page

WILD, CALM = (arm.name for arm in ARMS)


@dataclass
class Fated(Peaked):
    """Runs that end as the seed and the place of their rate among all rates say."""

    rates: list[float] = field(default_factory=list)
    ends: dict[tuple[int, int], float | None] = field(default_factory=dict)

    def __post_init__(self):
        super().__init__(1.0)

    def score(self, run):
        return self.ends.get((self.rates.index(run.generator.lr), run.seed), 0.5)


def _points(tuning):
    return [point.lr_g for point in tuning.space.trials(1e-2, tuning.trials)]


def test_a_finalist_that_diverges_on_fewer_seeds_is_chosen(tmp_path):
    """All three have diverged; the first, which was the best trial, on every seed."""
    tuning = Tuning(trials=3, finalists=3, seeds=4)
    trials = {(0, 0): 0.9, (1, 0): 0.8, (2, 0): 0.7}
    again = {(0, seed): None for seed in range(1, 5)}
    again |= {(n, seed): None if seed == n else 0.9 for n in (1, 2) for seed in range(1, 5)}
    engine = Fated(_points(tuning), trials | again)
    arm = run_study(tiny_study(tuning=tuning), "smoke", tmp_path / "s", engine=engine).games[0].arms[0]
    assert [trial.diverged for trial in arm.trials] == [4, 1, 1]
    assert arm.chosen == arm.trials[1].settings


@pytest.mark.parametrize(("untrained", "chosen"), [(0.0, 1), (0.6, 0)])
def test_finalists_are_compared_by_what_the_page_shows(untrained, chosen, tmp_path):
    """The mean with the worst value seen: 3/4 of 0.8 and 1/4 of that is more or less than 0.5."""
    tuning = Tuning(trials=2, finalists=2, seeds=4)
    trials = {(0, 0): 0.45, (1, 0): 0.45}
    again = {(0, seed): 0.5 for seed in range(1, 5)}
    again |= {(1, seed): None if seed == 1 else 0.8 - 0.3 * (untrained > 0) for seed in range(1, 5)}
    engine = Fated(_points(tuning), trials | again)
    engine.untrained = untrained
    arm = run_study(tiny_study(tuning=tuning), "smoke", tmp_path / "s", engine=engine).games[0].arms[0]
    means = [sum(trial.values[1:]) / 4 for trial in arm.trials]
    assert arm.chosen == arm.trials[chosen].settings
    assert means.index(max(means)) == chosen


def test_of_equal_trials_one_that_finished_goes_on(tmp_path):
    """A run that ends where it began is as good as one that diverged, and is kept before it."""
    tuning = Tuning(trials=2, finalists=1, seeds=0)
    engine = Fated(_points(tuning), {(0, 0): None, (1, 0): 0.0})
    arm = run_study(tiny_study(tuning=tuning), "smoke", tmp_path / "s", engine=engine).games[0].arms[0]
    assert [trial.values for trial in arm.trials] == [[0.0], [0.0]]
    assert arm.chosen == arm.trials[1].settings


def test_a_game_that_measured_nothing_is_named(tmp_path):
    engine = Fated([], {})
    engine.untrained, engine.score = math.nan, lambda _: None
    study = tiny_study(tuning=Tuning(trials=3, finalists=1, seeds=0))
    with pytest.raises(ValueError, match="no run on ring8 has measured mode-overlap@50"):
        run_study(study, "smoke", tmp_path / "s", engine=engine)


def _measured(out, verdict, centres):
    measures = {"loss": lambda table, _: table["generator"].max()}
    study = tiny_study(centres, verdict=verdict, measures=measures)
    return out, run_study(study, "smoke", out, engine=Here())


def _low_loss(arm):
    """A rule that always decides, whatever it reads: NaN is not above."""

    def rule(evidence):
        (loss,) = set(evidence.estimates["loss"][arm][:1])
        return Verdict("contradicted" if loss > 100 else "supported", f"It is {loss}.")

    return rule


def test_an_arm_without_a_measured_run_has_no_measure(tmp_path):
    """Every run of it diverged: what is known of other arms decides nothing about it."""
    seen = []

    def rule(evidence):
        seen.append({name: dict(of_arm) for name, of_arm in evidence.estimates.items() if name != "loss"})
        return _low_loss(WILD)(evidence)

    out, result = _measured(tmp_path / "s", rule, {WILD: 1e35, CALM: 1e-2})
    wild, calm = result.games[0].arms
    assert wild.diverged == 3
    assert all(map(math.isnan, wild.estimates["loss"].values))
    assert len(set(calm.estimates["loss"].values)) == 3
    verdict = result.findings[0].verdict
    assert verdict.outcome == "undecided"
    assert verdict.reason.startswith("The loss of wild is unknown, because none of its confirmation runs has")
    assert "mode-overlap@50" in seen[0]
    assert "unknown" in write_study_page(out).read_text(encoding="utf-8")


def test_a_rule_that_reads_only_known_measures_decides(tmp_path):
    _, result = _measured(tmp_path / "s", _low_loss(CALM), {WILD: 1e35, CALM: 1e-2})
    assert result.findings[0].verdict.outcome == "supported"


def test_some_runs_without_a_measure_get_the_largest(tmp_path):
    tuning = Tuning(trials=1, finalists=1, seeds=0)
    measures = {"loss": lambda _, run: math.nan if run.seed == 1001 else run.generator.lr * run.seed}
    study = tiny_study({WILD: 1e-2, CALM: 1e-1}, tuning=tuning, measures=measures)
    wild, calm = run_study(study, "smoke", tmp_path / "s", engine=Peaked(1e-2)).games[0].arms
    largest = calm.chosen.lr_g * 1002
    for arm in (wild, calm):
        first, second, third = arm.estimates["loss"].values
        assert (first, second, third) == (arm.chosen.lr_g * 1000, largest, arm.chosen.lr_g * 1002)


@pytest.mark.parametrize("read", [lambda m: m[WILD], lambda m: [*m.values()], lambda m: dict(m)])
def test_no_way_to_read_an_unknown_measure_decides(read):
    def rule(evidence):
        read(evidence.estimates["loss"])
        return Verdict("supported", "")

    evidence = Evidence(tiny_game({}), {}, {"loss": {WILD: [math.nan], CALM: [1.0]}})
    assert verdict_of(rule, evidence).outcome == "undecided"
    known = Evidence(tiny_game({}), {}, {"loss": {WILD: [2.0], CALM: [1.0]}})
    assert verdict_of(rule, known).outcome == "supported"
