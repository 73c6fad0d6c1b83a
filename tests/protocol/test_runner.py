"""The protocol's promises: equal grids, separate seeds, divergence as the worst, verdicts by the rule."""

import math
import os
import struct
from contextlib import ExitStack
from dataclasses import fields, replace

import pytest
from tests.cases.studies import Here, tiny_study, tiny_verdict

from paripassu import studies
from paripassu.data import Augmented, Cifar
from paripassu.engine import LocalEngine
from paripassu.files import FolderInUseError, locked
from paripassu.models import WganGPResNet
from paripassu.protocol import runner as conduct
from paripassu.protocol import search as entry
from paripassu.protocol.search import Entry, Job
from paripassu.protocol.study import FIRST_CONFIRMATION_SEED, Evidence
from paripassu.recipes import RECIPES
from paripassu.records import (
    RECORDS_FILE,
    RUN_FILE,
    End,
    Losses,
    Metric,
    Record,
    RecordWriter,
    RunHeader,
    Verdict,
    dump,
    environment,
    load,
    read_records,
    write_whole,
)  # fmt: skip
from paripassu.report.study import write_study_page
from paripassu.rules import SGD, Adam, Graft, Normalize
from paripassu.train import train


def test_grids_are_half_a_decade_apart_around_the_centre(tmp_path):
    study = tiny_study({"wild": 1e-3, "calm": 0.03})
    scale = replace(study.scales["smoke"], rates=5)
    wild, calm = (Entry(study.datasets[0], arm, scale, tmp_path) for arm in study.arms)
    assert wild.grid() == wild.rates() == [1e-4, 3.2e-4, 1e-3, 3.2e-3, 1e-2]
    assert calm.grid() == [3e-3, 9.5e-3, 0.03, 0.095, 0.3]
    assert replace(calm, scale=study.scales["untuned"]).rates() == []


class Peaked:
    """Runs whose metric falls by one for every decade of the learning rate from a best one."""

    def __init__(self, best: float):
        self.best = best
        self.rates: list[float] = []

    def execute(self, function, jobs, /):
        for job in jobs:
            job.folder.mkdir(parents=True)
            lr = job.run.generator.lr
            self.rates.append(lr)
            header = RunHeader(job.run.settings(), environment(job.command))
            write_whole(job.folder / RUN_FILE, dump(header))
            with RecordWriter(job.folder / RECORDS_FILE) as write:
                write(Metric(job.run.steps, "mode-overlap@50", -abs(math.log10(lr / self.best))))
                write(End(job.run.steps, "finished", "", 1.0))
            yield job, function


@pytest.mark.parametrize(
    ("best", "beyond", "added", "chosen", "on_edge"),
    [
        (1e-2, 4, [], 1e-2, False),
        (0.3, 4, [0.1, 0.32, 1.0], 0.32, False),
        (1e-4, 4, [1e-3, 3.2e-4, 1e-4, 3.2e-5], 1e-4, False),
        (1e9, 2, [0.1, 0.32], 0.32, True),
        (1e9, 0, [], 3.2e-2, True),
    ],
)
def test_beyond_an_edge_at_which_the_best_is_more_rates_are_tried(
    tmp_path, best, beyond, added, chosen, on_edge
):
    study = tiny_study({"wild": 1e-2, "calm": 1e-2})
    study = replace(study, scales={"smoke": replace(study.scales["smoke"], beyond=beyond)})
    engine, told = Peaked(best), []
    result = studies.run_study(
        study, "smoke", tmp_path / "s", command="", engine=engine, progress=lambda *now: told.append(now)
    )
    tried = [3.2e-3, 1e-2, 3.2e-2, *added]
    for arm in result.datasets[0].arms:
        assert [rate.lr for rate in arm.grid] == sorted(tried)
        assert (arm.lr, arm.on_edge) == (chosen, on_edge)
    # Each rate on both tuning seeds and the chosen one on three others, by both arms.
    assert sorted(engine.rates) == sorted(4 * tried + 6 * [chosen])
    assert told[0] == (0, 2 * 4 * (3 * 2 + 3))
    assert told[-1] == (4 * len(engine.rates),) * 2
    assert [*told] == sorted(told)


