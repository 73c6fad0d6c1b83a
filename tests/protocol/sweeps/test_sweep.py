"""Sweeps do each chunk once, wherever they stopped, and their tables say what the simulator says."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from paripassu.protocol.study import CUT_ALL, REWORDED
from paripassu.protocol.sweeps.chunk import Chunk, Task, carry_out, read
from paripassu.protocol.sweeps.runner import key, run_sweep, summarise_sweep
from paripassu.protocol.sweeps.sweep import (
    PhaseSweep,
    RunSweep,
    ScalingSweep,
    VarySweep,
    best_rates,
    half_decades,
)
from paripassu.records import Purpose, SweepResult
from paripassu.records.codec import dump, load
from paripassu.studies import find
from paripassu.theory import Framework, simulate


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    """Processes of their own are the engine's tests' and the commands'."""
    here = lambda _, function, tasks: ((task, function(task)) for task in tasks)  # noqa: E731
    monkeypatch.setattr("paripassu.engine.LocalEngine.execute", here)


SMALL = Framework(d=100, n_discriminator=6, n_generator=4)
TINY = PhaseSweep(SMALL, lr_d=(0.1, 1e200), lr_g=(0.01,), seeds=2, fresh_seeds=2, steps=400, patience=2)


def test_a_chunk_says_what_the_simulator_says(tmp_path):
    chunk = Chunk("grid", SMALL, "nsgda", ((0.1, 0.01), (0.3, 0.03)), (3, 4), 1500, paths=True)
    carry_out(Task(chunk, tmp_path))
    outcomes = read([chunk], tmp_path, "outcomes")
    lr_d, lr_g = np.array(chunk.rates).T[:, :, None]
    result = simulate(SMALL, "nsgda", lr_d=lr_d, lr_g=lr_g, seeds=[3, 4], steps=1500)
    assert outcomes["lr_d"].to_list() == result.lr_d.tolist()
    assert outcomes["seed"].to_list() == [3, 4, 3, 4]
    recovered = result.recovered[:, -1].all(axis=1)
    assert [end == "all" for end in outcomes["end"]] == recovered.tolist()
    paths = read([chunk], tmp_path, "paths")
    last = paths.filter(pl.col("step") == 1500)
    assert last["norm_v"].to_list() == pytest.approx(result.norm_v[:, -1].tolist())
    neurons = read([chunk], tmp_path, "neurons").filter(
        (pl.col("step") == 1500) & (pl.col("player") == "generator")
    )
    assert neurons["mode_2"].to_list() == pytest.approx(result.cosines[:, -1, :, 1].ravel().tolist())


def test_the_best_that_was_seen_and_the_end_are_told_apart(tmp_path):
    """m_G = 4 with large steps: modes come and go."""
    chunk = Chunk("grid", SMALL, "nsgda", ((0.3, 0.1),), tuple(range(8)), 3000)
    gone = Chunk("grid", SMALL, "sgda", ((1e200, 0.01),), (0,), 50)
    for one in (chunk, gone):
        carry_out(Task(one, tmp_path))
    outcomes = read([chunk], tmp_path, "outcomes")
    ever = outcomes["first_recovery"].is_finite()
    assert (outcomes["ever"] == "all").to_list() == ever.to_list()
    assert ever.any()
    assert (outcomes["end"] != outcomes["ever"]).any()
    lost = read([gone], tmp_path, "outcomes").row(0, named=True)
    assert (lost["ever"], lost["end"]) == ("diverged", "diverged")
    assert lost["diverged_at"] < 50


