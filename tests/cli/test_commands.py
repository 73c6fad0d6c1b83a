"""Commands as a person types them: results on standard output, one sentence for every mistake."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from paripassu.cli import main

_TINY = ["--steps", "4", "--batch", "8", "--eval-samples", "50", "--log-every", "2", "--probe-every", "2"]
_TRAIN = ["train", "--data", "digits", "--model", "dcgan", "--width", "4", "--latent", "8", *_TINY]


def _run(capsys, *arguments: str) -> tuple[int, str, str]:
    try:
        code = main(list(arguments))
    except SystemExit as stop:  # tyro's own refusals
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def trained(tmp_path, capsys):
    folder = tmp_path / "run"
    assert _run(capsys, *_TRAIN, "--out", str(folder))[0] == 0
    return folder


def test_train_writes_a_run_folder_with_a_page(tmp_path, capsys):
    folder = tmp_path / "run"
    optimizers = ["--optimizer-d", "nsgd", "--optimizer-g", "adansgd", "--lr-d", "0.01", "--lr-g", "1e-3"]
    code, out, err = _run(capsys, *_TRAIN, *optimizers, "--out", str(folder))
    assert (code, err) == (0, "")
    assert "fd-digits@50" in out
    for part in ("run.json", "records.jsonl", "checkpoints", "samples", "report/index.html"):
        assert (folder / part).exists(), part


def test_train_speaks_json(tmp_path, capsys):
    code, out, _ = _run(capsys, *_TRAIN, "--json", "--out", str(tmp_path / "run"))
    result = json.loads(out)
    assert (code, result["outcome"], result["step"]) == (0, "finished", 4)
    assert result["metrics"]["fd-digits@50"] > 0


def test_the_same_command_again_changes_nothing(trained, capsys):
    before = (trained / "records.jsonl").read_bytes()
    assert _run(capsys, *_TRAIN, "--out", str(trained))[0] == 0
    assert (trained / "records.jsonl").read_bytes() == before


def test_other_settings_in_the_same_folder_are_named(trained, capsys):
    before = (trained / "records.jsonl").read_bytes()
    code, out, err = _run(capsys, *_TRAIN, "--seed", "9", "--out", str(trained))
    assert (code, out) == (2, "")
    assert "seed is 0 there and 9 here" in err
    assert (trained / "records.jsonl").read_bytes() == before


def test_eval_measures_the_checkpoint(trained, capsys):
    code, out, _ = _run(capsys, "eval", str(trained), "--samples", "30", "--json")
    result = json.loads(out)
    assert (code, result["step"]) == (0, 4)
    assert "fd-digits@30" in result["metrics"]


def test_report_writes_the_page_anew(trained, capsys):
    page = trained / "report" / "index.html"
    page.unlink()
    code, out, _ = _run(capsys, "report", str(trained))
    assert code == 0
    assert out.strip() == str(page)
    assert page.is_file()


def test_runs_are_laid_side_by_side(trained, tmp_path, capsys):
    other = tmp_path / "other"
    assert _run(capsys, *_TRAIN, "--seed", "7", "--shadow", "adam", "--out", str(other))[0] == 0
    code, out, _ = _run(capsys, "report", str(trained), str(other), "--out", str(tmp_path / "both"))
    page = tmp_path / "both" / "index.html"
    assert (code, out.strip()) == (0, str(page))
    text = page.read_text()
    assert '<th scope="row">seed</th><td>0</td><td>7</td>' in text
    assert "over those of Adam(betas=(0.5, 0.999), eps=1e-08)" in text


def test_studies_of_a_folder_are_compared_and_make_a_board(tmp_path, capsys):
    study = ["study", "run", "pace", "--scale", "smoke", "--workers", "1"]
    code, _, err = _run(capsys, *study, "--out", str(tmp_path / "old"))
    assert (code, err) == (0, "")
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    code, out, _ = _run(capsys, "study", "diff", str(tmp_path / "old"), str(tmp_path / "new"))
    assert code == 0
    assert "0 of" in out
    code, out, _ = _run(capsys, "study", "diff", str(tmp_path / "old"), str(tmp_path / "new"), "--json")
    assert all(change["old"] == change["new"] for change in json.loads(out)["changes"])
    code, out, _ = _run(capsys, "report", str(tmp_path))
    assert (code, out.strip()) == (0, str(tmp_path / "report" / "index.html"))
    code, _, err = _run(capsys, "report", str(tmp_path / "old"), str(tmp_path / "new"))
    assert code == 2
    assert "study diff" in err


def test_images_by_path(tmp_path, capsys):
    images = tmp_path / "images"
    images.mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        Image.fromarray(rng.integers(0, 256, (10, 10, 3), dtype=np.uint8)).save(images / f"{i}.png")
    arguments = ["train", "--data", str(images), "--resolution", "8", "--width", "4", *_TINY]
    code, out, _ = _run(capsys, *arguments, "--out", str(tmp_path / "run"))
    assert code == 0
    assert "fd-pixels8@50" in out
    (images / "13.png").write_bytes(b"not a picture")
    code, _, err = _run(capsys, *arguments, "--out", str(tmp_path / "other"))
    assert code == 2
    assert "13.png" in err
    assert not (tmp_path / "other").exists()
    code, _, err = _run(capsys, *arguments, "--on-bad-image", "skip", "--out", str(tmp_path / "other"))
    assert code == 0
    assert "1 images were passed over" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", "--lr-d", "0"], "learning rate"),
        (["train", "--lr-g", "nan"], "learning rate"),
        (["train", "--optimizer-d", "adam", "--betas", "0.5", "1.0"], "betas[1] must be in [0, 1)"),
        (["train", "--betas", "0.5", "0.9"], "--betas is for"),
        (["train", "--optimizer-g", "nsgdd"], "did you mean nsgd"),
        (["train", "--model", "dcgann"], "did you mean dcgan"),
        (["train", "--loss", "hing"], "did you mean hinge"),
        (["train", "--penalty", "r2"], "r1"),
        (["train", "--penalty-weight", "3"], "needs a --penalty"),
        (["train", "--data", "digts"], "did you mean digits"),
        (["train", "--data", "nowhere/at/all"], "no data source or path"),
        (["train", "--data", "ring"], "mlp"),
        (["train", "--data", "digits", "--resolution", "32"], "has its own"),
        (["train", "--model", "mlp", "--norm", "none"], "mlp has no norm"),
        (["train", "--device", "abacus"], "torch device"),
        (["train", "--steps", "0"], "steps must be >= 1"),
        (["eval", "nowhere"], "no run folder"),
        (["report", "nowhere"], "holds no run"),
        (["report"], "name a folder"),
        (["report", "nowhere", "--out", "x"], "--out is for several runs"),
        (["report", "nowhere", "elsewhere"], "nowhere holds no run"),
        (["study", "diff", "nowhere", "elsewhere"], "nowhere holds no study"),
        (["train", "--shadow", "adm"], "did you mean adam"),
        (["study", "run", "graftin"], "did you mean grafting"),
        (["study", "run", "grafting", "--scale", "smal"], "did you mean small"),
        (["study", "run", "grafting", "--workers", "0"], "workers must be >= 1"),
    ],
)
def test_mistakes_get_one_sentence_and_write_nothing(arguments, told, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = _run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("paripassu: ")
    assert err.count("\n") == 1
    assert told in err
    assert not list(tmp_path.rglob("*.jsonl"))


def test_an_empty_image_folder(tmp_path, capsys):
    code, _, err = _run(capsys, "train", "--data", str(tmp_path), "--resolution", "8")
    assert code == 2
    assert "holds no images" in err


def test_a_folder_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    code, _, err = _run(capsys, *_TRAIN, "--out", str(tmp_path / "file" / "run"))
    assert code == 1
    assert "what was complete is kept" in err


@pytest.mark.parametrize("command", ["demo", "train", "eval", "study", "report"])
def test_every_command_has_help(command, capsys):
    code, out, _ = _run(capsys, command, "--help")
    assert code == 0
    assert "usage: paripassu " + command in out


def test_the_studies_are_listed(capsys):
    code, out, _ = _run(capsys, "study", "list")
    assert code == 0
    assert "grafting" in out


def test_a_study_from_the_command_line_at_smoke_scale(tmp_path, capsys):
    out_folder = tmp_path / "study"
    code, out, _ = _run(
        capsys, "study", "run", "grafting", "--scale", "smoke", "--out", str(out_folder), "--quiet"
    )
    assert code == 0
    assert "ring8" in out
    assert "digits" in out
    page = out_folder / "report" / "index.html"
    assert page.is_file()
    code, out, _ = _run(
        capsys, "study", "report", "grafting", "--scale", "smoke", "--out", str(out_folder), "--json"
    )
    assert code == 0
    assert [d["dataset"] for d in json.loads(out)["datasets"]] == ["ring8", "digits"]
    code, _, err = _run(capsys, "study", "run", "grafting", "--scale", "demo", "--out", str(out_folder))
    assert code == 2
    assert "holds the study grafting at scale smoke" in err


def test_a_dry_run_runs_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = _run(capsys, "study", "run", "grafting", "--dry-run")
    assert code == 0
    assert len(out.splitlines()) == 2 * 6 * (5 * 2 + 8)
    assert not list(tmp_path.iterdir())