def test_a_study_from_tuning_to_result(tmp_path):
    study = tiny_study({"wild": 1e35, "calm": 1e-2})
    done = []
    result = studies.run_study(
        study,
        "smoke",
        tmp_path / "s",
        command="",
        engine=LocalEngine(2),
        progress=lambda *now: done.append(now),
    )
    assert done[0] == (0, 2 * 4 * (3 * 2 + 3))
    assert done[-1][0] == done[-1][1]
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
        assert arm.on_edge == (arm.lr in (arm.grid[0].lr, arm.grid[-1].lr))
        assert len(arm.runs) == 3
        assert all((tmp_path / "s" / run / "records.jsonl").is_file() for run in arm.runs)
    assert dataset.verdict.reason == "calm wild"


def test_a_second_call_runs_nothing_and_says_the_same(tmp_path):
    study = tiny_study({"wild": 1e-2, "calm": 1e-2})
    first = studies.run_study(study, "smoke", tmp_path / "s", command="a", engine=Here())
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "s").rglob("*.safetensors")}
    again = studies.run_study(study, "smoke", tmp_path / "s", command="b", engine=Here())
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "s").rglob("*.safetensors")} == stamps
    assert again.datasets == first.datasets
    assert studies.summarise(study, "smoke", tmp_path / "s").datasets == first.datasets


def test_a_scale_without_tuning_takes_the_chosen_rates(tmp_path):
    study = tiny_study({"wild": 1e-2, "calm": 1e-2})
    result = studies.run_study(study, "untuned", tmp_path / "s", command="", engine=Here())
    assert [(arm.lr, arm.grid, arm.on_edge) for arm in result.datasets[0].arms] == [(1e-3, [], False)] * 2
    assert result.tuning_seeds == []


def test_folders_of_others_are_not_touched(tmp_path):
    study = tiny_study({"wild": 1e-2, "calm": 1e-2})
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(ValueError, match="no study"):
        studies.run_study(study, "smoke", tmp_path, command="")
    studies.run_study(study, "untuned", tmp_path / "s", command="", engine=Here())
    with pytest.raises(ValueError, match="holds the study tiny at scale untuned"):
        studies.run_study(study, "smoke", tmp_path / "s", command="")


def test_a_study_in_use_says_by_whom(tmp_path):
    study = tiny_study({"wild": 1e-2, "calm": 1e-2})
    (tmp_path / "s").mkdir()
    with locked(tmp_path / "s"), pytest.raises(FolderInUseError, match=f"in use by process {os.getpid()} on"):
        studies.run_study(study, "untuned", tmp_path / "s", command="")


def test_a_run_waits_for_the_lock_of_a_node_that_died(tmp_path, monkeypatch):
    monkeypatch.setattr(conduct, "_LAPSE", 0.0)
    study = tiny_study({"wild": 1e-2, "calm": 1e-2})
    run = study.datasets[0].run(study.arms[0].rule, 0.1, 4, 0)
    job, waits = Job(tmp_path / "r", run, ""), []
    job.folder.mkdir()
    with locked(job.folder), pytest.raises(FolderInUseError):
        conduct._run_job(job)
    monkeypatch.setattr(conduct, "_LAPSE", 60.0)
    with ExitStack() as lock:
        lock.enter_context(locked(job.folder))

        def sleep(seconds):
            waits.append(seconds)
            lock.close()

        monkeypatch.setattr(conduct.time, "sleep", sleep)
        conduct._run_job(job)
    assert waits == [1]
    assert job.finals()


def test_an_edited_study_keeps_its_old_runs_apart_and_says_so(tmp_path):
    """They have no part in the result, not even as the worst that any run showed."""
    out = tmp_path / "s"
    diverging = {"wild": 1e35, "calm": 1e-2}
    old = tiny_study(diverging)
    scale = old.scales["untuned"]
    old = replace(old, scales={"untuned": replace(scale, steps={"ring8": 6})})
    old.datasets[0].chosen["calm"] = 0.5
    first = studies.run_study(old, "untuned", out, command="", engine=Here())
    assert first.remarks == []
    runs = set(out.glob("runs/*/*/*"))
    new = replace(tiny_study(diverging), question="Is it so?")
    alone = studies.run_study(new, "untuned", tmp_path / "alone", command="", engine=Here())
    result = studies.run_study(new, "untuned", out, command="", engine=Here())
    assert result.datasets == alone.datasets
    assert set(out.glob("runs/*/*/*")) > runs
    reworded, left_out = result.remarks
    assert "words" in reworded
    assert left_out.startswith("4 runs in the folder, of before the study was edited")
    # Once said it stays said.
    assert studies.summarise(new, "untuned", out).remarks == result.remarks


