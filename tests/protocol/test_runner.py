"""The runner does no work twice, leaves other folders untouched and reports edited studies."""

import errno
import os
import shutil
from dataclasses import replace

import pytest
from tests.cases.folders import as_of_schema_1
from tests.cases.strange_files import STRANGE, put
from tests.cases.studies import Here, tiny_game, tiny_study

from paripassu.files import FolderInUseError, locked
from paripassu.protocol import run_study, summarise
from paripassu.protocol.gans import arm_on_game
from paripassu.protocol.runner import RESTORED, REWORDED
from paripassu.protocol.study import FIRST_CONFIRMATION_SEED
from paripassu.records import RECORDS_FILE, STUDY_FILE, StudyResult, Verdict
from paripassu.records.codec import load
from paripassu.records.study import finding_title
from paripassu.report.study import write_study_page


def test_a_study_from_tuning_to_result(tmp_path):
    study, done = tiny_study({"wild": 1e35, "calm": 1e-2}), []
    progress = lambda *now: done.append(now)  # noqa: E731
    result = run_study(study, "smoke", tmp_path / "s", engine=Here(), progress=progress)
    assert done[0] == (0, 2 * 4 * (3 + 2 * 2 + 3))
    assert done[-1][0] == done[-1][1]
    assert result.settings["tuning"]["trials"] == 3
    assert result.settings["confirmation_seeds"] == [FIRST_CONFIRMATION_SEED + i for i in range(3)]
    assert result.finished
    (game,), (finding,) = result.games, result.findings
    wild, calm = game.arms
    assert wild.diverged == 3
    assert wild.estimates["mode-overlap@50"].values == [0.0] * 3  # the worst in any run
    assert sorted(trial.diverged for trial in wild.trials) == [1, 3, 3]
    assert calm.diverged == 0
    for arm in game.arms:
        assert len(arm.trials) == 3
        assert arm.chosen in [trial.settings for trial in arm.trials if len(trial.values) == 3]
        assert len(arm.runs) == 3
        assert all((tmp_path / "s" / run / RECORDS_FILE).is_file() for run in arm.runs)
    assert (finding.about, finding.claim, finding.verdict.reason) == ("ring8", "It is", "calm wild")
    assert finding_title(result, finding) == "ring8"


@pytest.fixture(scope="module")
def study_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("done") / "s"
    run_study(tiny_study(), "untuned", folder, engine=Here())
    return folder


@pytest.fixture
def done(study_folder, tmp_path):
    """A copy of a finished study."""
    return shutil.copytree(study_folder, tmp_path / "s")


def test_a_second_call_runs_nothing_and_returns_the_same(tmp_path):
    study, out = tiny_study(), tmp_path / "s"
    first = run_study(study, "smoke", out, engine=Here())
    stamps = {p: p.stat().st_mtime_ns for p in out.rglob("*.safetensors")}
    again = run_study(study, "smoke", out, engine=Here())
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*.safetensors")} == stamps
    assert again.games == first.games
    assert summarise(study, "smoke", out).games == first.games


def test_other_folders_are_not_touched(tmp_path, study_folder):
    study = tiny_study()
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(ValueError, match="no study"):
        run_study(study, "smoke", tmp_path)
    with pytest.raises(ValueError, match="holds the study tiny at scale untuned"):
        run_study(study, "smoke", study_folder)


def test_a_folder_of_an_older_schema_is_refused(done):
    path = done / STUDY_FILE
    as_of_schema_1(path)
    with pytest.raises(ValueError, match="schema version 1, and this paripassu reads version 2"):
        run_study(tiny_study(), "untuned", done)


def test_a_study_in_use_names_its_process(tmp_path):
    (tmp_path / "s").mkdir()
    with locked(tmp_path / "s"), pytest.raises(FolderInUseError, match=f"in use by process {os.getpid()} on"):
        run_study(tiny_study(), "untuned", tmp_path / "s")


def test_an_edited_study_keeps_its_remark(done):
    assert load(done / STUDY_FILE, StudyResult).remarks == []
    edited = tiny_study(words="Is it so?")
    assert run_study(edited, "untuned", done, engine=Here()).remarks == [REWORDED]
    assert summarise(edited, "untuned", done).remarks == [REWORDED]


