"""Commands as a person types them. Results are on standard output; every mistake is one sentence."""

import json
import os
import shutil
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from paripassu.__main__ import main
from paripassu.recipes import RECIPES
from paripassu.train import from_settings

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


def test_train_prints_json(tmp_path, capsys):
    code, out, _ = _run(capsys, *_TRAIN, "--json", "--out", str(tmp_path / "run"))
    result = json.loads(out)
    assert (code, result["outcome"], result["step"]) == (0, "finished", 4)
    assert result["metrics"]["fd-digits@50"] > 0


def test_a_closed_output_ends_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "paripassu", "train", "--dry-run"]
    finished = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (finished.returncode, finished.stderr) == (1, "")


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


@pytest.mark.parametrize(
    ("name", "message"),
    [("mps", "not on 'mps'"), ("meta", "not on 'meta'"), ("cuda:9", "there is no cuda:9 here")],
)
def test_eval_refuses_missing_devices(trained, capsys, name, message):
    """On the command line, or in the settings of a run that was trained elsewhere."""
    code, out, err = _run(capsys, "eval", str(trained), "--device", name)
    assert (code, out) == (2, "")
    assert message in err
    path = trained / "run.json"
    header = json.loads(path.read_text())
    path.write_text(json.dumps(header | {"settings": header["settings"] | {"device": name}}))
    assert _run(capsys, "eval", str(trained)) == (2, "", err)
    assert err.count("\n") == 1


def test_a_run_from_a_gpu_is_measured_on_the_cpu(trained, capsys):
    _, expected, _ = _run(capsys, "eval", str(trained), "--json")
    path = trained / "run.json"
    header = json.loads(path.read_text())
    elsewhere = header["settings"] | {"device": "cuda", "precision": "tf32"}
    path.write_text(json.dumps(header | {"settings": elsewhere}))
    code, out, _ = _run(capsys, "eval", str(trained), "--device", "cpu", "--json")
    assert (code, json.loads(out)) == (0, json.loads(expected))


def test_eval_measures_the_named_metrics(trained, capsys):
    names = ["recall-digits@20", "kd-digits", "fd-pixels8@30"]
    code, out, err = _run(capsys, "eval", str(trained), "--metric", *names, "--samples", "40", "--json")
    assert (code, err) == (0, "")
    values = json.loads(out)["metrics"]
    assert [*values] == ["recall-digits@20", "kd-digits@40", "fd-pixels8@30"]
    _, out, _ = _run(capsys, "eval", str(trained), "--metric", "kd-digits@40", "--json")
    assert json.loads(out)["metrics"] == {"kd-digits@40": values["kd-digits@40"]}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fd", "'fd' is no METRIC-NETWORK or METRIC-NETWORK@COUNT, such as fd-pixels8@10k"),
        ("fd-digit@30", "no feature network 'digit': did you mean digits?"),
        ("fd-inception@50k", "no metric on inception 'fd': did you mean fid?"),
        ("fid-pixels8@50k", "no metric on pixels8 'fid': did you mean fd?"),
        ("kd-digits@20k", "kd-digits@20k has 20,000 samples, but takes 2 to 10,000"),
        (
            "recall-digits@2k",
            "recall-digits@2000 compares as many generated as real samples, and the data has 1,797",
        ),
    ],
)
def test_unknown_metrics_are_refused(trained, capsys, name, message):
    code, out, err = _run(capsys, "eval", str(trained), "--metric", name)
    assert (code, out) == (2, "")
    assert message in err


