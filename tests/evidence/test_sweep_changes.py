"""Of two sweeps, what changed is told where it is beyond what seeds explain."""

import math
from dataclasses import asdict, replace

import polars as pl
import pytest
from tests.cases.folders import WHERE

from paripassu.evidence.sweep_changes import sweep_changes
from paripassu.records import ClaimVerdict, Fit, Purpose, SweepResult, Verdict
from paripassu.records.codec import dump
from paripassu.theory import Framework

RULED = Purpose("phases", "small", "Is it?", "C5: no.", "If so.")


def _outcomes(hits, runs=32, *, part="fresh", d=1000, lr_d=0.1, first=100.0, diverged=0):
    ever = ["all"] * hits + ["some"] * (runs - hits)
    return pl.DataFrame(
        {
            "part": part,
            "method": "sgda",
            "d": d,
            "steps": 10_000,
            "lr_d": lr_d,
            "lr_g": 0.01,
            "seed": range(runs),
            "ever": ever,
            "end": ["diverged"] * diverged + ever[diverged:],
            # Spread, as seeds are.
            "first_recovery": [first * (1 + n / runs) for n in range(hits)] + [math.inf] * (runs - hits),
        }
    )


def _sweep(folder, *outcomes, kind="phase", claims=(), fits=(), purpose=RULED, apart=None, **settings):
    given = {"framework": asdict(Framework(d=1000)), "seeds": 8} | settings
    folder.mkdir()
    result = SweepResult(kind, given, True, list(claims), list(fits), WHERE, purpose)
    (folder / "sweep.json").write_text(dump(result))
    pl.concat(outcomes).write_parquet(folder / "outcomes.parquet")
    if apart is not None:
        paths = {"method": "sgda", "seed": range(6), "pace_d": [10.0**apart] * 6, "pace_g": 1.0}
        pl.DataFrame(paths).write_parquet(folder / "paths.parquet")
    return folder


def test_the_same_sweep_has_no_changes(tmp_path):
    sweep = _sweep(tmp_path / "a", _outcomes(20), _outcomes(0, part="grid"), apart=1.0)
    changes = sweep_changes(sweep, sweep)
    assert changes.notes == []
    assert [(c.dataset, c.arm, c.name, c.beyond_noise) for c in changes.changes] == [
        ("fresh", "SGDA", "share with every mode, ever", False),
        ("fresh", "SGDA", "share with every mode, at the end", False),
        ("fresh", "SGDA", "first recovery, median up to 10,000 steps", False),
        ("runs with paths", "SGDA", "pace gap", False),
    ]
    assert changes.changes[2].old == 100 * (1 + 15.5 / 32)  # between the 16th and the 17th of 32
    assert changes.old.startswith("phases, small, 2026-01-01")


@pytest.mark.parametrize(("hits", "beyond"), [(18, False), (32, True), (5, True)])
def test_a_share_must_move_further_than_seeds_do(hits, beyond, tmp_path):
    old, new = _sweep(tmp_path / "a", _outcomes(20)), _sweep(tmp_path / "b", _outcomes(hits))
    ever, end, _ = sweep_changes(old, new).changes
    assert (ever.old, ever.new, ever.beyond_noise) == (20 / 32, hits / 32, beyond)
    assert ever.low < ever.new - ever.old < ever.high
    assert end.beyond_noise == beyond


@pytest.mark.parametrize(("first", "beyond"), [(102.0, False), (500.0, True)])
def test_a_median_must_too(first, beyond, tmp_path):
    old, new = _sweep(tmp_path / "a", _outcomes(32)), _sweep(tmp_path / "b", _outcomes(32, first=first))
    median = sweep_changes(old, new).changes[2]
    assert (median.new / median.old, median.beyond_noise) == (pytest.approx(first / 100), beyond)


def test_a_time_beyond_the_budget_is_the_budget(tmp_path):
    old, new = _sweep(tmp_path / "a", _outcomes(0)), _sweep(tmp_path / "b", _outcomes(0))
    median = sweep_changes(old, new).changes[2]
    assert (median.old, median.new, median.low, median.high) == (10_000, 10_000, 0, 0)