def test_what_was_done_before_is_no_progress_of_now(tmp_path):
    """A resumed study starts its count, and the time that is left, from what it finds."""
    study, told = tiny_study({"wild": 1e-2, "calm": 1e-2}), []
    studies.run_study(study, "untuned", tmp_path / "s", command="", engine=Here())
    entry._finals.cache_clear()
    records = next((tmp_path / "s").rglob(RECORDS_FILE))
    records.write_text("".join(records.read_text().splitlines(keepends=True)[:-1]))
    studies.run_study(
        study, "untuned", tmp_path / "s", command="", engine=Here(), progress=lambda *now: told.append(now)
    )
    assert told == [(12, 16), (16, 16), (16, 16)]


def test_runs_that_were_not_made_alike_are_told_of(tmp_path):
    study = tiny_study({"wild": 1e-2, "calm": 1e-2})
    result = studies.run_study(study, "untuned", tmp_path / "s", command="", engine=Here())
    assert result.remarks == []
    header = next((tmp_path / "s").rglob(RUN_FILE))
    held_there = load(header, RunHeader)
    versions = held_there.environment.versions | {"torch": "1.0"}
    header.write_text(
        dump(replace(held_there, environment=replace(held_there.environment, versions=versions)))
    )
    (remark,) = studies.summarise(study, "untuned", tmp_path / "s").remarks
    assert remark.startswith("The runs were not all made alike: versions of torch 1.0, ")


def test_words_may_change_before_the_first_run(tmp_path):
    study = tiny_study({"wild": 1e-2, "calm": 1e-2})

    class Stopped:
        def execute(self, function, tasks, /):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        studies.run_study(study, "untuned", tmp_path / "s", command="", engine=Stopped())
    study = replace(study, question="Is it so?")
    result = studies.run_study(study, "untuned", tmp_path / "s", command="", engine=Here())
    assert result.remarks == []


def test_another_device_is_another_study(tmp_path):
    """No GPU is needed to see that every run would be on it, in a folder of its own."""
    study = tiny_study({"wild": 1e-2, "calm": 1e-2})
    there = study.on_device("cuda")
    for arm in study.arms:
        asked = (arm.rule, 0.1, 4, 0)
        assert there.datasets[0].run(*asked) == replace(study.datasets[0].run(*asked), device="cuda")
    studies.run_study(study, "untuned", tmp_path / "s", command="", engine=Here())
    with pytest.raises(ValueError, match="on cpu: name another folder for tiny at scale untuned on cuda"):
        studies.run_study(there, "untuned", tmp_path / "s", command="")


def test_an_unfinished_study_has_no_result(tmp_path):
    study = tiny_study({"wild": 1e-2, "calm": 1e-2})
    studies.run_study(study, "untuned", tmp_path / "s", command="", engine=Here())
    records = next((tmp_path / "s").rglob("records.jsonl"))
    lines = records.read_text().splitlines(keepends=True)
    records.write_text("".join(lines[:-1]))
    entry._finals.cache_clear()
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
    (dataset,) = studies.run_study(study, "smoke", tmp_path / "s", command="", engine=Here()).datasets
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
    further = replace(study, scales={"smoke": replace(study.scales["smoke"], beyond=4)})
    assert sum("up to 4 rates beyond" in line for line in studies.plan(further, "smoke")) == 2
    assert sum("confirm" in line for line in studies.plan(study, "smoke")) == 6


def test_every_study_is_found_and_whole():
    found = studies.find()
    assert "grafting" in found
    for name, study in found.items():
        assert study.name == name
        assert study.scales.keys() >= {"smoke", "small", "paper"}
        if isinstance(study, studies.SweepStudy):
            continue
        assert not study.scales["smoke"].decides
        assert study.scales["small"].decides
        for dataset in study.datasets:
            arms = {arm.name for arm in study.arms}
            assert arms <= dataset.centres.keys()
            assert arms <= dataset.chosen.keys()
            assert not math.isnan(sum(dataset.centres.values()))