def test_eval_refuses_damaged_and_needless_weights(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PARIPASSU_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", ModuleType("fake"))
    monkeypatch.setitem(sys.modules, "torch_fidelity", ModuleType("fake"))
    (tmp_path / "weights.pth").write_bytes(b"damaged")
    command = ["eval", str(trained), "--metric", "fid-inception@10"]
    code, _, err = _run(capsys, *command, "--inception-weights", str(tmp_path / "weights.pth"))
    assert code == 2
    assert "weights.pth has SHA-256" in err
    code, _, err = _run(capsys, "eval", str(trained), "--inception-weights", "weights.pth")
    assert code == 2
    assert "--inception-weights is for a --metric on inception" in err


def test_published_data_load_by_name(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = ["train", "--recipe", "wgangp-cifar10", "--data"]
    code, out, _ = _run(capsys, *recipe, "cifar10", "--dry-run")
    source = json.loads(out)["data"]["source"]
    own = {"channels": 3, "on_bad_image": "refuse"}
    assert (code, source) == (0, {"is": "Hub", "dataset": "cifar10", "resolution": 32} | own)
    assert from_settings(json.loads(out)).data.name == "cifar10"
    code, out, _ = _run(capsys, *recipe, "stl10", "--resolution", "48", "--dry-run")
    assert (code, json.loads(out)["data"]["source"]["resolution"]) == (0, 48)
    code, _, err = _run(capsys, *recipe, "cifar", "--dry-run")
    assert code == 2
    assert "no data source or path 'cifar': did you mean cifar10?" in err
    code, out, _ = _run(capsys, *recipe, "ffhq", "--channels", "1", "--on-bad-image", "skip", "--dry-run")
    source = json.loads(out)["data"]["source"]
    assert (code, source["channels"], source["on_bad_image"]) == (0, 1, "skip")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    code, _, err = _run(capsys, *recipe, "cifar10")
    assert code == 2
    assert err == "paripassu: cifar10 is on the Hub: pip install 'paripassu[hub]'\n"


def test_report_writes_the_page_again(trained, capsys):
    page = trained / "report" / "index.html"
    page.unlink()
    code, out, _ = _run(capsys, "report", str(trained))
    assert code == 0
    assert out.strip() == str(page)
    assert page.is_file()


def test_runs_are_compared_side_by_side(trained, tmp_path, capsys):
    other = tmp_path / "other"
    assert _run(capsys, *_TRAIN, "--seed", "7", "--shadow", "adam", "--out", str(other))[0] == 0
    code, out, _ = _run(capsys, "report", str(trained), str(other), "--out", str(tmp_path / "both"))
    page = tmp_path / "both" / "index.html"
    assert (code, out.strip()) == (0, str(page))
    text = page.read_text()
    assert '<th scope="row">seed</th><td>0</td><td>7</td>' in text
    assert "over those of Adam(betas=(0.5, 0.999), eps=1e-08)" in text


def test_studies_in_a_folder_can_be_compared_and_make_a_board(tmp_path, capsys):
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
    code, _, err = _run(capsys, *arguments, "--batch", "13", "--out", str(tmp_path / "large"))
    assert code == 0
    assert "images has 12 images for batches of 13: are these all?" in err
    (images / "13.png").write_bytes(b"not a picture")
    code, _, err = _run(capsys, *arguments, "--out", str(tmp_path / "other"))
    assert code == 2
    assert "13.png" in err
    assert not (tmp_path / "other").exists()
    code, _, err = _run(capsys, *arguments, "--on-bad-image", "skip", "--out", str(tmp_path / "other"))
    assert code == 0
    assert "1 images or folders were passed over" in err


def test_every_kind_of_bad_image_is_refused_and_skipped(tmp_path, capsys):
    """Corrupt, truncated, animated, 16-bit, CMYK, oversized, and an empty class, among mixed sizes."""
    images = tmp_path / "images"
    for folder in ("good", "bad", "none"):
        (images / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i, shape in enumerate([(8, 8, 3), (40, 9, 3), (5, 60), (1, 1, 3)] * 3):
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(images / "good" / f"{i}.png")
    (images / "bad" / "corrupt.png").write_bytes(bytes(50))
    (images / "bad" / "truncated.png").write_bytes((images / "good" / "1.png").read_bytes()[:300])
    first, second = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    first.save(images / "bad" / "animated.gif", save_all=True, append_images=[second])
    Image.fromarray(rng.integers(0, 60_000, (8, 8), dtype=np.uint16)).save(images / "bad" / "deep.png")
    Image.new("CMYK", (8, 8)).save(images / "bad" / "cmyk.jpg")
    Image.new("1", (9500, 9500)).save(images / "bad" / "bomb.png")
    arguments = ["train", "--data", str(images), "--resolution", "8", "--width", "4", *_TINY]
    code, _, err = _run(capsys, *arguments, "--out", str(tmp_path / "run"))
    assert code == 2
    assert "6 of 18 images in" in err
    assert "the first are bad/animated.gif (animated), bad/bomb.png (" in err
    assert ", bad/cmyk.jpg (CMYK, not RGB or grey): mend them, remove them or skip them" in err
    code, _, err = _run(capsys, *arguments, "--on-bad-image", "skip", "--out", str(tmp_path / "run"))
    assert code == 0
    assert "7 images or folders were passed over, the first are bad/animated.gif (animated)" in err
    assert len((tmp_path / "run" / "skipped.txt").read_text().splitlines()) == 7


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
        (["study", "run", "grafting", "--ray-address", "auto"], "are for --engine ray: add it"),
        (["study", "run", "grafting", "--engine", "ray", "--run-cpus", "0"], "cpus must be > 0"),
        (["study", "run", "grafting", "--engine", "ray"], "pip install 'paripassu[ray]'"),
        (["theory", "phase", "--engine", "ray"], "pip install 'paripassu[ray]'"),
        (["study", "run", "grafting", "--run-gpus", "0.5"], "--run-gpus is for --device cuda: add it"),
        (["study", "run", "grafting", "--device", "cuda", "--run-gpus", "2"], "must be in (0, 1]"),
        (["study", "run", "collapse", "--device", "cuda"], "a sweep of the theory does not use a GPU"),
        (["study", "run", "grafting", "--data", "cifar10"], "--data takes NAME=PATH"),
        (["study", "run", "collapse", "--data", "a=b"], "takes no data by path"),
        (
            ["study", "report", "collapse", "--out", "no where"],
            "run `paripassu study run collapse --scale small --out 'no where'` first",
        ),
        (
            ["study", "report", "recovery", "--data", "cifar10=x", "--device", "cuda"],
            "run `paripassu study run recovery --scale small --data cifar10=x --device cuda` first",
        ),
    ],
)
def test_mistakes_get_one_sentence_and_write_nothing(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    code, out, err = _run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("paripassu: ")
    assert err.count("\n") == 1
    assert message in err
    assert not list(tmp_path.rglob("*.jsonl"))


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        Image.fromarray(rng.integers(0, 256, (40, 36, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return folder


def test_twenty_steps_of_a_published_recipe(photographs, tmp_path, capsys):
    tiny = ["--width", "2", "--batch", "2", "--steps", "20", "--eval-samples", "10", "--device", "cpu"]
    arguments = ["train", "--recipe", "wgangp-cifar10", "--data", str(photographs), *tiny]
    code, out, err = _run(capsys, *arguments, "--out", str(tmp_path / "run"), "--json")
    assert (code, err) == (0, "photographs has 12 images for batches of 2: are these all?\n")
    assert (json.loads(out)["outcome"], json.loads(out)["step"]) == ("finished", 20)
    settings = json.loads((tmp_path / "run" / "run.json").read_text())["settings"]
    assert settings["data"]["source"]["resolution"] == 32
    assert settings["data"]["dequantize"]
    assert (settings["n_critic"], settings["generator_batches"], settings["decay"]) == (5, 2, "linear")


def test_wgangp_on_cifars_binary_batches(tmp_path, capsys, monkeypatch):
    """The command of docs/training.md, on a folder as cifar-10-binary.tar.gz leaves it, made small."""
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    rng = np.random.default_rng(0)
    records = rng.integers(0, 256, (120, 3073), dtype=np.uint8)
    records[:, 0] %= 10  # the label
    records.tofile(folder / "data_batch_1.bin")
    (folder / "test_batch.bin").write_bytes(bytes(3073))  # of no use to a training
    (folder / "batches.meta.txt").write_text("airplane\n")
    monkeypatch.chdir(tmp_path)
    tiny = ["--width", "2", "--batch", "4", "--eval-samples", "10", "--device", "cpu"]
    command = [
        "train",
        "--recipe",
        "wgangp-cifar10",
        "--data",
        "cifar-10-batches-bin",
        "--steps",
        "20",
        *tiny,
    ]
    code, out, err = _run(capsys, *command, "--json")
    result = json.loads(out)
    assert (code, err, result["outcome"], result["step"]) == (0, "", "finished", 20)
    run = tmp_path / result["run"]
    assert run.name.startswith("cifar-10-batches-bin-wgangp-resnet-")
    settings = json.loads((run / "run.json").read_text())
    source = {"is": "Cifar", "path": str(folder), "resolution": 32}
    assert settings["settings"]["data"] == {
        "is": "Augmented", "source": source, "flip": False, "dequantize": True,
    }  # fmt: skip
    assert settings["images"]["count"] == 120
    assert {name for name in result["metrics"] if name.endswith("@10")} == {"fd-pixels8@10", "kd-pixels8@10"}


def _resolved(capsys, *arguments: str) -> dict:
    code, out, err = _run(capsys, "train", *arguments, "--dry-run", "--device", "cpu")
    assert (code, err) == (0, "")
    return json.loads(out)


@pytest.mark.parametrize("name", RECIPES)
def test_a_dry_run_prints_the_recipe(name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert from_settings(_resolved(capsys, "--recipe", name)) == RECIPES[name].run
    assert not list(tmp_path.iterdir())


def test_every_setting_of_a_recipe_can_be_replaced(capsys, tmp_path):
    """All settings of a run are replaced at once, each by a value that differs from the recipe's."""
    (tmp_path / "images").mkdir()
    player = ["--weight-decay", "0.1", "--lr-d", "1", "--lr-g", "2", "--betas", "0.1", "0.2"]
    model = ["--latent", "7", "--width", "8", "--fmaps", "0.25", "--mapping-depth", "3", "--mixing", "0.1"]
    model += ["--deviation-group", "2", "--residual", "False"]
    terms = ["--loss", "hinge", "--penalty", "r1-r2", "--penalty-weight", "3", "--penalty-every", "2"]
    terms += ["--path-length", "5", "--path-length-every", "3"]
    data = [
        "--data",
        str(tmp_path / "images"),
        "--resolution",
        "64",
        "--flip",
        "False",
        "--dequantize",
        "True",
    ]
    data += ["--channels", "1", "--on-bad-image", "skip"]
    rest = ["--steps", "3", "--batch", "4", "--generator-batches", "5", "--updates", "simultaneous"]
    rest += ["--decay", "linear", "--ema", "0", "--seed", "6", "--eval-samples", "7", "--log-every", "8"]
    rest += ["--probe-every", "9", "--eval-every", "10", "--checkpoint-every", "11"]
    rest += ["--precision", "bf16", "--channels-last", "True", "--compile", "True"]
    run = _resolved(capsys, "--recipe", "stylegan2-256", *player, *model, *terms, *data, *rest)
    recipe = RECIPES["stylegan2-256"].run.settings()
    same = {name for name in run if run[name] == recipe[name]}
    assert same == {"n_critic", "device", "shadow"}  # simultaneous updates are one each
    assert run["data"]["source"] == {
        "is": "ImageFolder",
        "path": str(tmp_path / "images"),
        "resolution": 64,
        "channels": 1,
        "on_bad_image": "skip",
    }
    assert (run["data"]["flip"], run["data"]["dequantize"]) == (False, True)
    assert run["model"] == {
        "is": "StyleGAN2", "latent": 7, "width": 8, "fmaps": 0.25, "mapping_depth": 3, "mixing": 0.1,
        "deviation_group": 2, "residual": False,
    }  # fmt: skip
    assert run["penalty"] == {"is": "R1R2", "gamma": 3.0}
    assert run["path_length"] == {"weight": 5.0, "decay": 0.01}
    assert [run[p]["lr"] for p in ("discriminator", "generator")] == [1.0, 2.0]
    assert run["generator"]["rule"]["betas"] == [0.1, 0.2]


def test_a_recipe_without_its_terms(capsys):
    run = _resolved(capsys, "--recipe", "stylegan2-256", "--penalty", "none", "--path-length", "0")
    assert (run["penalty"], run["penalty_every"]) == (None, 1)
    assert (run["path_length"], run["path_length_every"]) == (None, 1)


def test_another_penalty_does_not_take_the_recipes_interval(capsys):
    run = _resolved(capsys, "--recipe", "stylegan2-256", "--penalty", "wgan-gp")
    assert (run["penalty"]["is"], run["penalty_every"]) == ("WganGP", 1)


def test_settings_reach_nested_rules(capsys):
    names = ["--optimizer-d", "nsgd-layer", "--optimizer-g", "adansgd", "--lr-d", "1", "--lr-g", "1"]
    run = _resolved(capsys, *names, "--momentum", "0.3", "--betas", "0.1", "0.2")
    assert run["discriminator"]["rule"]["rule"] == {"is": "SGD", "momentum": 0.3}
    assert run["generator"]["rule"]["magnitude"]["betas"] == [0.1, 0.2]
    assert run["generator"]["rule"]["direction"] == {"is": "SGD", "momentum": 0.3}


def test_files_of_pixels_by_path(tmp_path, capsys):
    """npz, IDX and CIFAR's batches are recognised by their files and take the recipe's resolution."""
    np.savez(tmp_path / "set.npz", x=np.zeros((4, 8, 8, 3), np.uint8))
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"")
    (tmp_path / "cifar").mkdir()
    (tmp_path / "cifar" / "data_batch_1.bin").write_bytes(bytes(3073))
    names = {"set.npz": "Npz", "train-images-idx3-ubyte.gz": "Idx", "cifar": "Cifar"}
    for name, kind in names.items():
        path = str(tmp_path / name)
        assert _resolved(capsys, "--data", path)["data"] == {"is": kind, "path": path, "resolution": None}
        recipe = _resolved(capsys, "--recipe", "sngan-stl10", "--data", path)
        assert recipe["data"] == {"is": kind, "path": path, "resolution": 48}
        code, _, err = _run(capsys, "train", "--data", path, "--channels", "1")
        assert code == 2
        assert f"leave out --channels: it is for image files, unlike {path}" in err
    code, _, err = _run(capsys, "train", "--data", str(tmp_path / "train-images-idx3-ubyte.gz"))
    assert code == 2
    assert "no IDX file" in err
    code, out, _ = _run(
        capsys,
        "train",
        "--data",
        str(tmp_path / "set.npz"),
        "--width",
        "4",
        *_TINY,
        "--out",
        str(tmp_path / "r"),
    )
    assert code == 0
    assert "fd-pixels8@50" in out


def test_cifar_as_pickles(tmp_path, capsys):
    for name in ("data_batch_1", "batches.meta"):
        (tmp_path / name).touch()
    code, _, err = _run(capsys, "train", "--data", str(tmp_path))
    assert code == 2
    assert "holds the pickled version of CIFAR: unpack CIFAR's binary version, cifar-10-binary.tar.gz" in err


def test_an_empty_image_folder(tmp_path, capsys):
    code, _, err = _run(capsys, "train", "--data", str(tmp_path), "--resolution", "8")
    assert code == 2
    assert "holds no images" in err


def test_a_folder_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    code, _, err = _run(capsys, *_TRAIN, "--out", str(tmp_path / "file" / "run"))
    assert code == 1
    assert "complete results are kept" in err


@pytest.mark.parametrize("command", ["demo", "train", "eval", "study", "report"])
def test_every_command_has_help(command, capsys):
    code, out, _ = _run(capsys, command, "--help")
    assert code == 0
    assert "usage: paripassu " + command in out


def test_the_studies_are_listed(capsys):
    code, out, _ = _run(capsys, "study", "list")
    assert code == 0
    assert "grafting" in out
    assert "C5: SGDA does not" in out


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
    assert [game["game"] for game in json.loads(out)["games"]] == ["ring8", "digits"]
    code, _, err = _run(capsys, "study", "run", "grafting", "--scale", "demo", "--out", str(out_folder))
    assert code == 2
    assert "holds the study grafting at scale smoke" in err


def test_a_dry_run_runs_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = _run(capsys, "study", "run", "grafting", "--dry-run")
    assert code == 0
    assert out.count("beyond an edge") == 2 * 6
    assert len(out.splitlines()) == 2 * 6 * (5 * 2 + 1 + 8)
    assert not list(tmp_path.iterdir())


def test_the_studies_of_the_framework_at_smoke_scale(tmp_path, capsys):
    for name in ("collapse", "collapse-dimension"):
        out_folder = str(tmp_path / name)
        smoke = ["study", "run", name, "--scale", "smoke", "--workers", "1", "--quiet"]
        code, out, _ = _run(capsys, *smoke, "--dry-run")
        assert (code, out.splitlines()[-1]) == (0, "then the best pairs on fresh seeds")
        assert _run(capsys, *smoke, "--out", out_folder)[0] == 0
        code, out, _ = _run(
            capsys, "study", "report", name, "--scale", "smoke", "--out", out_folder, "--json"
        )
        assert code == 0
        result = json.loads(out)
        assert (result["finished"], result["name"], result["remarks"]) == (True, name, [])
        assert "Runs of this size decide nothing" in result["findings"][0]["verdict"]["reason"]
