"""Whatever is typed, a command ends with an exit code, and with one sentence if it was used wrongly."""

import shlex

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from tests.cases.commands import run

NUMBERS = [
    "0",
    "1",
    "-1",
    "3",
    "0.1",
    "-0.5",
    "1e-320",
    "1e309",
    "nan",
    "inf",
    "-inf",
    "9" * 19,
    "9" * 40,
    "1_0",
]
TEXTS = [
    "",
    " ",
    "x",
    "x[/b]y",
    "[bold]x",
    "x\udcffy",
    "x\ny",
    "\x1b[2J",
    "--",
    "-",
    "é",
    "٣",
    "x" * 300,
    "None",
]
ANYTHING = st.one_of(st.sampled_from(NUMBERS), st.sampled_from(TEXTS), st.text(max_size=5))

# Each command with its options; those that take several values may get none.
OPTIONS = {
    ("theory", "run"): ["d", "gamma", "n-generator", "p-pair", "law", "modes", "weights", "a", "methods",
                        "lr-d", "seeds", "steps", "updates", "momentum", "batch", "workers", "engine"],
    ("theory", "phase"): ["d", "lr-d", "lr-g", "methods", "seeds", "fresh-seeds", "steps", "patience"],
    ("theory", "scaling"): ["dimensions", "lr-d", "lr-g", "seeds", "fresh-seeds", "steps", "gamma", "modes"],
    ("theory", "vary"): ["d", "lr-d", "lr-g", "seeds", "steps", "n-discriminator", "b", "weights"],
    ("bench", "optim"): ["generators", "rounds", "processes", "device", "out"],
    ("bench", "theory"): ["rounds"],
    ("bench", "train"): ["rounds", "device"],
    ("bench", "report"): ["games", "seeds"],
    ("study", "run", "pace", "--dry-run"): ["scale", "data", "device", "workers", "engine", "ray-address",
                                            "run-cpus", "run-gpus", "pack", "out"],
    ("study", "report", "pace"): ["scale", "data", "device", "out"],
    ("study", "diff"): ["json"],
    ("report",): ["out"],
    ("demo", "--quiet"): ["workers"],
}  # fmt: skip


@st.composite
def commands(draw):
    words = draw(st.sampled_from(list(OPTIONS)))
    typed = [*words, *draw(st.lists(ANYTHING, max_size=2 if words[0] in ("report", "study") else 0))]
    for option in draw(st.lists(st.sampled_from(OPTIONS[words]), max_size=3)):
        typed += [f"--{option}", *draw(st.lists(ANYTHING, max_size=2))]
    return typed


class _DoneError(ValueError):
    """All was accepted."""


def _stop(*_, **__):
    raise _DoneError("accepted")


@pytest.fixture
def nothing_runs(tmp_path, monkeypatch):
    """Commands do all but their work."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("paripassu.cli.study.run", _stop)
    monkeypatch.setattr("paripassu.cli.bench.load", _stop)
    return tmp_path


@pytest.mark.usefixtures("nothing_runs")
@settings(
    max_examples=settings().max_examples // 12,  # one takes a tenth of a second
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(commands())
@example(["theory", "run", "--d", "9" * 40])
@example(["theory", "run", "--seeds", "9" * 19])
@example(["theory", "phase", "--steps", str(2**52)])
@example(["theory", "run", "--gamma", "0.9999999999999999"])
@example(["theory", "run", "--weights", "nan", "nan"])
@example(["theory", "run", "--n-generator", "999999"])
@example(["bench", "optim", "--generators"])
@example(["report", "x[/b]y"])
@example(["study", "diff", "x\udcffy", "\x1b[2J"])
@example(["study", "run", "x[/b]y.py"])
@example(["demo", "--quiet"])
def test_any_command_ends_in_a_sentence_or_its_work(nothing_runs, capsys, typed):
    code, out, err = run(capsys, *typed)
    assert code in (0, 2), shlex.join(typed)
    if err.startswith("paripassu: "):
        assert err.count("\n") == 1
        assert out == "" or "accepted" in err  # the demo says what it will play, and then plays it
        assert err.isprintable() or err[:-1].isprintable()
    assert not [path for path in nothing_runs.iterdir() if path.name != "runs"]
