"""A folder that holds no run itself, but some in folders of its own, is not called empty."""

import pytest
from tests.cases.commands import run
from tests.cases.folders import run_folder, study_folder

import paripassu as pp

NO_RUN = "runs is no run, but holds some: name one, such as runs/a (`paripassu runs runs` lists them)"
NEITHER = NO_RUN.replace("no run,", "no run and no study,")


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["report", "runs"], NEITHER),
        (["export", "runs"], NEITHER),
        (["report", "runs", "runs/a"], NO_RUN),
        (["eval", "runs"], NO_RUN),
        (["animate", "runs"], NO_RUN),
        (["train", "--config", "runs", "--dry-run"], NO_RUN),
        (["train", "--steps", "1", "--from", "runs"], "runs is no run, but holds some: name one, such as"),
        (["train", "--steps", "1", "--from", "nothere"], "nothere: name one that paripassu wrote"),
        (["study", "diff", "studies", "studies/s"], "studies is no study, but holds some: name one, such as"),
        (
            ["export", "studies"],
            "studies is no run and no study, but holds some: name one, such as studies/s",
        ),
        (["export", "nothere"], "there is no folder nothere: name one that paripassu wrote"),
        (["export", "empty"], "empty holds no run and no study: name a folder that paripassu wrote"),
    ],
)
def test_the_folder_that_was_meant_is_named(command, sentence, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        run_folder(tmp_path / "runs" / name)
    study_folder(tmp_path / "studies" / "s")
    (tmp_path / "empty").mkdir()
    code, out, err = run(capsys, *command)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert sentence in err


def test_load_names_it_too(tmp_path):
    run_folder(tmp_path / "deep" / "er" / "mine")
    with pytest.raises(ValueError, match=r"is no run and no study, but holds some: .*deep/er/mine"):
        pp.load(tmp_path)
