"""``paripassu train`` as a person types it: settings, data, folders."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cases.commands import TINY, TRAIN, run

from paripassu.recipes import RECIPES
from paripassu.train import from_settings


def test_train_writes_a_run_folder_with_a_page(tmp_path, capsys):
    folder = tmp_path / "run"
    optimizers = ["--optimizer-d", "nsgd", "--optimizer-g", "adansgd", "--lr-d", "0.01", "--lr-g", "1e-3"]
    code, out, err = run(capsys, *TRAIN, *optimizers, "--out", str(folder))
    assert (code, err) == (0, "")
    assert "fd-digits@50" in out
    for part in ("run.json", "records.jsonl", "checkpoints", "samples", "report/index.html"):
        assert (folder / part).exists(), part


def test_train_prints_json(tmp_path, capsys):
    code, out, _ = run(capsys, *TRAIN, "--json", "--out", str(tmp_path / "run"))
    result = json.loads(out)
    assert (code, result["outcome"], result["step"]) == (0, "finished", 4)
    assert result["metrics"]["fd-digits@50"] > 0


def test_the_same_command_again_changes_nothing(trained, capsys):
    before = (trained / "records.jsonl").read_bytes()
    assert run(capsys, *TRAIN, "--out", str(trained))[0] == 0
    assert (trained / "records.jsonl").read_bytes() == before


def test_other_settings_in_the_same_folder_are_named(trained, capsys):
    before = (trained / "records.jsonl").read_bytes()
    code, out, err = run(capsys, *TRAIN, "--seed", "9", "--out", str(trained))
    assert (code, out) == (2, "")
    assert "seed is 0 there and 9 here" in err
    assert (trained / "records.jsonl").read_bytes() == before


def test_published_data_load_by_name(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = ["train", "--recipe", "wgangp-cifar10", "--data"]
    code, out, _ = run(capsys, *recipe, "cifar10", "--dry-run")
    source = json.loads(out)["data"]["source"]
    own = {"channels": 3, "on_bad_image": "refuse", "revision": None}
    assert (code, source) == (0, {"is": "Hub", "dataset": "cifar10", "resolution": 32} | own)
    assert from_settings(json.loads(out)).data.name == "cifar10"
    stl10 = ["stl10", "--resolution", "48", "--model", "sngan"]
    code, out, _ = run(capsys, *recipe, *stl10, "--dry-run")
    assert (code, json.loads(out)["data"]["source"]["resolution"]) == (0, 48)
    code, _, err = run(capsys, *recipe, "cifar", "--dry-run")
    assert code == 2
    assert "no data source or path 'cifar': did you mean cifar10?" in err
    code, out, _ = run(capsys, *recipe, "ffhq", "--channels", "1", "--on-bad-image", "skip", "--dry-run")
    source = json.loads(out)["data"]["source"]
    assert (code, source["channels"], source["on_bad_image"]) == (0, 1, "skip")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    code, _, err = run(capsys, *recipe, "cifar10")
    assert code == 2
    assert err == "paripassu: cifar10 is on the Hub: pip install 'paripassu[hub]'\n"


def test_images_by_path(tmp_path, capsys):
    images = tmp_path / "images"
    images.mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        Image.fromarray(rng.integers(0, 256, (10, 10, 3), dtype=np.uint8)).save(images / f"{i}.png")
    arguments = ["train", "--data", str(images), "--resolution", "8", "--width", "4", *TINY]
    code, out, _ = run(capsys, *arguments, "--out", str(tmp_path / "run"))
    assert code == 0
    assert "fd-pixels8@50" in out
    code, _, err = run(capsys, *arguments, "--batch", "13", "--out", str(tmp_path / "large"))
    assert code == 0
    assert "images has 12 images for batches of 13: are these all?" in err
    (images / "13.png").write_bytes(b"not a picture")
    code, _, err = run(capsys, *arguments, "--out", str(tmp_path / "other"))
    assert code == 2
    assert "13.png" in err
    assert not (tmp_path / "other").exists()
    code, _, err = run(capsys, *arguments, "--on-bad-image", "skip", "--out", str(tmp_path / "other"))
    assert code == 0
    assert "left out: bad images 1 (13.png" in err


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
    arguments = ["train", "--data", str(images), "--resolution", "8", "--width", "4", *TINY]
    code, _, err = run(capsys, *arguments, "--out", str(tmp_path / "run"))
    assert code == 2
    assert "6 of 18 images in" in err
    assert "the first are bad/animated.gif (animated), bad/bomb.png (" in err
    assert ", bad/cmyk.jpg (CMYK, not RGB or grey): mend them, remove them or skip them" in err
    code, _, err = run(capsys, *arguments, "--on-bad-image", "skip", "--out", str(tmp_path / "run"))
    assert code == 0
    assert "left out: bad images 6 (such as bad/animated.gif (animated))" in err
    assert "folders without images 1 (none); skipped.txt has all" in err
    assert len((tmp_path / "run" / "skipped.txt").read_text().splitlines()) == 7


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        Image.fromarray(rng.integers(0, 256, (40, 36, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return folder


def test_a_few_steps_of_a_published_recipe(photographs, tmp_path, capsys):
    tiny = ["--width", "2", "--batch", "2", "--steps", "5", "--eval-samples", "10", "--device", "cpu"]
    arguments = ["train", "--recipe", "wgangp-cifar10", "--data", str(photographs), *tiny]
    code, out, err = run(capsys, *arguments, "--out", str(tmp_path / "run"), "--json")
    assert (code, err) == (
        0,
        "photographs: 12 images\nphotographs has 12 images for batches of 2: are these all?\n",
    )
    assert (json.loads(out)["outcome"], json.loads(out)["step"]) == ("finished", 5)
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
    command = ["train", "--recipe", "wgangp-cifar10", "--data", "cifar-10-batches-bin", "--steps", "2"]
    code, out, err = run(capsys, *command, *tiny, "--json")
    result = json.loads(out)
    said = "cifar-10-batches-bin: 120 images\n"
    assert (code, err, result["outcome"], result["step"]) == (0, said, "finished", 2)
    folder_of_run = tmp_path / result["run"]
    assert folder_of_run.name.startswith("cifar-10-batches-bin-wgangp-resnet-")
    settings = json.loads((folder_of_run / "run.json").read_text())
    source = {"is": "Cifar", "path": str(folder), "resolution": 32}
    assert settings["settings"]["data"] == {
        "is": "Augmented", "source": source, "flip": False, "dequantize": True,
    }  # fmt: skip
    assert settings["images"]["count"] == 120
    assert {name for name in result["metrics"] if name.endswith("@10")} == {"fd-pixels8@10", "kd-pixels8@10"}


def _resolved(capsys, *arguments: str) -> dict:
    code, out, err = run(capsys, "train", *arguments, "--dry-run", "--device", "cpu")
    assert (code, err) == (0, "CUDA graphs: none, because the run is on the CPU.\n")
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
        "column": None,
        "split": None,
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
        chosen = {"array": None, "split": None} if kind == "Npz" else {}
        settings = {"is": kind, "path": path, "resolution": None} | chosen
        assert _resolved(capsys, "--data", path)["data"] == settings
        recipe = _resolved(capsys, "--recipe", "sngan-stl10", "--data", path)
        assert recipe["data"] == settings | {"resolution": 48}
        code, _, err = run(capsys, "train", "--data", path, "--channels", "1")
        assert code == 2
        assert f"leave out --channels: it is for image files, unlike {path}" in err
    code, _, err = run(capsys, "train", "--data", str(tmp_path / "train-images-idx3-ubyte.gz"))
    assert code == 2
    assert "no IDX file" in err
    code, out, _ = run(
        capsys,
        "train",
        "--data",
        str(tmp_path / "set.npz"),
        "--width",
        "4",
        *TINY,
        "--out",
        str(tmp_path / "r"),
    )
    assert code == 0
    assert "fd-pixels8@50" in out


def test_choices_among_data_are_options(tmp_path, capsys):
    np.savez(tmp_path / "set.npz", a=np.zeros((4, 8, 8), np.uint8), b=np.zeros((5, 8, 8), np.uint8))
    (tmp_path / "images").mkdir()
    images, arrays = str(tmp_path / "images"), str(tmp_path / "set.npz")
    assert _resolved(capsys, "--data", arrays, "--array", "b")["data"]["array"] == "b"
    folder = _resolved(capsys, "--data", images, "--resolution", "8", "--split", "test", "--column", "x")[
        "data"
    ]
    assert (folder["split"], folder["column"]) == ("test", "x")
    for given in (("cifar10@0123abc",), ("cifar10", "--revision", "0123abc")):
        assert _resolved(capsys, "--data", *given)["data"]["revision"] == "0123abc"
    for options, said in {
        ("--data", arrays, "--column", "x"): "leave out --column: it is for Parquet files, unlike",
        ("--data", images, "--array", "x"): "leave out --array: it is for an npz, unlike",
        ("--data", images, "--revision", "x"): "leave out --revision: it is for published sets, unlike",
        ("--data", "cifar10", "--split", "x"): "leave out --split: it is for folders, zips",
        ("--data", "cifar10@a", "--revision", "b"): "names a revision: leave --revision out",
        ("--data", "cifar10@"): "revision must name a commit, tag or branch, got ''",
        ("--data", "digits", "--split", "train"): "leave out --split",
        ("--data", arrays): "choose one with --array",
    }.items():
        code, _, err = run(capsys, "train", *options, "--out", str(tmp_path / "r"))
        assert (code, said in err) == (2, True), err
    assert not (tmp_path / "r").exists()


def test_cifar_as_pickles(tmp_path, capsys):
    for name in ("data_batch_1", "batches.meta"):
        (tmp_path / name).touch()
    code, _, err = run(capsys, "train", "--data", str(tmp_path))
    assert code == 2
    assert "holds the pickled version of CIFAR: unpack CIFAR's binary version, cifar-10-binary.tar.gz" in err


def test_an_empty_image_folder(tmp_path, capsys):
    code, _, err = run(capsys, "train", "--data", str(tmp_path), "--resolution", "8")
    assert code == 2
    assert "holds no images" in err


def test_a_folder_that_cannot_be_written(capsys):
    code, _, err = run(capsys, *TRAIN, "--out", "/proc/run")
    assert code == 1
    assert "complete results are kept" in err


def test_capture_that_cannot_be_is_one_sentence(tmp_path, capsys):
    for dry in ([], ["--dry-run"]):
        options = ["--device", "cpu", "--capture", "on", "--out", str(tmp_path / "run")]
        code, out, err = run(capsys, "train", *options, *dry)
        assert (code, out) == (2, "")
        assert err == (
            "paripassu: a round cannot be one CUDA graph here, because the run is on the CPU: "
            "set capture to auto or off\n"
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--data", "ring"], "dcgan makes images, not points: choose --model mlp"),
        (["--data", "grid", "--model", "sngan"], "sngan makes images, not points"),
        (["--data", "ring", "--model", "mlp", "--flip", "True"], "ring8 holds no images to flip"),
        (["--data", "ring", "--conditional"], "no labels"),
        (["--data", "digits", "--model", "sngan"], "sngan makes square images of 32"),
        (
            ["--data", "photos", "--resolution", "20"],
            "dcgan makes square images of 8, 16, 32 or 64 px, not 20",
        ),
        (["--data", "cifar10", "--resolution", "24"], "not 24 x 24"),
        (
            ["--recipe", "wgangp-cifar10", "--model", "stylegan2", "--data", "photos", "--resolution", "9"],
            "not 9",
        ),
        (["--from", "nothere"], "nothere: name one that paripassu wrote"),
    ],
)
def test_a_dry_run_checks_what_needs_no_data(options, sentence, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    code, out, err = run(capsys, "train", *options, "--dry-run")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert sentence in err


@pytest.mark.parametrize(
    "data", [["ring", "--model", "mlp"], ["stacked-digits"], ["photos", "--resolution", "16"]]
)
def test_a_dry_run_takes_networks_that_fit(data, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    code, _, err = run(capsys, "train", "--data", *data, "--dry-run")
    assert code == 0, err