def test_a_stopped_sweep_goes_on_and_a_finished_one_stays(tmp_path):
    run_sweep(TINY, tmp_path, command="first")
    whole = {p.name: p.read_bytes() for p in (tmp_path / "chunks").iterdir()}
    outcomes = pl.read_parquet(tmp_path / "outcomes.parquet")
    missing = sorted(whole)[0]
    (tmp_path / "chunks" / missing).unlink()
    kept = tmp_path / "chunks" / next(name for name in whole if name[:16] != missing[:16])
    before = kept.stat().st_mtime_ns
    result = run_sweep(TINY, tmp_path, command="again")
    assert kept.stat().st_mtime_ns == before
    assert (tmp_path / "chunks" / missing).read_bytes() == whole[missing]
    assert pl.read_parquet(tmp_path / "outcomes.parquet").equals(outcomes)
    assert result.finished
    assert {claim.claim[:2] for claim in result.claims} == {"C4", "C5", "C6"}


def test_another_sweeps_folder_is_refused(tmp_path):
    (tmp_path / "sweep.json").parent.mkdir(exist_ok=True)
    run_sweep(RunSweep(SMALL, seeds=1, steps=5), tmp_path / "a", command="")
    with pytest.raises(ValueError, match="steps is 5 there and 6 here"):
        run_sweep(RunSweep(SMALL, seeds=1, steps=6), tmp_path / "a", command="")
    with pytest.raises(ValueError, match=r"gamma is 0\.1 there and 0.2 here"):
        run_sweep(RunSweep(replace(SMALL, gamma=0.2), seeds=1, steps=5), tmp_path / "a", command="")
    with pytest.raises(ValueError, match="a run there, a phase here"):
        run_sweep(TINY, tmp_path / "a", command="")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="no sweep"):
        run_sweep(TINY, tmp_path / "b", command="")


CLAIM = Purpose(claim="C4: it is.", rule="Supported if it is.")


def test_a_folder_of_before_purposes_were_kept_goes_on_and_says_so(tmp_path):
    run_sweep(TINY, tmp_path, command="")
    kept = json.loads((tmp_path / "sweep.json").read_text())
    del kept["purpose"], kept["remarks"]
    (tmp_path / "sweep.json").write_text(json.dumps(kept))
    (remark,) = run_sweep(TINY, tmp_path, command="", purpose=CLAIM).remarks
    assert "begun before" in remark
    result = run_sweep(TINY, tmp_path, command="", purpose=CLAIM)
    assert (result.purpose, result.remarks) == (CLAIM, [remark])


def test_an_edited_rule_is_told_from_then_on(tmp_path):
    assert run_sweep(TINY, tmp_path, command="", purpose=CLAIM).remarks == []
    assert run_sweep(TINY, tmp_path, command="", purpose=replace(CLAIM, cut=["Much."])).remarks == []
    edited = replace(CLAIM, rule="Supported if it is not.")
    assert run_sweep(TINY, tmp_path, command="", purpose=edited).remarks == [REWORDED]
    assert run_sweep(TINY, tmp_path, command="", purpose=edited).remarks == [REWORDED]


def test_a_summary_is_made_from_the_runs_and_not_from_what_was_said_of_them(tmp_path):
    made = run_sweep(TINY, tmp_path, command="first", purpose=CLAIM)
    (tmp_path / "sweep.json").write_text(dump(replace(made, claims=[])))
    (tmp_path / "outcomes.parquet").unlink()
    again = summarise_sweep(TINY, tmp_path, CLAIM)
    assert again == made
    assert load(tmp_path / "sweep.json", SweepResult) == made
    assert (tmp_path / "outcomes.parquet").is_file()
    next((tmp_path / "chunks").iterdir()).unlink()
    with pytest.raises(ValueError, match="is not finished"):
        summarise_sweep(TINY, tmp_path, CLAIM)
    with pytest.raises(ValueError, match="steps is 400 there and 500 here"):
        summarise_sweep(replace(TINY, steps=500), tmp_path, CLAIM)


def test_runs_that_are_too_short_decide_nothing(tmp_path):
    result = run_sweep(TINY, tmp_path, command="", purpose=replace(CLAIM, decides=False))
    assert {claim.verdict.outcome for claim in result.claims} == {"undecided"}
    assert all(claim.verdict.reason.startswith("Runs of this size") for claim in result.claims)


