"""The protocol has equal grids and separate seeds; a diverged run gets the worst value."""

import math
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cases.studies import ARMS, Here, tiny_comparison, tiny_game, tiny_run, tiny_study

from paripassu.files import FolderInUseError, locked, write_whole
from paripassu.protocol import Evidence, run_study, summarise
from paripassu.protocol.gans import arm_on_game
from paripassu.protocol.gans.arm_on_game import RunUnit
from paripassu.records import RECORDS_FILE, RUN_FILE, End, Metric, RunHeader, Verdict, environment
from paripassu.records.codec import RecordWriter, dump, load


class Peaked:
    """Runs whose metric falls by one for every decade of the learning rate from a best one."""

    def __init__(self, best: float):
        self.best = best
        self.rates: list[float] = []

    def execute(self, function, units, /):
        for unit in units:
            unit.path.mkdir(parents=True)
            lr = unit.run.generator.lr
            self.rates.append(lr)
            header = RunHeader(unit.run.settings(), environment(unit.command))
            write_whole(unit.path / RUN_FILE, dump(header))
            with RecordWriter(unit.path / RECORDS_FILE) as write:
                write(Metric(unit.run.steps, "mode-overlap@50", -abs(math.log10(lr / self.best))))
                write(End(unit.run.steps, "finished", "", 1.0))
            yield unit, []


@pytest.mark.parametrize(
    ("best", "beyond", "added", "chosen", "on_edge"),
    [
        (0.3, 4, [0.1, 0.32, 1.0], 0.32, False),
        (1e9, 2, [0.1, 0.32], 0.32, True),
        (1e9, 0, [], 3.2e-2, True),
    ],
)
def test_the_grid_grows_equally_for_every_arm(tmp_path, best, beyond, added, chosen, on_edge):
    engine, done = Peaked(best), []
    progress = lambda *now: done.append(now)  # noqa: E731
    result = run_study(tiny_study(beyond=beyond), "smoke", tmp_path / "s", engine=engine, progress=progress)
    tried = [3.2e-3, 1e-2, 3.2e-2, *added]
    for arm in result.games[0].arms:
        assert [rate.lr for rate in arm.grid] == sorted(tried)
        assert (arm.lr, arm.on_edge) == (chosen, on_edge)
    # Each rate on both tuning seeds and the chosen one on three others, by both arms.
    assert sorted(engine.rates) == sorted(4 * tried + 6 * [chosen])
    assert done[0] == (0, 2 * 4 * (3 * 2 + 3))
    assert done[-1] == (4 * len(engine.rates),) * 2
    assert [*done] == sorted(done)


def test_a_scale_without_tuning_takes_the_chosen_rates(tmp_path):
    result = run_study(tiny_study(), "untuned", tmp_path / "s", engine=Here())
    assert [(arm.lr, arm.grid, arm.on_edge) for arm in result.games[0].arms] == [(1e-3, [], False)] * 2
    assert result.settings["tuning_seeds"] == []


def test_a_game_without_chosen_rates_takes_the_centres(tmp_path):
    game = tiny_game({"wild": 2e-3, "calm": 3e-3}, chosen={})
    result = run_study(tiny_study(games=[game]), "untuned", tmp_path / "s", engine=Here())
    assert [arm.lr for arm in result.games[0].arms] == [2e-3, 3e-3]


def test_a_run_waits_for_the_lock_of_a_node_that_died(tmp_path, monkeypatch):
    monkeypatch.setattr(arm_on_game, "_LAPSE", 0.0)
    unit, waits = RunUnit(tmp_path / "r", tiny_run(ARMS[0].rule, 0.1, 4, 0), ""), []
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
    game = tiny_game(diverging, steps={"untuned": 6}, chosen={"wild": 1e-3, "calm": 0.5})
    assert run_study(tiny_study(games=[game]), "untuned", out, engine=Here()).remarks == []
    runs = set(out.glob("runs/*/*/*"))
    alone = run_study(tiny_study(diverging), "untuned", tmp_path / "alone", engine=Here())
    result = run_study(tiny_study(diverging), "untuned", out, engine=Here())
    assert result.games == alone.games
    assert set(out.glob("runs/*/*/*")) > runs
    (unused,) = result.remarks
    assert unused.startswith("4 runs in the folder are not used")


def test_runs_made_differently_get_a_remark(tmp_path):
    run_study(tiny_study(), "untuned", tmp_path / "s", engine=Here())
    path = next((tmp_path / "s").rglob(RUN_FILE))
    header = load(path, RunHeader)
    where = replace(header.environment, versions=header.environment.versions | {"torch": "1.0"})
    path.write_text(dump(replace(header, environment=where)))
    (remark,) = summarise(tiny_study(), "untuned", tmp_path / "s").remarks
    assert remark.startswith("The runs were not all made alike: versions of torch 1.0, ")


def test_every_run_is_on_the_device_of_its_study():
    work = tiny_comparison().on_device("cuda").work
    assert {unit.run.device for unit in work(Path("nowhere"), "").missing} == {"cuda"}


def test_diverged_runs_get_the_largest_measure(tmp_path):
    seen: list[Evidence] = []

    def verdict(evidence: Evidence) -> Verdict:
        seen.append(evidence)
        return Verdict("supported", "")

    measures = {"loss": lambda table: table["generator"].max(), "nothing": lambda _: math.nan}
    study = tiny_study({"wild": 1e35, "calm": 1e-2}, verdict=verdict, measures=measures)
    (game,) = run_study(study, "smoke", tmp_path / "s", engine=Here()).games
    assert game.measures == ["loss", "nothing"]
    wild, calm = game.arms
    assert len(set(calm.estimates["loss"].values)) == 3
    assert wild.estimates["loss"].values == [max(calm.estimates["loss"].values)] * 3
    assert math.isnan(calm.estimates["nothing"].mean)
    assert seen[0].estimates["loss"]["calm"] == calm.estimates["loss"].values
    assert seen[0].estimates["mode-overlap@50"] == seen[0].scores


def test_the_plan_lists_every_run():
    assert len(tiny_comparison().plan()) == 2 * (3 * 2 + 3)
    assert sum("up to 4 rates beyond" in line for line in tiny_comparison(beyond=4).plan()) == 2
    assert sum("confirm" in line for line in tiny_comparison().plan()) == 6


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"rates": 4}, "rates must be odd"),
        ({"confirmation_seeds": 0}, "at least one seed"),
        ({"tuning_seeds": 0}, "at least one seed"),
        ({"games": [tiny_game({}), tiny_game({})]}, "two games share a name"),
    ],
)
def test_impossible_comparisons_are_refused(given, match):
    with pytest.raises(ValueError, match=match):
        tiny_comparison(**given)