def test_words_may_change_before_the_first_run_ends(tmp_path):
    class Stopped:
        def execute(self, function, tasks, /):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(tiny_study(), "untuned", tmp_path / "s", engine=Stopped())
    assert not load(tmp_path / "s" / STUDY_FILE, StudyResult).finished
    result = run_study(tiny_study(words="Is it so?"), "untuned", tmp_path / "s", engine=Here())
    assert result.remarks == []


def test_a_resumed_study_counts_the_steps_that_are_done(done):
    steps = []
    records = next(done.rglob(RECORDS_FILE))
    before_last = [line for line in records.read_text().splitlines(keepends=True) if '"step": 4' not in line]
    records.write_text("".join(before_last))
    progress = lambda *now: steps.append(now)  # noqa: E731
    run_study(tiny_study(), "untuned", done, engine=Here(), progress=progress)
    assert steps[0] == (14, 16)
    assert steps[-1] == (16, 16)


def test_runs_under_way_show_their_steps_and_metrics(tmp_path):
    seen = []
    of_runs = lambda runs: seen.append([(run.step, run.has_ended, [*run.metrics]) for run in runs])  # noqa: E731
    run_study(tiny_study(), "untuned", tmp_path / "s", engine=Here(), of_runs=of_runs)
    assert seen[0] == []
    assert len(seen[-1]) == 4
    assert {run[:2] for run in seen[-1]} == {(4, True)}
    assert seen[-1][0][2][0] == "mode-overlap@50"


def test_an_unfinished_study_has_no_result(done):
    _unend(done)
    with pytest.raises(ValueError, match="is not finished"):
        summarise(tiny_study(), "untuned", done)


def test_work_without_a_result_is_an_error(tmp_path):
    class Lazy:
        def execute(self, function, tasks, /):
            return ((task, []) for task in tasks)

    with pytest.raises(RuntimeError, match="has no result"):
        run_study(tiny_study(), "untuned", tmp_path / "s", engine=Lazy())


class _Failing:
    """An engine whose first task raises, as a worker's does."""

    def __init__(self, error):
        self.error = error

    def execute(self, function, tasks, /):
        def carry_out(_):
            raise self.error

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(tasks[0].unit), "carry_out", carry_out)
            yield tasks[0], function(tasks[0])


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (ValueError("x.png holds no image"), ValueError, "x.png holds no image"),
        (OSError(errno.ENOSPC, "No space left", "there"), OSError, "there: No space left; complete"),
        (RuntimeError("the loss raised"), RuntimeError, "the loss raised; complete results are kept"),
        (MemoryError(), RuntimeError, "MemoryError; complete results are kept"),
    ],
)
def test_a_unit_that_fails_is_named(error, kind, words, tmp_path):
    with pytest.raises(kind) as caught:
        run_study(tiny_study(), "untuned", tmp_path / "s", engine=_Failing(error))
    assert str(caught.value).startswith(f"{tmp_path / 's' / 'runs' / 'ring8'}")
    assert words in str(caught.value)
    assert run_study(tiny_study(), "untuned", tmp_path / "s", engine=Here()).finished


def test_a_lost_study_file_is_made_anew_from_the_runs(done):
    made = load(done / STUDY_FILE, StudyResult)
    (done / STUDY_FILE).unlink()
    with pytest.raises(ValueError, match=r"has no study\.json: give the study's command again"):
        summarise(tiny_study(), "untuned", done)
    with pytest.raises(ValueError, match="holds files that are no study"):
        run_study(tiny_study().on_device("cuda"), "untuned", done, engine=Here())
    again = run_study(tiny_study(), "untuned", done, engine=Here())
    assert (again.games, again.remarks) == (made.games, [RESTORED])
    assert summarise(tiny_study(), "untuned", done).remarks == [RESTORED]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace('"device": "cpu"', '"device": "cpv"'),
        lambda text: text[:-40],
        lambda text: "null",
        lambda text: "[" * 100_000,
        lambda text: text.replace("It is.", "It isn"),
    ],
)
def test_a_damaged_study_file_is_named_and_may_be_deleted(damage, done):
    path = done / STUDY_FILE
    path.write_text(damage(path.read_text()))
    before = path.read_bytes()
    for give in (run_study, summarise):
        with pytest.raises(
            ValueError, match=r"study\.json is corrupt: restore it, or delete this file alone"
        ):
            give(tiny_study(), "untuned", done)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", STRANGE)
