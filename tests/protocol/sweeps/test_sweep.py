"""Sweeps do each chunk once, and their tables have the simulator's results."""

import json
import shutil
from dataclasses import replace
from itertools import cycle
from unittest.mock import ANY

import numpy as np
import polars as pl
import pytest
from tests.cases.strange_files import put
from tests.cases.studies import Here

from paripassu.protocol import run_study, summarise
from paripassu.protocol.sweeps import PhaseSweep, RunSweep, ScalingSweep, VarySweep
from paripassu.protocol.sweeps.batch import BatchUnit, read
from paripassu.protocol.sweeps.chunk import Chunk
from paripassu.protocol.sweeps.sweep import best_rates, half_decades
from paripassu.records import STUDY_FILE, StudyResult
from paripassu.records.codec import dump, load
from paripassu.report.study import write_study_page
from paripassu.studies import custom
from paripassu.theory import Framework, simulate

SMALL = Framework(d=100, n_discriminator=6, n_generator=4)
TINY = PhaseSweep(SMALL, lr_d=(0.1, 1e200), lr_g=(0.01,), seeds=2, fresh_seeds=2, steps=400, patience=2)


def _run(sweep, folder, make=None, **more):
    make = make or {"phase": custom.phase, "run": custom.run}[sweep.kind]
    return run_study(make(sweep), custom.SCALE, folder, engine=Here(), **more)


def test_a_chunk_has_the_results_of_the_simulator(tmp_path):
    chunk = Chunk("grid", SMALL, "nsgda", ((0.1, 0.01), (0.3, 0.03)), (3, 4), 1500, paths=True)
    BatchUnit(chunk, tmp_path).carry_out()
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


def test_outcomes_separate_the_best_from_the_end(tmp_path):
    """m_G = 4 with large steps: modes come and go."""
    chunk = Chunk("grid", SMALL, "nsgda", ((0.3, 0.1),), tuple(range(8)), 3000)
    gone = Chunk("grid", SMALL, "sgda", ((1e200, 0.01),), (0,), 50)
    for one in (chunk, gone):
        BatchUnit(one, tmp_path).carry_out()
    outcomes = read([chunk], tmp_path, "outcomes")
    ever = outcomes["first_recovery"].is_finite()
    assert (outcomes["ever"] == "all").to_list() == ever.to_list()
    assert ever.any()
    assert (outcomes["end"] != outcomes["ever"]).any()
    lost = read([gone], tmp_path, "outcomes").row(0, named=True)
    assert (lost["ever"], lost["end"]) == ("diverged", "diverged")
    assert lost["diverged_at"] < 50


def test_a_stopped_sweep_resumes_without_repeating_chunks(tmp_path):
    _run(TINY, tmp_path)
    whole = {p.name: p.read_bytes() for p in (tmp_path / "chunks").iterdir()}
    outcomes = pl.read_parquet(tmp_path / "outcomes.parquet")
    missing = sorted(whole)[0]
    (tmp_path / "chunks" / missing).unlink()
    kept = tmp_path / "chunks" / next(name for name in whole if name[:16] != missing[:16])
    before = kept.stat().st_mtime_ns
    result = _run(TINY, tmp_path)
    assert kept.stat().st_mtime_ns == before
    assert (tmp_path / "chunks" / missing).read_bytes() == whole[missing]
    assert pl.read_parquet(tmp_path / "outcomes.parquet").equals(outcomes)
    assert result.finished
    assert {finding.claim[:2] for finding in result.findings} == {"C4", "C5", "C6"}


def _flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _swap(path, suffix):
    """Take the place of another chunk's file of the same kind, which has the same schema."""
    other = next(p for p in sorted(path.parent.glob(f"*{suffix}")) if p != path)
    path.write_bytes(other.read_bytes())


DAMAGE = {
    "flipped": _flip,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "emptied": lambda path: path.write_bytes(b""),
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "deleted": lambda path: path.unlink(),
    "other JSON": lambda path: path.write_text("[[]]"),
    "null": lambda path: path.write_text("null"),
    "nested": lambda path: path.write_text("[" * 100_000),
    "a pipe": lambda path: put("a named pipe", path),
}


