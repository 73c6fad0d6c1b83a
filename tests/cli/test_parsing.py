"""The command line is parsed before anything heavy is imported, by names that agree with what they name."""

import ast
import inspect
import json
import re
import shlex
import subprocess
import sys
from dataclasses import MISSING, fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import pytest
from tests.cases.commands import run

import paripassu.cli
from paripassu.cli import names, run_options, sweeps
from paripassu.cli.train import EXAMPLES, Train
from paripassu.data import images
from paripassu.metrics import NETWORKS
from paripassu.protocol.sweeps import METHODS, PhaseSweep, RunSweep, ScalingSweep, VarySweep
from paripassu.recipes import RECIPES, Options
from paripassu.recipes.override import _OF_MODELS
from paripassu.theory import Framework
from paripassu.theory.collapse import framework
from paripassu.theory.collapse.full import FULL_METHODS
from paripassu.train import Capture
from paripassu.train import names as train_names
from paripassu.train.run import Precision, Updates
from paripassu.train.serialization import loss_names

PARSE = """
import json, sys
from paripassu.__main__ import main
code = 0
try:
    code = main(json.loads(sys.argv[1]))
except SystemExit as stop:
    code = stop.code
heavy = {"torch", "numpy", "polars", "numba", "sklearn", "plotly", "cattrs", "rich", "matplotlib"}
found = sorted(heavy & {name.partition(".")[0] for name in sys.modules})
print(json.dumps([code or 0, found]), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (["--help"], 0),
        ([], 2),
        (["train", "--help"], 0),
        (["theory", "phase", "--help"], 0),
        (["trian"], 2),
        (["train", "--lr-d", "abc"], 2),
    ],
)
def test_help_and_mistakes_import_nothing_heavy(typed, code):
    done = subprocess.run(
        [sys.executable, "-c", PARSE, json.dumps(typed)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stderr.splitlines()[-1]) == [code, []]


@pytest.mark.parametrize(
    ("listed", "named"),
    [
        (names.RECIPES, RECIPES),
        (names.MODELS, train_names.MODELS),
        (names.OPTIMIZERS, train_names.OPTIMIZERS),
        (names.PENALTIES, train_names.PENALTIES),
        (names.LOSSES, loss_names()),
        (names.NETWORKS, NETWORKS),
        (sweeps._METHODS, METHODS),
        (get_args(names.Channels), get_args(images.Channels)),
        (get_args(names.OnBadImage), get_args(images.OnBadImage)),
        (get_args(names.Updates), get_args(Updates)),
        (get_args(names.Precision), get_args(Precision)),
        (get_args(names.Capture), get_args(Capture)),
        (get_args(names.Law), get_args(framework.Law)),
    ],
)
def test_names_in_the_help_are_those_that_exist(listed, named):
    assert list(listed) == list(named)


def test_train_has_an_option_for_every_setting():
    groups = [field.default_factory for field in fields(Train) if is_dataclass(field.default_factory)]
    typed = {field.name for group in groups for field in fields(group)}
    assert typed >= set(Options.__annotations__)


def _help(kind):
    """The docstring below each field of a dataclass."""
    (node,) = ast.parse(inspect.getsource(kind)).body
    return {
        field.target.id: ast.literal_eval(text.value)
        for field, text in pairwise(node.body)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr)
    }


@pytest.mark.parametrize("option", _OF_MODELS)
def test_help_of_a_networks_option_names_the_models_that_have_it(option):
    has = {name for name, model in train_names.MODELS.items() if hasattr(model, option)}
    text = _help(run_options.NetworkOptions)[option]
    named = {name for name in names.MODELS if re.search(rf"(?<![\w-]){name}", text)}
    assert named == has or (named, has) == (set(), set(names.MODELS))


@pytest.mark.parametrize("option", ["momentum", "batch", "trainable", "decay"])
def test_help_of_a_sweeps_option_names_the_methods_that_take_it(option):
    text = _help(sweeps.RunOptions)[option]
    given = {"momentum": 0.5, "batch": 8, "trainable": True, "decay": "linear"}[option]
    for method in (*METHODS, "shares", *FULL_METHODS):
        try:
            RunSweep(Framework(), (method,), **{option: given})
        except ValueError:
            assert method not in text
        else:
            assert method in text


def test_every_option_of_a_rule_names_own_files(capsys):
    text = " ".join(run(capsys, "train", "--help")[1].replace("│", " ").split())
    for option in ("optimizer-d", "optimizer-g", "shadow"):
        about = text.partition(f"--{option} NAME")[2].partition("(the recipe's)")[0]
        assert "FILE.py:NAME" in about


def _types(kind):
    """Types of fields by name, with every alias of a choice as the set of its values."""
    hints = get_type_hints(kind)
    return {each.name: _plain(hints[each.name]) for each in fields(kind)}


def _plain(hint):
    arguments = get_args(hint)
    if arguments and all(isinstance(each, str) for each in arguments):
        return frozenset(arguments)
    return (str(get_origin(hint)), tuple(map(_plain, arguments))) if arguments else hint


@pytest.mark.parametrize(
    ("options", "kind", "left_out", "own"),
    [
        (sweeps.FrameworkOptions, Framework, set(), {}),
        (sweeps.PhaseFrameworkOptions, Framework, set(), {"d": 10_000}),
        (sweeps.FrameworkOfAnySize, Framework, {"d"}, {}),
        (sweeps.RunOptions, RunSweep, {"framework"}, {}),
        (sweeps.PhaseOptions, PhaseSweep, {"framework"}, {"lr_d": None, "lr_g": None}),
        (sweeps.ScalingOptions, ScalingSweep, {"framework"}, {}),
        (sweeps.VaryOptions, VarySweep, {"framework"}, {}),
    ],
)
def test_options_of_a_sweep_are_its_fields(options, kind, left_out, own):
    theirs, ours = _types(kind), _types(options)
    assert set(ours) == set(theirs) - left_out
    assert {name: ours[name] for name in ours if name not in own} == {
        name: theirs[name] for name in ours if name not in own
    }
    defaults = {each.name: each.default for each in fields(kind)} | own
    assert {each.name: each.default for each in fields(options)} == {name: defaults[name] for name in ours}
    assert MISSING not in {each.default for each in fields(options)}


def test_no_help_of_an_option_has_a_line_break():
    """tyro shows the line breaks of an option's docstring."""
    broken = []
    for path in Path(paripassu.cli.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                docs = [part.value for part in node.body[1:] if isinstance(part, ast.Expr)]
                broken += [f"{path.name}:{doc.lineno}" for doc in docs if "\n" in str(ast.literal_eval(doc))]
    assert broken == []


def test_help_of_train_has_groups_and_ends_with_examples(capsys):
    code, out, _ = run(capsys, "train", "--help")
    titles = ["Data", "Networks", "Optimizers", "Loss", "Schedule", "Measuring", "Speed", "Output"]
    places = [out.index(f" {title} options ") for title in titles]
    assert (code, places) == (0, sorted(places))
    assert out.endswith(EXAMPLES)
    assert EXAMPLES.count("paripassu train") == 3
    assert "(default: None)" not in out


_ROOT = Path(__file__).parents[2]
_COMMAND = re.compile(r"^\$ (?:torchrun .* -m )?paripassu (.*)", re.MULTILINE)


def _documented() -> list[str]:
    pages = [_ROOT / "README.md", _ROOT / "CONTRIBUTING.md", *sorted(_ROOT.glob("docs/*.md"))]
    texts = [page.read_text(encoding="utf-8") for page in pages]
    return list(dict.fromkeys(line for text in texts for line in _COMMAND.findall(text)))


def test_every_command_of_the_guide_can_be_typed(capsys):
    """What it then does is tested where it is done."""
    lines, wrong = _documented(), []
    assert len(lines) > 40
    for line in lines:
        try:
            paripassu.cli.parse(shlex.split(line.partition(" > ")[0], comments=True))
        except SystemExit:
            wrong.append(line)
    assert wrong == []


@pytest.mark.parametrize("line", EXAMPLES.splitlines()[1:])
def test_the_examples_are_commands_that_exist(line, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.json").write_text("{}")
    words = shlex.split(line.partition(">")[0])[1:]
    assert run(capsys, *words, *["--dry-run"] * ("--dry-run" not in words))[0] == 0


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["train", "--lr-d", "abc"], "Error parsing --lr-d: it must be a number, got 'abc'"),
        (["train", "--steps", "1.5"], "Error parsing --steps: it must be a whole number, got '1.5'"),
        (["theory", "run", "--seeds", "few"], "Error parsing --seeds: it must be a whole number, got 'few'"),
    ],
)
def test_what_is_no_number_gets_one_sentence(typed, sentence, capsys):
    code, out, err = run(capsys, *typed)
    assert (code, out) == (2, "")
    assert sentence in " ".join(err.split())
    assert "NoneType" not in err


def test_recipes_are_listed(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = run(capsys, "recipes")
    assert code == 0
    assert all(name in out for name in RECIPES)
    code, out, _ = run(capsys, "recipes", "--json")
    assert (code, list(json.loads(out))) == (0, list(RECIPES))
