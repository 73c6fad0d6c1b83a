"""A change is reported where it is beyond what the seeds explain, and nowhere else."""

import io
from dataclasses import replace

import pytest
from rich.console import Console
from tests.cases.folders import outcomes, study_result, sweep_folder, write_study

from paripassu.evidence.changes import study_changes
from paripassu.evidence.intervals import estimate
from paripassu.records import ArmResult, Finding, Fit, GameResult, Settings, Verdict
from paripassu.report.terminal import changes_table

NOISE = (-0.2, -0.1, 0.0, 0.1, 0.2)


def _arm(name, mean, lr=0.1, diverged=0, noise=NOISE):
    values = estimate([mean + x for x in noise])
    return ArmResult(
        name, "g", [], Settings(lr, lr, "linear"), [], {"overlap": values}, diverged, ["run"] * len(noise)
    )


def _study(*arms, outcome="supported", game="ring8", **given):
    result = GameResult(game, "a ring", "overlap", "higher", list(arms))
    found = Finding("a claim", game, Verdict(outcome, "so"))
    return study_result(games=[result], findings=[found], **given)


@pytest.fixture
def changes(tmp_path):
    def compare(old, new):
        for name, result in (("old", old), ("new", new)):
            write_study(tmp_path / name, result)
        return study_changes(tmp_path / "old", tmp_path / "new")

    return compare


def test_the_same_result_has_no_changes(changes):
    found = changes(_study(_arm("a", 1.0)), _study(_arm("a", 1.0)))
    assert found.notes == []
    assert [c.beyond_noise for c in found.changes] == [False]
    assert found.old == "tiny, smoke, 2026-01-01, commit unknown"


@pytest.mark.parametrize(("mean", "beyond"), [(1.1, False), (1.5, True), (0.5, True)])
def test_a_mean_must_move_further_than_seeds_do(mean, beyond, changes):
    (change,) = changes(_study(_arm("a", 1.0)), _study(_arm("a", mean))).changes
    assert (change.where, change.arm, change.name) == ("ring8", "a", "overlap")
    assert (change.old, change.new) == (pytest.approx(1.0), pytest.approx(mean))
    assert change.low < mean - 1.0 < change.high
    assert change.beyond_noise == beyond


def test_a_single_seed_shows_no_noise_to_be_beyond(changes):
    old, new = (_study(_arm("a", mean, noise=(0.0,))) for mean in (1.0, 5.0))
    (change,) = changes(old, new).changes
    assert not change.beyond_noise


def test_what_is_not_a_number_is_said_in_words(changes):
    old = _study(_arm("a", 1.0), _arm("gone", 1.0))
    new = _study(_arm("a", 1.0, lr=0.3, diverged=2), _arm("fresh", 1.0), outcome="undecided")
    settings = new.settings | {"tuning_seeds": [0, 7]}
    assert changes(old, replace(new, scale="paper", rule="If not.", settings=settings)).notes == [
        "scale: it was smoke, it is paper.",
        "tuning seeds: it was [0], it is [0, 7].",
        "The wording of the protocol or of the verdict rule has changed.",
        "ring8: the verdict was supported, it is undecided.",
        "Runs ring8, gone: only in the old study.",
        "Runs ring8, fresh: only in the new study.",
        "ring8, a: the learning rates were 0.1, linear to 0, they are 0.3, linear to 0.",
        "ring8, a: 0 of 5 runs diverged, now 2 of 5.",
    ]
    moved = changes(_study(_arm("a", 1.0)), _study(_arm("a", 1.0), game="digits")).notes
    assert moved == [
        "Finding ring8: only in the old study.",
        "Finding digits: only in the new study.",
        "Runs ring8, a: only in the old study.",
        "Runs digits, a: only in the new study.",
    ]


def test_a_game_that_is_played_otherwise_is_said(changes):
    old, new = _study(_arm("a", 1.0)), _study(_arm("a", 1.0))
    game = replace(new.games[0], setting="a ring, twice as long")
    assert changes(old, replace(new, games=[game])).notes == [
        "ring8: it was a ring; it is a ring, twice as long."
    ]


