"""Every command: help, one sentence for every mistake, closed outputs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cases.commands import run

import paripassu.cli


def test_a_closed_output_ends_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "paripassu", "bench", "list"]
    finished = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (finished.returncode, finished.stderr) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--lr-d", "0"], "learning rate"),
        (["train", "--lr-g", "nan"], "learning rate"),
        (["train", "--optimizer-d", "adam", "--betas", "0.5", "1.0"], "betas[1] must be in [0, 1)"),
        (["train", "--betas", "0.5", "0.9"], "--betas is for adam, adansgd, adadir"),
        (
            ["train", "--optimizer-d", "rmsprop", "--optimizer-g", "rmsprop", "--momentum", "0.5"],
            "--momentum is for sgd",
        ),
        (["train", "--optimizer-d", "adam"], "--optimizer-d needs --lr-d"),
        (["train", "--recipe", "wgangp-cifar"], "did you mean wgangp-cifar10"),
        (["train", "--recipe", "wgangp-cifar10"], "CIFAR-10 at 32 px"),
        (["train", "--resolution", "32"], "--resolution is for images by path"),
        (
            ["train", "--recipe", "wgangp-cifar10", "--penalty", "none", "--penalty-every", "2"],
            "needs a penalty",
        ),
        (["train", "--penalty-every", "0", "--penalty", "r1"], "penalty_every must be >= 1"),
        (["train", "--path-length", "2"], "dcgan has no styles"),
        (["train", "--data", "ring", "--model", "mlp", "--flip", "True"], "ring8 holds no images"),
        (["train", "--recipe", "stylegan2-256", "--mixing", "2"], "mixing must be in [0, 1]"),
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
        (["train", "--device", "abacus"], "not on 'abacus'"),
        (["train", "--device", "mps"], "networks are on cpu, cuda or cuda:N, not on 'mps': choose one"),
        (["train", "--device", "meta"], "not on 'meta'"),
        (["train", "--device", "cpu:0"], "not on 'cpu:0'"),
        (["train", "--device", "cuda"], "there is no cuda here, for torch sees 0 GPUs: choose cpu"),
        (["train", "--device", "cuda:9"], "there is no cuda:9 here, for torch sees 0 GPUs: choose cpu"),
        (["study", "run", "grafting", "--device", "mps"], "a study's --device must be cpu or cuda"),
        (["study", "run", "grafting", "--device", "cuda:9"], "got 'cuda:9'"),
        (["study", "run", "grafting", "--device", "cuda"], "there is no cuda here"),
        (["study", "report", "grafting", "--device", "meta"], "got 'meta'"),
        (["train", "--steps", "0"], "steps must be >= 1"),
        (["eval", "nowhere"], "there is no folder nowhere"),
        (["report", "nowhere"], "there is no folder nowhere"),
        (["report"], "name a folder"),
        (["report", "nowhere", "--out", "x"], "--out is for several runs"),
        (["report", "nowhere", "elsewhere"], "there is no folder nowhere"),
        (["study", "diff", "nowhere", "elsewhere"], "there is no folder nowhere"),
        (["train", "--shadow", "adm"], "did you mean adam"),
        (["study", "run", "graftin"], "did you mean grafting"),
        (["study", "run", "grafting", "--scale", "smal"], "did you mean small"),
        (["study", "run", "grafting", "--workers", "0"], "workers must be >= 1"),
        (["study", "run", "grafting", "--ray-address", "auto"], "are for --engine ray: add it"),
        (["study", "run", "grafting", "--engine", "ray", "--run-cpus", "0"], "cpus must be > 0"),
        (["study", "run", "grafting", "--engine", "ray"], "pip install 'paripassu[ray]'"),
        (["theory", "phase", "--engine", "ray"], "pip install 'paripassu[ray]'"),
        (["study", "run", "grafting", "--run-gpus", "0.5"], "--run-gpus is for --device cuda: add it"),
        (["study", "run", "grafting", "--device", "cuda", "--run-gpus", "2"], "must be in (0, 1]"),
        (
            ["study", "run", "grafting", "--pack", "auto"],
            "--pack is for --device cuda, because a core has no",
        ),
        (["study", "run", "grafting", "--device", "cuda", "--pack", "auto"], "there is no cuda here"),
        (
            ["study", "run", "grafting", "--device", "cuda", "--pack", "33"],
            "must be auto or in 1 to 32, got '33'",
        ),
        (["study", "run", "grafting", "--device", "cuda", "--pack", "all"], "must be auto or in 1 to 32"),
        (
            ["study", "run", "grafting", "--device", "cuda", "--pack", "2", "--run-gpus", "0.5"],
            "--pack gives each pack a whole GPU, and --run-gpus a part of it: leave one out",
        ),
        (["study", "run", "collapse", "--device", "cuda"], "a sweep of the theory does not use a GPU"),
        (["study", "run", "grafting", "--data", "cifar10"], "--data takes NAME=PATH"),
        (["study", "run", "grafting", "--data", "cifar10=a", "cifar10=b"], "--data names one set twice"),
        (["study", "run", "collapse", "--data", "a=b"], "takes no data by path"),
        (
            ["study", "report", "collapse", "--out", "no where"],
            "run `paripassu study run collapse --scale small --out 'no where'` first",
        ),
        (
            ["study", "report", "grafting", "--data", "cifar10=x", "--device", "cuda"],
            "run `paripassu study run grafting --scale small --data cifar10=x --device cuda` first",
        ),
    ],
)
def test_mistakes_get_one_sentence_and_write_nothing(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("paripassu: ")
    assert err.count("\n") == 1
    assert message in err
    assert not list(tmp_path.rglob("*.jsonl"))


@pytest.mark.parametrize(
    "command",
    [
        ["theory", "play", "--no-open", "--out", "file/page.html"],
        ["theory", "play", "--no-open", "--out", "file/deep/page.html"],
        ["demo", "--no-open", "--out", "file"],
        ["train", "--steps", "1", "--out", "file"],
        ["theory", "run", "--steps", "1", "--seeds", "1", "--out", "file/sweep"],
    ],
)
def test_a_file_where_a_folder_must_be_is_named(command, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    code, out, err = run(capsys, *command)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert "file is " in err
    assert Path("file").read_text() == "mine"


@pytest.mark.parametrize("command", paripassu.cli._COMMANDS)
def test_every_command_has_help(command, capsys):
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    assert "usage: paripassu " + command in out


def test_no_command_at_all_shows_the_commands_and_is_a_mistake(capsys):
    code, out, _ = run(capsys)
    assert code == 2
    assert "theory" in out


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (
            ["--tyro-print-completion", "tcsh"],
            "--tyro-print-completion needs bash, zsh or fish after it, got tcsh",
        ),
        (["--tyro-print-completion=tcsh"], "bash, zsh or fish after it, got =tcsh"),
        (["--tyro_print_completion", "csh"], "got csh"),
        (["train", "--tyro-print-completion", "tcsh"], "got tcsh"),
        (["--tyro-print-completion"], "got nothing"),
        (["--tyro-write-completion", "tcsh", "-"], "got tcsh"),
        (["--tyro-write-completion", "zsh"], "needs a file to write: name it after zsh"),
        (["--tyro-write-completion", "zsh", "not-there/script"], "not-there/script is no file in a folder"),
    ],
)
def test_completion_for_another_shell_is_refused(typed, sentence, capsys):
    code, out, err = run(capsys, *typed)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert sentence in err


def test_completion_is_printed_and_written(tmp_path, capsys):
    code, printed, _ = run(capsys, "--tyro-print-completion", "fish")
    assert (code, "complete" in printed) == (0, True)
    assert run(capsys, "--tyro-write-completion", "fish", str(tmp_path / "script"))[0] == 0
    assert (tmp_path / "script").read_text().strip() == printed.strip()


def test_the_help_says_how_to_see_the_version(capsys):
    assert "--version prints the version" in " ".join(run(capsys, "--help")[1].split())
