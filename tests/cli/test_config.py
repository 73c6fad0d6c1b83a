"""``train --config``: settings from a file or a run, options before them."""

import json

import pytest
from tests.cases.commands import TRAIN, run

from paripassu.recipes import RECIPES, from_config
from paripassu.train import from_settings


def _dry(capsys, *arguments):
    code, out, err = run(capsys, "train", *arguments, "--dry-run")
    assert code == 0, err
    return json.loads(out)


def _toml(settings, path=""):
    """Plain values in TOML, which has no null."""
    lines, tables = [], []
    for key, value in settings.items():
        name = f"{path}.{key}".lstrip(".")
        if isinstance(value, dict):
            tables += [f"[{name}]", *_toml(value, name)]
        elif value is not None:
            lines.append(f"{key} = {json.dumps(value)}")
    return [*lines, *tables]


@pytest.fixture
def settings(capsys):
    options = ["--optimizer-d", "adansgd", "--lr-d", "1e-3", "--steps", "7", "--device", "cpu"]
    return _dry(capsys, "--model", "mlp", "--width", "8", *options)


@pytest.mark.parametrize("kind", ["json", "toml"])
def test_what_a_dry_run_printed_is_taken_back(kind, settings, tmp_path, capsys):
    file = tmp_path / f"mine.{kind}"
    file.write_text(json.dumps(settings) if kind == "json" else "\n".join(_toml(settings)))
    assert _dry(capsys, "--config", str(file)) == settings
    assert _dry(capsys, "--config", str(file), "--seed", "3") == settings | {"seed": 3}


def test_a_file_may_hold_some_settings(tmp_path):
    file = tmp_path / "some.toml"
    file.write_text(
        "steps = 9\n[generator]\nlr = 0.5\n[discriminator]\nlr = 2e-4\n"
        '[discriminator.rule]\nis = "SGD"\nmomentum = 0.5\n'
    )
    run = RECIPES["digits"].run
    mine = from_config(file, run)
    assert (mine.steps, mine.generator.lr, mine.generator.rule) == (9, 0.5, run.generator.rule)
    assert type(mine.discriminator.rule).__name__ == "SGD"
    assert mine.data == run.data


@pytest.mark.parametrize("rule", ['is = "Adam"', 'unit = "rms"', 'rule = {is = "Adam"}', 'scope = "layer"'])
def test_a_rule_of_another_kind_needs_its_learning_rate(rule, tmp_path, capsys):
    """As ``--optimizer-d`` does, because the recipe's is in another unit."""
    file = tmp_path / "some.toml"
    file.write_text(f"[discriminator.rule]\n{rule}\n")
    code, _, err = run(capsys, "train", "--config", str(file), "--dry-run")
    assert (code, err.count("discriminator.rule needs discriminator.lr beside it: the recipe's 0.03")) == (
        2,
        1,
    )
    assert _dry(capsys, "--config", str(file), "--lr-d", "1e-3")["discriminator"]["lr"] == 1e-3
    file.write_text(f"[discriminator]\nlr = 2e-4\n[discriminator.rule]\n{rule}\n")
    assert _dry(capsys, "--config", str(file))["discriminator"]["lr"] == 2e-4


def test_a_rules_numbers_may_change_alone(tmp_path):
    file = tmp_path / "some.toml"
    file.write_text("discriminator.rule.rule.momentum = 0.5")
    before = RECIPES["digits"].run
    after = from_config(file, before).discriminator
    assert (after.lr, after.rule.rule.momentum) == (before.discriminator.lr, 0.5)


def test_a_run_starts_from_anothers_settings(trained, tmp_path, capsys):
    settings = json.loads((trained / "run.json").read_text())["settings"]
    for config in (trained, trained / "run.json"):
        assert _dry(capsys, "--config", str(config), "--batch", "9") == settings | {"batch": 9}
    code, _, err = run(capsys, *TRAIN[:1], "--recipe", "digits", "--config", str(trained), "--dry-run")
    assert (code, "leave --recipe out" in err) == (2, True)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"stepz": 5}', "there is no setting 'stepz': did you mean steps"),
        ('{"generator": {"lrr": 5}}', "generator: there is no setting 'lrr': did you mean lr"),
        ('{"generator": {"rule": {"is": "Adm"}}}', "Adm is no Rule"),
        ('{"steps": 12.7}', "steps: it must be a whole number, got 12.7"),
        ('{"channels_last": "False"}', "channels_last: it must be true or false, got 'False'"),
        ('{"steps": 0}', "steps must be >= 1"),
        ('{"updates": "both"}', "updates: it must be one of alternating, simultaneous, got 'both'"),
        ('{"loss": "hing"}', "loss: there is no loss 'hing': did you mean hinge"),
        ('{"generator": 5}', "generator: this is no object"),
        ("[1]", "settings must be an object"),
        ("steps = 5", "this is no JSON"),
        ("", "this is no JSON"),
        ("\udcff", "this is no JSON"),
    ],
)
def test_a_wrong_file_is_refused_in_a_sentence(text, sentence, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.json"
    file.write_bytes(text.encode(errors="surrogateescape"))
    code, out, err = run(capsys, "train", "--config", "mine.json")
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert err.startswith("paripassu: mine.json: ")
    assert sentence in err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.json"]


def test_a_file_of_another_kind_hears_of_both(tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("steps: 5")
    code, _, err = run(capsys, "train", "--config", str(tmp_path / "mine.yaml"))
    assert (code, "no JSON" in err, "ends in .toml" in err) == (2, True, True)


def test_a_config_that_is_not_there_or_no_run_is_refused(tmp_path, capsys):
    code, _, err = run(capsys, "train", "--config", str(tmp_path / "none.json"))
    assert (code, "no such file or folder" in err) == (2, True)
    code, _, err = run(capsys, "train", "--config", str(tmp_path))
    assert (code, "is no run folder" in err) == (2, True)


def test_settings_of_every_recipe_come_back(tmp_path):
    for name, recipe in RECIPES.items():
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(recipe.run.settings()))
        assert from_config(file, RECIPES["digits"].run) == recipe.run == from_settings(recipe.run.settings())