def test_what_cannot_be_compared_is_refused(changes, tmp_path):
    old = _study(_arm("a", 1.0))
    with pytest.raises(ValueError, match="tiny and other are different studies"):
        changes(old, replace(old, name="other"))
    with pytest.raises(ValueError, match="tiny is a comparison and phases a phase"):
        changes(old, replace(old, kind="phase", name="phases"))
    with pytest.raises(ValueError, match="new is not finished"):
        changes(old, replace(old, finished=False))
    with pytest.raises(ValueError, match="this paripassu knows comparison, run"):
        changes(replace(old, kind="waltz"), replace(old, kind="waltz"))
    with pytest.raises(ValueError, match=r"there is no folder .*nowhere"):
        study_changes(tmp_path / "old", tmp_path / "nowhere")


def test_the_table_has_what_changed_alone(changes):
    old = _study(_arm("still", 1.0), _arm("moved", 1.0))
    new = _study(_arm("still", 1.1), _arm("moved", 2.0))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(changes_table(changes(old, new)))
    text = console.export_text()
    assert "moved" in text
    assert "still" not in text
    assert "1 of 2 estimates changed beyond noise" in text


def test_estimates_of_few_seeds_do_not_count_towards_what_chance_does(changes):
    few = [_arm(f"arm {n}", 1.0, noise=(-0.1, 0.1)) for n in range(20)]
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(changes_table(changes(_study(*few), _study(*few))))
    text = console.export_text()
    assert "0 of 20 estimates changed beyond noise; about 0 do by chance." in text
    assert "20 have too few values for an interval" in text


def _sweep(folder, *tables, **given):
    sweep_folder(folder, *tables, **given)
    return folder


def test_the_same_sweep_has_no_changes(tmp_path):
    sweep = _sweep(tmp_path / "a", outcomes(20), outcomes(0, part="grid"))
    found = study_changes(sweep, sweep)
    assert found.notes == []
    assert [(c.where, c.arm, c.name, c.beyond_noise) for c in found.changes] == [
        ("fresh", "SGDA", "share with every mode, ever", False),
        ("fresh", "SGDA", "share with every mode, at the end", False),
        ("fresh", "SGDA", "first recovery, median up to 10,000 steps", False),
        ("runs with paths", "nSGDA", "pace gap", False),
        ("runs with paths", "SGDA", "pace gap", False),
    ]
    assert found.changes[2].old == 100 * (1 + 15.5 / 32)  # between the 16th and the 17th of 32


@pytest.mark.parametrize(("hits", "beyond"), [(18, False), (32, True), (5, True)])
def test_a_share_must_move_further_than_seeds_do(hits, beyond, tmp_path):
    old, new = _sweep(tmp_path / "a", outcomes(20)), _sweep(tmp_path / "b", outcomes(hits))
    ever, end, *_ = study_changes(old, new).changes
    assert (ever.old, ever.new, ever.beyond_noise) == (20 / 32, hits / 32, beyond)
    assert ever.low < ever.new - ever.old < ever.high
    assert end.beyond_noise == beyond


@pytest.mark.parametrize(("first", "beyond"), [(102.0, False), (500.0, True)])
def test_a_median_must_too(first, beyond, tmp_path):
    old, new = _sweep(tmp_path / "a", outcomes(32)), _sweep(tmp_path / "b", outcomes(32, first=first))
    median = study_changes(old, new).changes[2]
    assert (median.new / median.old, median.beyond_noise) == (pytest.approx(first / 100), beyond)


def test_a_time_beyond_the_budget_is_the_budget(tmp_path):
    old, new = _sweep(tmp_path / "a", outcomes(0)), _sweep(tmp_path / "b", outcomes(0))
    median = study_changes(old, new).changes[2]
    assert (median.old, median.new, median.low, median.high) == (10_000, 10_000, 0, 0)


