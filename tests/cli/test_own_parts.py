"""A person's own parts on the command line: trained, measured, resumed; mistakes in one sentence, exit 2."""

import json

import pytest
from tests.cases import own
from tests.cases.commands import run

_TINY = ["--steps", "4", "--batch", "8", "--eval-samples", "50", "--log-every", "2", "--probe-every", "2"]


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Trains with own data, networks and rules, from a path relative to the folder."""
    own.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    parts = ["--data", "mine.py:PHOTOS", "--model", "mine.py:networks", "--latent", "3", "--shadow"]
    parts += ["mine.py:GRAFT", "--optimizer-d", "mine.py:Sign", "--optimizer-g", "mine.py:GRAFT"]
    return ["train", *parts, "--lr-d", "0.001", "--lr-g", "0.001", *_TINY, "--out", "run"]


def test_own_parts_are_trained_measured_and_resumed(command, tmp_path, capsys, monkeypatch):
    code, out, err = run(capsys, *command, "--json")
    assert (code, err) == (0, "")
    metrics = json.loads(out)["metrics"]
    assert [*metrics] == ["fd-pixels8@50", "kd-pixels8@50"]
    assert (tmp_path / "run" / "report" / "index.html").is_file()
    monkeypatch.chdir("/")
    assert json.loads(run(capsys, "eval", str(tmp_path / "run"), "--json")[1])["metrics"] == metrics
    monkeypatch.chdir(tmp_path)
    before = (tmp_path / "run" / "records.jsonl").read_bytes()
    assert run(capsys, *command)[0] == 0
    assert (tmp_path / "run" / "records.jsonl").read_bytes() == before


def test_a_changed_file_is_refused_and_its_page_is_not(command, tmp_path, capsys):
    assert run(capsys, *command)[0] == 0
    own.write(tmp_path, "# changed\n")
    for arguments in (command, ["eval", "run"]):
        code, out, err = run(capsys, *arguments)
        assert (code, out) == (2, "")
        assert err == (
            f"paripassu: {tmp_path}/mine.py has changed since this run began: bring it back as it was, "
            "or begin a new run in another folder\n"
        )
    assert run(capsys, "report", "run")[0] == 0


@pytest.mark.parametrize(
    ("option", "name", "said"),
    [
        ("--model", "mine.py:netwroks", "mine.py has no 'netwroks': did you mean networks?"),
        ("--model", "nowhere.py:networks", "nowhere.py cannot be read (No such file or directory)"),
        ("--model", "mine.py", "there is no model 'mine.py': say what in the file, as mine.py:NAME"),
        ("--model", "broken.py:networks", "broken.py, line 2: NameError: name 'network' is not defined"),
        ("--data", "mine.py:GRAFT", "mine.py:GRAFT is an object of Graft, not a Source"),
        ("--optimizer-d", "mine.py:networks", "mine.py:networks is an object of function, not a Rule"),
    ],
)
def test_mistakes_are_one_sentence_and_nothing_is_written(command, tmp_path, capsys, option, name, said):
    (tmp_path / "broken.py").write_text("\nnetwork\n")
    before = sorted(tmp_path.rglob("*"))
    code, out, err = run(capsys, *command, option, name)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert sorted(tmp_path.rglob("*")) == before