def test_a_single_seed_shows_no_noise_to_be_beyond(tmp_path):
    old, new = (_sweep(tmp_path / name, _outcomes(hits, 1)) for name, hits in (("a", 0), ("b", 1)))
    changes = sweep_changes(old, new).changes
    assert [(c.old, c.new) for c in changes] == [(0, 1), (0, 1), (10_000, 100)]
    assert not any(c.beyond_noise for c in changes)


@pytest.mark.parametrize(("apart", "beyond"), [(1.0, False), (2.0, True)])
def test_a_pace_gap_too(apart, beyond, tmp_path):
    old = _sweep(tmp_path / "a", _outcomes(9), apart=1.0)
    gap = sweep_changes(old, _sweep(tmp_path / "b", _outcomes(9), apart=apart)).changes[-1]
    assert (gap.old, gap.new, gap.beyond_noise) == (pytest.approx(1.0), pytest.approx(apart), beyond)


@pytest.mark.parametrize(("exponent", "beyond"), [(1.05, False), (0.5, True)])
def test_an_exponent_too_and_dimensions_stand_apart(exponent, beyond, tmp_path):
    def sweep(name, exponent):
        fit = Fit("sgda", exponent, exponent - 0.1, exponent + 0.1, [100, 1000])
        dimensions = [_outcomes(9, d=d) for d in (100, 1000)]
        return _sweep(tmp_path / name, *dimensions, kind="scaling", fits=[fit])

    changes = sweep_changes(sweep("a", 1.0), sweep("b", exponent)).changes
    assert [c.dataset for c in changes] == ["d = 100"] * 2 + ["d = 1,000"] * 2 + ["over all d"]
    assert (changes[-1].old, changes[-1].new, changes[-1].beyond_noise) == (1.0, exponent, beyond)


def test_what_is_not_a_number_is_said_in_words(tmp_path):
    claims = [ClaimVerdict(claim, Verdict("supported", "")) for claim in ("C5: no", "C6: so")]
    old = _sweep(tmp_path / "a", _outcomes(9), _outcomes(9, part="fresh patient"), claims=claims)
    undecided = [ClaimVerdict("C5: no", Verdict("undecided", ""))]
    moved = _outcomes(9, lr_d=1.0, diverged=2)
    edited = replace(RULED, rule="If not.")
    new = _sweep(tmp_path / "b", moved, claims=undecided, purpose=edited, seeds=16)
    assert sweep_changes(old, new).notes == [
        "seeds then 8, now 16.",
        "The verdict rule reads otherwise.",
        "Claim C6: so is there no more.",
        "C5: no: the verdict was supported, it is undecided.",
        "Setting fresh patient, SGDA is there no more.",
        "fresh, SGDA: the rates were lr_d 0.1, lr_g 0.01, they are lr_d 1, lr_g 0.01.",
        "fresh, SGDA: 0 of 32 runs diverged, now 2 of 32.",
    ]
    unruled = _sweep(tmp_path / "c", _outcomes(9), claims=undecided, purpose=Purpose(), seeds=16)
    (note, _) = sweep_changes(unruled, new).notes[:2]
    assert note == "Not both folders kept their verdict rule, which may read otherwise."


def test_what_cannot_be_compared_is_refused(tmp_path):
    phase = _sweep(tmp_path / "a", _outcomes(9))
    with pytest.raises(ValueError, match="a phase and a run are different sweeps"):
        sweep_changes(phase, _sweep(tmp_path / "b", _outcomes(9), kind="run"))
    with pytest.raises(ValueError, match="nowhere holds no sweep"):
        sweep_changes(phase, tmp_path / "nowhere")
    result = SweepResult("phase", {}, False, [], [], WHERE)
    (tmp_path / "b" / "sweep.json").write_text(dump(result))
    with pytest.raises(ValueError, match="b is not finished"):
        sweep_changes(phase, tmp_path / "b")
