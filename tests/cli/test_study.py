"""``paripassu study`` as a person types it: list, run, report, diff, and the board."""

import json
import shutil
from pathlib import Path

import pytest
from tests.cases.commands import run

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "own_study.py")
SMOKE = [EXAMPLE, "--scale", "smoke", "--games", "ring8"]


@pytest.mark.usefixtures("quick_workers")
def test_a_study_is_run_reported_compared_and_put_on_a_board(tmp_path, capsys):
    old, new = str(tmp_path / "old"), str(tmp_path / "new")
    code, out, err = run(capsys, "study", "run", *SMOKE, "--workers", "1", "--out", old)
    assert (code, err) == (0, "")
    assert "ring8" in out
    assert (tmp_path / "old" / "report" / "index.html").is_file()
    code, out, _ = run(capsys, "study", "report", *SMOKE, "--out", old, "--json")
    assert (code, [game["game"] for game in json.loads(out)["games"]]) == (0, ["ring8"])
    code, _, err = run(capsys, "study", "run", EXAMPLE, "--scale", "small", "--out", old)
    assert code == 2
    assert "holds the study own-study at scale smoke" in err

    shutil.copytree(old, new)
    code, out, _ = run(capsys, "study", "diff", old, new)
    assert code == 0
    assert "0 of" in out
    code, out, _ = run(capsys, "study", "diff", old, new, "--json")
    assert all(change["old"] == change["new"] for change in json.loads(out)["changes"])
    code, out, _ = run(capsys, "report", str(tmp_path))
    assert (code, out.strip()) == (0, str(tmp_path / "report" / "index.html"))
    code, _, err = run(capsys, "report", old, new)
    assert code == 2
    assert "study diff" in err


def test_the_studies_are_listed(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    code, out, _ = run(capsys, "study", "list")
    assert code == 0
    assert "grafting" in out
    assert "C5: SGDA does not" in out
    code, out, _ = run(capsys, "study", "list", "--json")
    assert (code, "small" in json.loads(out)["grafting"]["scales"]) == (0, True)


def test_a_dry_run_runs_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "study", "run", "grafting", "--dry-run", "--games", "ring8", "digits")
    assert code == 0
    assert len(out.splitlines()) == 2 * 8 * (16 + 4 * 4 + 8)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf"])
def test_minutes_must_be_some(minutes, tmp_path, capsys):
    code, _, err = run(capsys, "study", "run", *SMOKE, "--minutes", minutes, "--out", str(tmp_path / "s"))
    assert (code, err.count("\n")) == (2, 1)
    assert "--minutes must be finite and > 0" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("here")
def test_the_studies_of_the_framework_at_smoke_scale(tmp_path, capsys):
    for name in ("collapse", "collapse-dimension"):
        out_folder = str(tmp_path / name)
        smoke = ["study", "run", name, "--scale", "smoke", "--workers", "1", "--quiet"]
        code, out, _ = run(capsys, *smoke, "--dry-run")
        assert (code, out.splitlines()[-1]) == (0, "then the best rates on fresh seeds")
        assert run(capsys, *smoke, "--out", out_folder)[0] == 0
        code, out, _ = run(capsys, "study", "report", name, "--scale", "smoke", "--out", out_folder, "--json")
        assert code == 0
        result = json.loads(out)
        assert (result["finished"], result["name"], result["remarks"]) == (True, name, [])
        assert "Runs of this size decide nothing" in result["findings"][0]["verdict"]["reason"]
