"""``paripassu train --conditional``: what a person types and is told."""

import json

import numpy as np
import pytest
from tests.cases.commands import TINY, TRAIN, run
from tests.data.test_contents import put

from paripassu.data import Augmented, Digits, Labelled
from paripassu.recipes import RECIPES, override


def test_a_conditional_run_goes_on_and_is_measured(tmp_path, capsys):
    folder = str(tmp_path / "run")
    code, _, err = run(capsys, *TRAIN, "--conditional", "--out", folder)
    assert code == 0
    assert "classes are not measured one by one" in err
    page = (tmp_path / "run" / "report" / "index.html").read_text()
    assert "DCGAN on Digits by class." in page
    assert "Each row is a class: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9." in page
    more = ["train", "--config", folder, "--steps", "6", "--out", folder, "--json"]
    code, out, _ = run(capsys, *more)
    assert (code, json.loads(out)["step"]) == (0, 6)
    code, out, _ = run(capsys, "eval", folder, "--metric", "fd-digits@20", "--json")
    assert (code, list(json.loads(out)["metrics"])) == (0, ["fd-digits@20"])
    code, _, err = run(capsys, *TRAIN, "--out", folder)
    assert code == 2
    assert "data.is is Labelled there and Digits here" in err


def test_folders_of_classes_by_path(tmp_path, capsys):
    names = [f"{kind}/{i}.png" for kind in ("cat", "dog") for i in range(4)]
    data = ["--data", str(put(tmp_path / "set", *names)), "--resolution", "8", "--channels", "1"]
    code, _, _ = run(capsys, *TRAIN, *data, "--conditional", "--flip", "True", "--out", str(tmp_path / "run"))
    assert code == 0
    images = json.loads((tmp_path / "run" / "run.json").read_text())["images"]
    assert images["classes"] == ["cat", "dog"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--data", "ring", "--conditional"], "ring8 has no labels: leave --conditional out"),
        (["--data", "digits", "--model", "mlp", "--conditional"], "mlp has no conditional form"),
        (["--data", "digits", "--conditional", "--labels", "label"], "leave --labels out"),
        (["--data", "digits", "--labels", "label"], "add --conditional"),
        (["--data", "one.npz", "--conditional"], "is of one class"),
        (["--data", "one.npz", "--conditional", "--labels", "kind"], "no array of labels 'kind'"),
    ],
)
def test_labels_that_cannot_be_end_in_one_sentence(tmp_path, capsys, monkeypatch, options, told):
    monkeypatch.chdir(tmp_path)
    np.savez("one.npz", images=np.zeros((9, 8, 8), np.uint8), labels=np.ones(9, int))
    code, out, err = run(capsys, "train", "--width", "4", *TINY, *options, "--out", "run")
    assert (code, out) == (2, "")
    assert told in err
    assert len(err.strip().splitlines()) <= 3
    assert not (tmp_path / "run").exists()


def test_a_recipe_keeps_its_augmentation_around_labels():
    base = RECIPES["digits"].run
    labelled = override(base, conditional=True)
    assert labelled.data == Labelled(Digits())
    assert override(labelled, flip=True).data == Augmented(Labelled(Digits()), flip=True)
    assert override(override(labelled, flip=True), conditional=False).data == Augmented(Digits(), flip=True)
    assert override(labelled, steps=3).data == Labelled(Digits())
    assert override(base, data=Labelled(Digits()), conditional=True).data == Labelled(Digits())