# The others are run by the commands' tests.
@pytest.mark.parametrize("name", ["magnitude", "mixtures", "recovery", "stacked-digits"])
def test_every_study_passes_at_smoke_scale(name, tmp_path):
    study = studies.find()[name]
    result = studies.run_study(study, "smoke", tmp_path / "s", command="", engine=Here())
    assert [d.dataset for d in result.datasets] == [d.name for d in study.datasets]
    assert {d.verdict.outcome for d in result.datasets} == {"undecided"}
    assert write_study_page(tmp_path / "s").is_file()


def test_stacked_digits_takes_mnist_by_path(tmp_path):
    header = struct.pack(">4B3I", 0, 0, 8, 3, 20, 28, 28)
    (tmp_path / "images-ubyte").write_bytes(header + os.urandom(20 * 28 * 28))
    study = studies.find()["stacked-digits"].on({"stacked-mnist": tmp_path / "images-ubyte"})
    (dataset,) = study.datasets
    run = dataset.run(study.arms[0].rule, 1e-3, 1, 0)
    assert run.eval_samples == 26_000
    train(replace(run, eval_samples=40), tmp_path / "run")
    measured = {r.name for r in read_records(tmp_path / "run" / RECORDS_FILE) if isinstance(r, Metric)}
    assert measured == {"modes-mnist@40", "kl-mnist@40"}
    captured = {"nsgda layer": [995.0, 999.0], "nsgda global": [900.0, 950.0], "sgda": [500.0, 600.0]}
    evidence = Evidence(dataset, goodness={}, estimates={"modes-mnist@26000": captured})
    assert study.verdict(evidence).outcome == "supported"


def test_recovery_takes_cifar10_with_the_published_resnet_by_path(tmp_path):
    """What is not the arm's is the recipe's; Adam has the recipe's betas, alone and in grafts."""
    (tmp_path / "data_batch_1.bin").write_bytes(os.urandom(30 * 3073))
    study = studies.find()["recovery"]
    (dataset,) = study.on({"cifar10-resnet": tmp_path}).datasets
    recipe = RECIPES["wgangp-cifar10"].run
    runs = {arm.name: dataset.run(arm.rule, 1e-3, 10_000, 7) for arm in study.arms}
    played = {
        "data", "generator", "discriminator", "steps", "seed", "log_every", "eval_every", "checkpoint_every",
        "probe_every",
    }  # fmt: skip
    for run in runs.values():
        assert run.model == WganGPResNet(latent=128, width=128)
        assert run.data == Augmented(Cifar(tmp_path), dequantize=True)
        assert (run.steps, run.seed, run.n_critic, run.decay) == (10_000, 7, 5, "linear")
        assert {f.name for f in fields(run) if getattr(run, f.name) != getattr(recipe, f.name)} <= played
        assert run.generator == run.discriminator
    adam = Adam((0.0, 0.9))
    rules = {name: run.generator.rule for name, run in runs.items()}
    assert rules == {
        "adam": adam,
        "adam magnitude": Graft(magnitude=adam, direction=SGD()),
        "nsgda layer": Normalize(SGD(), "layer"),
        "nsgda global": Normalize(SGD(), "global"),
        "sgda": SGD(),
    }
    assert dataset.centres.keys() == dataset.chosen.keys() == rules.keys()
    assert [study.scales[scale].steps["cifar10-resnet"] for scale in ("small", "paper")] == [1000, 10_000]
    tiny = replace(runs["adam"], model=WganGPResNet(latent=4, width=2), steps=1, batch=4, eval_samples=20)
    train(tiny, tmp_path / "run")
    measured = {r.name for r in read_records(tmp_path / "run" / RECORDS_FILE) if isinstance(r, Metric)}
    assert dataset.metric.replace("@5000", "@20") in measured
    assert runs["adam"].eval_samples == 5000


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


@pytest.mark.parametrize("name", ["recovery", "stacked-digits"])
def test_a_study_names_steps_for_all_its_data_at_every_scale(name):
    study = studies.find()[name]
    assert isinstance(study, studies.Study)
    names = {dataset.name for dataset in study.datasets} | study.by_path.keys()
    assert all(scale.steps.keys() == names for scale in study.scales.values())