@pytest.fixture(scope="module")
def done_sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    return folder, _run(TINY, folder)


@pytest.mark.parametrize(
    ("how", "suffix"),
    [
        *zip(DAMAGE, cycle(["-outcomes.parquet", ".json", "-paths.parquet", ".json"]), strict=False),
        ("swapped", "-outcomes.parquet"),
        ("swapped", ".json"),
    ],
)
def test_a_damaged_chunk_is_named_and_computed_again(how, suffix, done_sweep, tmp_path):
    made, result = done_sweep
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    path = sorted((tmp_path / "chunks").glob(f"*{suffix}"))[0]
    _swap(path, suffix) if how == "swapped" else DAMAGE[how](path)
    with pytest.raises(ValueError, match=rf"1 units are missing or damaged, \S+{path.name[:16]}\.json among"):
        summarise(custom.phase(TINY), custom.SCALE, tmp_path)
    said = []
    assert _run(TINY, tmp_path, notice=said.append) == replace(result, environment=ANY)
    assert [text for text in said if str(path) in text and "computed again" in text] == said != []
    files = [p.relative_to(made) for p in sorted(made.rglob("*.parquet"))]
    assert all((tmp_path / file).read_bytes() == (made / file).read_bytes() for file in files)


def test_a_chunk_lost_while_the_sweep_is_judged_is_an_error(done_sweep, tmp_path):
    shutil.copytree(done_sweep[0], tmp_path, dirs_exist_ok=True)
    next((tmp_path / "chunks").iterdir()).unlink()
    with pytest.raises(OSError, match="just there cannot be read"):
        custom.phase(TINY).scale(custom.SCALE).design.judge("", tmp_path)


@pytest.mark.parametrize(
    ("how", "name"),
    [
        *zip(DAMAGE, cycle(["outcomes.parquet", "tables.json", "paths.parquet"]), strict=False),
        ("swapped", "outcomes.parquet"),
    ],
)
def test_damaged_tables_are_named_and_made_again(how, name, done_sweep, tmp_path):
    made, result = done_sweep
    shutil.copytree(made, tmp_path / "sweep")
    path = tmp_path / "sweep" / name
    if how == "swapped":
        other = _run(replace(TINY, steps=300), tmp_path / "other")
        assert other.settings != result.settings
        path.write_bytes((tmp_path / "other" / name).read_bytes())
    else:
        DAMAGE[how](path)
    with pytest.raises(ValueError, match=f"{name} is .*: give the sweep's command again"):
        write_study_page(tmp_path / "sweep")
    assert _run(TINY, tmp_path / "sweep") == replace(result, environment=ANY)
    assert path.read_bytes() == (made / name).read_bytes()
    write_study_page(tmp_path / "sweep")


def test_tables_of_another_sweep_are_not_shown(done_sweep, tmp_path):
    """All of them, with their index: each is whole."""
    made, _ = done_sweep
    _run(replace(TINY, steps=300), tmp_path)
    (tmp_path / STUDY_FILE).write_bytes((made / STUDY_FILE).read_bytes())
    with pytest.raises(ValueError, match=r"tables\.json is of other tables"):
        write_study_page(tmp_path)


@pytest.mark.parametrize(
    ("change", "match"),
    [({"steps": 500}, "steps is 400 there and 500 here"), ({"seeds": 3}, "seeds is 2 there and 3 here")],
)
def test_a_folder_of_other_settings_is_refused(change, match, tmp_path):
    _run(TINY, tmp_path)
    with pytest.raises(ValueError, match=match):
        _run(replace(TINY, **change), tmp_path)


def test_a_folder_of_another_framework_is_refused(tmp_path):
    _run(RunSweep(SMALL, seeds=1, steps=5), tmp_path)
    with pytest.raises(ValueError, match=r"gamma is 0\.1 there and 0.2 here"):
        _run(RunSweep(replace(SMALL, gamma=0.2), seeds=1, steps=5), tmp_path)
    with pytest.raises(ValueError, match="holds the study theory-run at scale custom"):
        _run(TINY, tmp_path)


