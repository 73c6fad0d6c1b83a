"""Frames of several runs: by arm and seed, and over seeds."""

import math

import pytest
from tests.cases.folders import run_folder

from paripassu.evidence import series
from paripassu.evidence.series import over_seeds, pictures, read_arms
from paripassu.evidence.tables import run_table
from paripassu.records import Metric, Update
from paripassu.records.codec import RecordWriter

KINDS = ("Metric", "Losses", "Update", "Shadow", "Pace", "Samples")


@pytest.fixture
def table(tmp_path):
    runs = {"a": [tmp_path / "a0", tmp_path / "a1"], "b": [tmp_path / "b0"], "none": []}
    for folders in runs.values():
        for folder in folders:
            run_folder(folder)
    return read_arms(runs, KINDS)


def test_every_row_knows_its_arm_and_seed(table):
    runs = table.select("arm", "seed").unique(maintain_order=True).rows()
    assert runs == [("a", 0), ("a", 1), ("b", 0)]
    assert series.metrics(table).filter(arm="b").rows() == [
        ("b", 0, step, "mode-overlap@50", step / 20) for step in (0, 5, 10)
    ]


def test_the_pace_is_what_the_probe_wrote(table):
    pace = over_seeds(series.pace(table))
    assert pace["mean"].to_list() == [2.0] * 6
    assert set(series.pace(table)["name"]) == {"discriminator / generator"}


def test_updates_are_of_whole_players(table):
    steps = series.updates(table).filter(player="discriminator")
    assert set(steps["relative"].to_list()) == {0.2 / 4.0}
    assert series.updates(table)["update"].max() < 1


def test_layers_are_of_first_runs_and_a_shadow_has_its_ratio(table):
    layers = series.layers(table)
    assert len(layers) == 2 * 3 * 2  # arms, steps, the step and its shadow
    assert set(layers.select("step", "rule", "magnitude", "cosine").rows()) == {
        row for step in (0, 5, 10) for row in ((step, "", 99.0 + step, 1.0), (step, "Adam()", 9.9, step / 10))
    }


def test_losses_are_of_both_players(table):
    losses = series.losses(table).filter(arm="b")
    assert set(losses.filter(name="discriminator")["value"].to_list()) == {1.0}
    assert all(math.isnan(value) for value in losses.filter(name="generator")["value"])


def test_bands_are_the_range_over_seeds_without_what_is_not_finite(tmp_path):
    folders = [tmp_path / str(seed) for seed in range(3)]
    for folder, value in zip(folders, (1.0, 4.0, math.nan), strict=True):
        folder.mkdir()
        with RecordWriter(folder / "records.jsonl") as write:
            write(Metric(1, "m", value))
    row = over_seeds(series.metrics(read_arms({"a": folders}, ["Metric"]))).to_dicts()
    assert row == [{"arm": "a", "step": 1, "mean": 2.5, "low": 1.0, "high": 4.0}]


def test_weights_of_zero_give_no_relative_step(tmp_path):
    with RecordWriter(tmp_path / "records.jsonl") as write:
        write(Update(1, "critic", "", 1.0, 0.5, 0.0, 1.0))
    updates = series.updates(read_arms({"a": [tmp_path]}, ["Update"]))
    assert over_seeds(updates, "relative").is_empty()


def test_pictures_that_are_gone_are_left_out(tmp_path):
    run_folder(tmp_path)
    (tmp_path / "samples" / "000000005.png").unlink()
    assert list(pictures(run_table(tmp_path), tmp_path)) == [0, 10]