def test_a_study_file_that_is_none_is_named(kind, done):
    put(kind, done / STUDY_FILE)
    acts = [lambda f, give=give: give(tiny_study(), "untuned", f) for give in (run_study, summarise)]
    for act in (*acts, write_study_page):
        with pytest.raises(
            ValueError, match=rf"study\.json is {kind}, not a file: remove it or put the file"
        ):
            act(done)


@pytest.mark.parametrize("how", ["damaged", "lost"])
def test_a_run_whose_settings_are_damaged_begins_anew(how, study_folder, done):
    made = load(study_folder / STUDY_FILE, StudyResult)
    path = sorted(done.rglob("run.json"))[0]
    path.unlink() if how == "lost" else path.write_text(path.read_text().replace('"seed": 1', '"seed": 3'))
    said = []
    again = run_study(tiny_study(), "untuned", done, engine=Here(), notice=said.append)
    assert again.games == made.games
    assert len(said) == 1
    assert said[0].startswith(str(path.parent))
    assert said[0].endswith("this run was begun anew")


def test_what_many_runs_say_is_printed_once(tmp_path, monkeypatch):
    monkeypatch.setattr(arm_on_game, "_begun_anew", lambda _: ["images: 60; left out: 2"])
    said = []
    result = run_study(tiny_study(), "untuned", tmp_path / "s", engine=Here(), notice=said.append)
    runs = sum(len(arm.runs) for arm in result.games[0].arms)
    first, rest = said
    assert first.startswith(str(tmp_path / "s" / "runs"))
    assert first.endswith(": images: 60; left out: 2")
    assert rest == f"{runs - 1} more say the same: images: 60; left out: 2"


def test_a_run_of_another_version_is_left_as_it_is(done):
    path = sorted(done.rglob("run.json"))[0]
    as_of_schema_1(path)
    files = {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()}
    with pytest.raises(ValueError, match=rf"{path.parent.name}.*has schema version 1"):
        run_study(tiny_study(), "untuned", done, engine=Here())
    assert {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()} == files


def test_a_folder_in_use_is_not_judged(done):
    with locked(done), pytest.raises(FolderInUseError, match="in use by process"):
        summarise(tiny_study(), "untuned", done)


def test_runs_too_short_to_decide_are_undecided(tmp_path):
    study = tiny_study(verdict=lambda _: Verdict("supported", "So."))
    study = replace(study, scales={"untuned": replace(study.scale("untuned"), decides=False)})
    (finding,) = run_study(study, "untuned", tmp_path / "s", engine=Here()).findings
    assert finding.verdict == Verdict("undecided", "Runs of this size decide nothing. So.")


def test_another_device_is_another_study(done):
    with pytest.raises(ValueError, match="device is cpu there and cuda here"):
        run_study(tiny_study().on_device("cuda"), "untuned", done)


def test_data_by_path_replace_the_games(tmp_path):
    study = tiny_study(
        by_path={"files": lambda path: [tiny_game({"wild": 1.0, "calm": 1.0}, setting=str(path))]}
    )
    on = study.on_data({"files": tmp_path})
    assert [game.setting for game in on.scale("smoke").design.games] == [str(tmp_path)]
    assert study.on_data({}) == study
    with pytest.raises(ValueError, match="no game 'flies' on data in files: this study takes files"):
        study.on_data({"flies": tmp_path})
    with pytest.raises(ValueError, match="takes no data by path"):
        tiny_study().on_data({"files": tmp_path})


def _unend(folder):
    """Remove one run's last record, which marks the run as ended."""
    records = next(folder.rglob(RECORDS_FILE))
    records.write_text("".join(records.read_text().splitlines(keepends=True)[:-1]))