def test_every_study_says_what_it_tests_and_how_it_decides():
    for study in find().values():
        assert study.claim.endswith(".")
        assert all(word in study.rule.lower() for word in ("supported", "contradicted", "undecided"))
        smoke = study.scales["smoke"]
        assert (smoke.cut, smoke.decides) == ((CUT_ALL,), False)


@pytest.mark.parametrize("sweep", [TINY, RunSweep(SMALL, seeds=9, steps=7)])
def test_progress_ends_at_what_was_announced(sweep, tmp_path):
    told = []
    run_sweep(sweep, tmp_path, command="", progress=told.append)
    assert told[-1] == sweep.run_steps
    assert told == sorted(told)


def test_the_announced_work_of_all_defaults_is_that_of_their_stages():
    for sweep in (RunSweep(SMALL), VarySweep(Framework())):
        assert sweep.run_steps == sum(chunk.run_steps for chunk in sweep.stages()[0](pl.DataFrame()))
    scaling = ScalingSweep(SMALL)
    confirmed = len(scaling.methods) * len(scaling.dimensions) * scaling.fresh_seeds * scaling.steps
    first = sum(chunk.run_steps for chunk in scaling.stages()[0](pl.DataFrame()))
    assert scaling.run_steps == first + confirmed


def test_the_best_pair_recovers_most_then_keeps_most_then_is_soonest():
    rows = [
        # lr_d, ever, end, first
        (0.1, "all", "some", 10.0), (0.1, "some", "some", np.inf),
        (0.2, "all", "some", 50.0), (0.2, "all", "some", 50.0),
        (0.3, "all", "all", 90.0), (0.3, "all", "some", 90.0),
        (0.4, "all", "all", 80.0), (0.4, "all", "some", 80.0),
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema=["lr_d", "ever", "end", "first_recovery"], orient="row").with_columns(
        lr_g=0.5, method=pl.lit("sgda"), part=pl.lit("grid"), steps=100
    )
    assert best_rates(frame, "sgda", "grid") == (0.4, 0.5)


def test_keys_tell_sweeps_apart_and_grids_are_half_decades():
    assert key(TINY) == key(replace(TINY))
    assert key(TINY) != key(replace(TINY, seeds=3))
    assert half_decades(0.01, 1) == (0.01, 0.032, 0.1, 0.32, 1.0)
    assert len(half_decades(1e-3, 1e6)) == 19


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: PhaseSweep(SMALL, lr_d=()), "lr_d is an empty grid"),
        (lambda: PhaseSweep(SMALL, lr_g=(0.1, float("nan"))), "lr_g must be finite"),
        (lambda: PhaseSweep(SMALL, methods=()), "at least one"),
        (lambda: PhaseSweep(SMALL, methods=("adam",)), "one of nsgda, sgda"),
        (lambda: PhaseSweep(SMALL, methods=("sgda", "sgda")), "once"),
        (lambda: PhaseSweep(SMALL, patience=0), "patience"),
        (lambda: ScalingSweep(SMALL, dimensions=()), "at least one dimension"),
        (lambda: ScalingSweep(SMALL, dimensions=(5,)), "d must be at least"),
        (lambda: RunSweep(SMALL, methods=("adam",), options={"momentum": 0.5}), "leave out momentum"),
        (lambda: RunSweep(SMALL, seeds=0), "seeds"),
        (lambda: VarySweep(SMALL, lr_d=-1.0), "lr_d"),
    ],
)
def test_impossible_sweeps_are_told(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_sweep_files_hold_no_more_than_json(tmp_path):
    run_sweep(RunSweep(SMALL, ("adam", "nsgda"), seeds=1, steps=5), tmp_path, command="")
    held = json.loads((tmp_path / "sweep.json").read_text())
    assert held["settings"]["methods"] == ["adam", "nsgda"]
    assert set(pl.read_parquet(tmp_path / "paths.parquet")["method"]) == {"adam", "nsgda"}
