"""``paripassu eval`` as a person types it: metrics, devices, weights."""

import json
import sys
from types import ModuleType

import pytest
from tests.cases.commands import run

from paripassu.files import sealed, unsealed


def test_eval_measures_the_checkpoint(trained, capsys):
    code, out, _ = run(capsys, "eval", str(trained), "--samples", "30", "--json")
    result = json.loads(out)
    assert (code, result["step"]) == (0, 4)
    assert "fd-digits@30" in result["metrics"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("mps", "not on 'mps'"), ("meta", "not on 'meta'"), ("cuda:9", "there is no cuda:9 here")],
)
def test_eval_refuses_missing_devices(trained, capsys, name, message):
    """On the command line, or in the settings of a run that was trained elsewhere."""
    code, out, err = run(capsys, "eval", str(trained), "--device", name)
    assert (code, out) == (2, "")
    assert message in err
    path = trained / "run.json"
    header = unsealed(path.read_text())
    path.write_text(sealed(header | {"settings": header["settings"] | {"device": name}}))
    assert run(capsys, "eval", str(trained)) == (2, "", err)
    assert err.count("\n") == 1


def test_a_run_from_a_gpu_is_measured_on_the_cpu(trained, capsys):
    _, expected, _ = run(capsys, "eval", str(trained), "--json")
    path = trained / "run.json"
    header = unsealed(path.read_text())
    elsewhere = header["settings"] | {"device": "cuda", "precision": "tf32"}
    path.write_text(sealed(header | {"settings": elsewhere}))
    code, out, _ = run(capsys, "eval", str(trained), "--device", "cpu", "--json")
    assert (code, json.loads(out)) == (0, json.loads(expected))


def test_eval_measures_the_named_metrics(trained, capsys):
    names = ["recall-digits@20", "kd-digits", "fd-pixels8@30"]
    code, out, err = run(capsys, "eval", str(trained), "--metric", *names, "--samples", "40", "--json")
    assert (code, err) == (0, "")
    values = json.loads(out)["metrics"]
    assert [*values] == ["recall-digits@20", "kd-digits@40", "fd-pixels8@30"]
    _, out, _ = run(capsys, "eval", str(trained), "--metric", "kd-digits@40", "--json")
    assert json.loads(out)["metrics"] == {"kd-digits@40": values["kd-digits@40"]}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fd", "'fd' is no METRIC-NETWORK or METRIC-NETWORK@COUNT, such as fd-pixels8@10k"),
        ("fd-digit@30", "no feature network 'digit': did you mean digits?"),
        ("fd-inception@50k", "no metric on inception 'fd': did you mean fid?"),
        ("fid-pixels8@50k", "no metric on pixels8 'fid': did you mean fd?"),
        ("fd-digits@99999999999999999999", "but takes 2 to 1,000,000,000,000: choose another number"),
        ("kd-digits@20k", "kd-digits@20k has 20,000 samples, but takes 2 to 10,000"),
        (
            "recall-digits@2k",
            "recall-digits@2000 compares as many generated as real samples, and the data has 1,797",
        ),
    ],
)
def test_unknown_metrics_are_refused(trained, capsys, name, message):
    code, out, err = run(capsys, "eval", str(trained), "--metric", name)
    assert (code, out) == (2, "")
    assert message in err


def test_eval_refuses_damaged_and_needless_weights(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PARIPASSU_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", ModuleType("fake"))
    monkeypatch.setitem(sys.modules, "torch_fidelity", ModuleType("fake"))
    (tmp_path / "weights.pth").write_bytes(b"damaged")
    command = ["eval", str(trained), "--metric", "fid-inception@10"]
    code, _, err = run(capsys, *command, "--inception-weights", str(tmp_path / "weights.pth"))
    assert code == 2
    assert "weights.pth has SHA-256" in err
    code, _, err = run(capsys, "eval", str(trained), "--inception-weights", "weights.pth")
    assert code == 2
    assert "--inception-weights is for a --metric on inception" in err


def test_eval_refuses_a_number_of_samples_without_effect(trained, capsys):
    code, out, err = run(capsys, "eval", str(trained), "--metric", "fd-digits@30", "--samples", "40")
    assert (code, out) == (2, "")
    assert "--samples is for metrics without a COUNT" in err
