"""The protocol's promises: equal grids, separate seeds, divergence as the worst, verdicts by the rule."""

import math
from dataclasses import replace

import pytest
from tests.studies.tiny import tiny_study, tiny_verdict

from paripassu import studies
from paripassu.engine import LocalEngine
from paripassu.records import Losses, Record, Verdict
from paripassu.studies import conduct, recovery
from paripassu.studies.protocol import FIRST_CONFIRMATION_SEED, Evidence, grid


def test_grids_are_half_a_decade_apart_around_the_centre():
    assert grid(1e-3, 5) == [1e-4, 3.2e-4, 1e-3, 3.2e-3, 1e-2]
    assert grid(0.03, 1) == [0.03]


def test_a_study_from_tuning_to_result(tmp_path):
    study = tiny_study({"wild": 1e35, "calm": 1e-2})
    done = []
    result = studies.run_study(
        study, "smoke", tmp_path / "s", command="", engine=LocalEngine(2), progress=done.append
    )
    assert done[-1] == studies.total_steps(study, "smoke") == 2 * 4 * (3 * 2 + 3)
    assert set(result.tuning_seeds) == {0, 1}
    assert result.confirmation_seeds == [FIRST_CONFIRMATION_SEED + i for i in range(3)]
    (dataset,) = result.datasets
    wild, calm = dataset.arms
    assert wild.diverged == 3
    assert wild.estimates["mode-overlap@50"].values == [0.0] * 3  # the worst that any run showed
    assert [rate.diverged for rate in wild.grid] == [2, 2, 2]
    assert calm.diverged == 0
    for arm in dataset.arms:
        assert len(arm.grid) == 3
        best = max(arm.grid, key=lambda rate: rate.estimate.mean)
        assert arm.lr == best.lr or arm is wild
        assert arm.on_edge == (arm.lr != arm.grid[1].lr)
        assert len(arm.runs) == 3
        assert all((tmp_path / "s" / run / "records.jsonl").is_file() for run in arm.runs)
    assert dataset.verdict.reason == "calm wild"


def test_a_second_call_runs_nothing_and_says_the_same(tmp_path):
    study = tiny_study({"wild": 1e-2, "calm": 1e-2})
    first = studies.run_study(study, "smoke", tmp_path / "s", command="a", engine=LocalEngine(2))
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "s").rglob("*.safetensors")}
    again = studies.run_study(study, "smoke", tmp_path / "s", command="b", engine=LocalEngine(2))
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "s").rglob("*.safetensors")} == stamps
    assert again.datasets == first.datasets
    assert studies.summarise(study, "smoke", tmp_path / "s").datasets == first.datasets


def test_a_scale_without_tuning_takes_the_chosen_rates(tmp_path):
    study = tiny_study({"wild": 1e-2, "calm": 1e-2})
    result = studies.run_study(study, "untuned", tmp_path / "s", command="", engine=LocalEngine(1))
    assert [(arm.lr, arm.grid, arm.on_edge) for arm in result.datasets[0].arms] == [(1e-3, [], False)] * 2
    assert result.tuning_seeds == []


def test_folders_of_others_are_not_touched(tmp_path):
    study = tiny_study({"wild": 1e-2, "calm": 1e-2})
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(ValueError, match="no study"):
        studies.run_study(study, "smoke", tmp_path, command="")
    studies.run_study(study, "untuned", tmp_path / "s", command="", engine=LocalEngine(1))
    with pytest.raises(ValueError, match="holds the study tiny at scale untuned"):
        studies.run_study(study, "smoke", tmp_path / "s", command="")


def test_an_unfinished_study_has_no_result(tmp_path):
    study = tiny_study({"wild": 1e-2, "calm": 1e-2})
    studies.run_study(study, "untuned", tmp_path / "s", command="", engine=LocalEngine(1))
    records = next((tmp_path / "s").rglob("records.jsonl"))
    lines = records.read_text().splitlines(keepends=True)
    records.write_text("".join(lines[:-1]))
    conduct._finals.cache_clear()
    with pytest.raises(RuntimeError, match="has not ended"):
        studies.summarise(study, "untuned", tmp_path / "s")


def test_measures_come_from_the_records_and_reach_the_verdict(tmp_path):
    """The arm that diverges has the largest value any other has, whatever it showed before."""
    seen: list[Evidence] = []

    def verdict(evidence: Evidence) -> Verdict:
        seen.append(evidence)
        return replace(tiny_verdict(evidence), outcome="supported")

    def last(records: list[Record]) -> float:
        return max(r.generator for r in records if isinstance(r, Losses))

    measures = {"loss": last, "nothing": lambda _: math.nan}
    study = tiny_study({"wild": 1e35, "calm": 1e-2}, verdict=verdict, measures=measures)
    smoke = replace(study.scales["smoke"], decides=False)
    study = replace(study, scales={"smoke": smoke})
    (dataset,) = studies.run_study(study, "smoke", tmp_path / "s", command="", engine=LocalEngine(2)).datasets
    assert dataset.verdict == Verdict("undecided", "Runs of this size decide nothing. calm wild")
    assert dataset.measures == ["loss", "nothing"]
    wild, calm = dataset.arms
    assert len(set(calm.estimates["loss"].values)) == 3
    assert wild.estimates["loss"].values == [max(calm.estimates["loss"].values)] * 3
    assert math.isnan(calm.estimates["nothing"].mean)
    assert seen[0].estimates["loss"]["calm"] == calm.estimates["loss"].values
    assert seen[0].estimates["mode-overlap@50"] == seen[0].goodness


def test_the_plan_lists_every_run():
    study = tiny_study({"wild": 1e-2, "calm": 1e-2})
    assert len(studies.plan(study, "smoke")) == 2 * (3 * 2 + 3)
    assert sum("confirm" in line for line in studies.plan(study, "smoke")) == 6


def test_every_study_is_found_and_whole():
    found = studies.find()
    assert "grafting" in found
    for name, study in found.items():
        assert study.name == name
        if isinstance(study, studies.SweepStudy):
            assert study.scales.keys() == {"smoke", "small", "paper"}
            continue
        assert not study.scales["smoke"].decides
        assert study.scales["small"].decides
        for dataset in study.datasets:
            arms = {arm.name for arm in study.arms}
            assert arms <= dataset.centres.keys()
            assert arms <= dataset.chosen.keys()
            assert not math.isnan(sum(dataset.centres.values()))


def test_a_study_on_data_by_path(tmp_path):
    study = replace(
        tiny_study({"wild": 1e-2, "calm": 1e-2}),
        by_path={
            "files": lambda path: replace(
                tiny_study({"wild": 1e-2, "calm": 1e-2}).datasets[0], setting=str(path)
            )
        },
    )
    assert [d.setting for d in study.on({"files": tmp_path}).datasets] == [str(tmp_path)]
    assert study.on({}) is study
    with pytest.raises(ValueError, match="the study tiny knows no data 'flies': it takes files"):
        study.on({"flies": tmp_path})
    with pytest.raises(ValueError, match="takes no data by path"):
        tiny_study({"wild": 1e-2, "calm": 1e-2}).on({"files": tmp_path})


def test_recovery_names_steps_for_all_its_data_at_every_scale():
    study = recovery.STUDY
    names = {dataset.name for dataset in study.datasets} | study.by_path.keys()
    assert all(scale.steps.keys() == names for scale in study.scales.values())