def test_a_summary_is_made_from_the_chunks(tmp_path):
    study, made = custom.phase(TINY), _run(TINY, tmp_path)
    (tmp_path / STUDY_FILE).write_text(dump(replace(made, findings=[])))
    (tmp_path / "outcomes.parquet").unlink()
    assert summarise(study, custom.SCALE, tmp_path) == made
    assert load(tmp_path / STUDY_FILE, StudyResult) == made
    assert (tmp_path / "outcomes.parquet").is_file()
    next((tmp_path / "chunks").iterdir()).unlink()
    with pytest.raises(ValueError, match="is not finished"):
        summarise(study, custom.SCALE, tmp_path)


def test_a_sweep_takes_no_data_and_no_gpu():
    study = custom.phase(TINY)
    with pytest.raises(ValueError, match="takes no data by path: leave out cifar10"):
        study.on_data({"cifar10": "there"})
    with pytest.raises(ValueError, match="does not use a GPU"):
        study.on_device("cuda")


@pytest.mark.parametrize("sweep", [TINY, RunSweep(SMALL, seeds=9, steps=7)])
def test_progress_ends_at_the_announced_steps(sweep, tmp_path):
    done = []
    _run(sweep, tmp_path, progress=lambda *now: done.append(now))
    assert done[-1] == (sweep.run_steps, sweep.run_steps)
    assert done == sorted(done)


def test_announced_steps_are_those_of_all_stages():
    for sweep in (RunSweep(SMALL), VarySweep(Framework())):
        assert sweep.run_steps == sum(chunk.run_steps for chunk in sweep.stages()[0](pl.DataFrame()))
    scaling = ScalingSweep(SMALL)
    confirmed = len(scaling.methods) * len(scaling.dimensions) * scaling.fresh_seeds * scaling.steps
    first = sum(chunk.run_steps for chunk in scaling.stages()[0](pl.DataFrame()))
    assert scaling.run_steps == first + confirmed


def test_the_best_pair_recovers_most_then_keeps_most_then_soonest():
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


def test_grids_are_half_decades():
    assert half_decades(0.01, 1) == (0.01, 0.032, 0.1, 0.32, 1.0)
    assert len(half_decades(1e-3, 1e6)) == 19


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: PhaseSweep(SMALL, lr_d=()), "lr_d is an empty grid"),
        (lambda: PhaseSweep(SMALL, lr_g=(0.1, float("nan"))), "lr_g must be finite"),
        (lambda: PhaseSweep(SMALL, methods=()), "at least one"),
        (lambda: PhaseSweep(SMALL, methods=("adam",)), "one of nsgda, sgda"),
        (lambda: PhaseSweep(SMALL, methods=("sgda", "sgda")), "once"),
        (lambda: PhaseSweep(SMALL, patience=0), "patience"),
        (lambda: PhaseSweep(SMALL, steps=2.5), "steps must be a whole number, got 2.5"),
        (lambda: PhaseSweep(SMALL, seeds=True), "seeds must be a whole number, got True"),
        (lambda: ScalingSweep(SMALL, dimensions=()), "at least one dimension"),
        (lambda: ScalingSweep(SMALL, dimensions=(5,)), "d must be at least"),
        (lambda: RunSweep(SMALL, methods=("adam",), momentum=0.5), "leave out momentum"),
        (lambda: RunSweep(SMALL, pace=1.0, lr_g=0.1), "leave out lr_g, got 0.1"),
        (lambda: RunSweep(SMALL, pace=0.0), "a pace must be"),
        (lambda: RunSweep(SMALL, methods=("shares",), trainable=True), "leave out trainable"),
        (lambda: RunSweep(SMALL, seeds=0), "seeds"),
        (lambda: VarySweep(SMALL, lr_d=-1.0), "lr_d"),
    ],
)
def test_impossible_sweeps_are_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_settings_are_plain_json(tmp_path):
    _run(RunSweep(SMALL, ("adam", "nsgda"), seeds=1, steps=5), tmp_path)
    settings = json.loads((tmp_path / STUDY_FILE).read_text())["settings"]
    assert settings["methods"] == ["adam", "nsgda"]
    assert set(pl.read_parquet(tmp_path / "paths.parquet")["method"]) == {"adam", "nsgda"}