def test_times_count_up_to_the_shorter_budget(tmp_path):
    short = outcomes(32, first=3000.0).with_columns(steps=2000)
    old, new = _sweep(tmp_path / "a", outcomes(32, first=3000.0)), _sweep(tmp_path / "b", short)
    median = study_changes(old, new).changes[2]
    assert (median.name, median.old, median.new) == ("first recovery, median up to 2,000 steps", 2000, 2000)


def test_a_single_seed_of_a_sweep_shows_no_noise(tmp_path):
    old, new = (_sweep(tmp_path / name, outcomes(hits, 1)) for name, hits in (("a", 0), ("b", 1)))
    found = study_changes(old, new).changes[:3]
    assert [(c.old, c.new) for c in found] == [(0, 1), (0, 1), (10_000, 100)]
    assert not any(c.beyond_noise for c in found)


@pytest.mark.parametrize(("apart", "beyond"), [(1.0, False), (2.0, True)])
def test_a_pace_gap_too(apart, beyond, tmp_path):
    old = _sweep(tmp_path / "a", outcomes(9), apart=1.0)
    gap = study_changes(old, _sweep(tmp_path / "b", outcomes(9), apart=apart)).changes[-1]
    assert (gap.old, gap.new, gap.beyond_noise) == (pytest.approx(1.0), pytest.approx(apart), beyond)


@pytest.mark.parametrize(("exponent", "beyond"), [(1.05, False), (0.5, True)])
def test_an_exponent_too_and_dimensions_are_apart(exponent, beyond, tmp_path):
    def sweep(name, exponent):
        fit = Fit("sgda", exponent, exponent - 0.1, exponent + 0.1, [100, 1000])
        dimensions = [outcomes(9, d=d) for d in (100, 1000)]
        return _sweep(tmp_path / name, *dimensions, kind="scaling", fits=[fit])

    found = study_changes(sweep("a", 1.0), sweep("b", exponent)).changes
    assert [c.where for c in found] == ["d = 100"] * 2 + ["d = 1,000"] * 2 + ["over all d"]
    assert (found[-1].old, found[-1].new, found[-1].beyond_noise) == (1.0, exponent, beyond)


def test_a_sweeps_settings_verdicts_and_rates_are_said_in_words(tmp_path):
    def findings(*outcomes):
        pairs = zip(("C5: no", "C6: so"), outcomes, strict=False)
        return [Finding(claim, "d = 1,000", Verdict(outcome, "")) for claim, outcome in pairs]

    patient = outcomes(9, part="fresh patient")
    old = _sweep(tmp_path / "a", outcomes(9), patient, findings=findings("supported", "supported"))
    moved = outcomes(9, lr_d=1.0, diverged=2)
    new = _sweep(
        tmp_path / "b", moved, findings=findings("undecided"), settings={"seeds": 16}, name="theory-phase"
    )
    assert study_changes(old, new).notes == [
        "seeds: it was 8, it is 16.",
        "Finding C6: so (d = 1,000): only in the old study.",
        "C5: no (d = 1,000): the verdict was supported, it is undecided.",
        "Runs fresh patient, SGDA: only in the old study.",
        "fresh, SGDA: the learning rates were lr_d 0.1, lr_g 0.01, they are lr_d 1, lr_g 0.01.",
        "fresh, SGDA: 0 of 32 runs diverged, now 2 of 32.",
    ]
    edited = _sweep(
        tmp_path / "c", moved, findings=findings("undecided"), rule="If not.", settings={"seeds": 16}
    )
    assert study_changes(new, edited).notes[:1] == [
        "The wording of the protocol or of the verdict rule has changed."
    ]


def test_a_missing_table_is_named(tmp_path):
    sweep = _sweep(tmp_path / "a", outcomes(9))
    (sweep / "outcomes.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"outcomes\.parquet is damaged: give the sweep"):
        study_changes(sweep, sweep)
