"""``paripassu study`` as a person types it: list, run, report, diff, and the board."""

import json
import shutil

from tests.cases.commands import run


def test_studies_in_a_folder_can_be_compared_and_make_a_board(tmp_path, capsys):
    study = ["study", "run", "pace", "--scale", "smoke", "--workers", "1"]
    code, _, err = run(capsys, *study, "--out", str(tmp_path / "old"))
    assert (code, err) == (0, "")
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    code, out, _ = run(capsys, "study", "diff", str(tmp_path / "old"), str(tmp_path / "new"))
    assert code == 0
    assert "0 of" in out
    code, out, _ = run(capsys, "study", "diff", str(tmp_path / "old"), str(tmp_path / "new"), "--json")
    assert all(change["old"] == change["new"] for change in json.loads(out)["changes"])
    code, out, _ = run(capsys, "report", str(tmp_path))
    assert (code, out.strip()) == (0, str(tmp_path / "report" / "index.html"))
    code, _, err = run(capsys, "report", str(tmp_path / "old"), str(tmp_path / "new"))
    assert code == 2
    assert "study diff" in err


def test_the_studies_are_listed(capsys):
    code, out, _ = run(capsys, "study", "list")
    assert code == 0
    assert "grafting" in out
    assert "C5: SGDA does not" in out


def test_a_study_from_the_command_line_at_smoke_scale(tmp_path, capsys):
    out_folder = tmp_path / "study"
    code, out, _ = run(
        capsys, "study", "run", "grafting", "--scale", "smoke", "--out", str(out_folder), "--quiet"
    )
    assert code == 0
    assert "ring8" in out
    assert "digits" in out
    page = out_folder / "report" / "index.html"
    assert page.is_file()
    code, out, _ = run(
        capsys, "study", "report", "grafting", "--scale", "smoke", "--out", str(out_folder), "--json"
    )
    assert code == 0
    assert [game["game"] for game in json.loads(out)["games"]] == ["ring8", "digits"]
    code, _, err = run(capsys, "study", "run", "grafting", "--scale", "demo", "--out", str(out_folder))
    assert code == 2
    assert "holds the study grafting at scale smoke" in err


def test_a_dry_run_runs_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "study", "run", "grafting", "--dry-run")
    assert code == 0
    assert out.count("beyond an edge") == 2 * 6
    assert len(out.splitlines()) == 2 * 6 * (5 * 2 + 1 + 8)
    assert not list(tmp_path.iterdir())


def test_the_studies_of_the_framework_at_smoke_scale(tmp_path, capsys):
    for name in ("collapse", "collapse-dimension"):
        out_folder = str(tmp_path / name)
        smoke = ["study", "run", name, "--scale", "smoke", "--workers", "1", "--quiet"]
        code, out, _ = run(capsys, *smoke, "--dry-run")
        assert (code, out.splitlines()[-1]) == (0, "then the best pairs on fresh seeds")
        assert run(capsys, *smoke, "--out", out_folder)[0] == 0
        code, out, _ = run(capsys, "study", "report", name, "--scale", "smoke", "--out", out_folder, "--json")
        assert code == 0
        result = json.loads(out)
        assert (result["finished"], result["name"], result["remarks"]) == (True, name, [])
        assert "Runs of this size decide nothing" in result["findings"][0]["verdict"]["reason"]
