"""Names of any bytes, terminals of any encoding, interrupts at any time, readers that go away."""

import io
import os
import signal
import subprocess
import sys

import pytest
from rich.table import Table
from tests.cases.commands import TINY, run

from paripassu.__main__ import INTERRUPTED, main
from paripassu.cli import output

NAME = "x[/b]y[bold]:smile:\udcff\n\x1b]0;owned\x07\u202e"
SHOWN = r"x[/b]y[bold]:smile:\xff\n\x1b]0;owned\x07\u202e"
RING = ["train", "--data", "ring", "--model", "mlp", "--width", "4", *TINY, "--quiet"]
SWEEP = ["theory", "run", "--d", "60", "--n-discriminator", "4", "--n-generator", "3", "--seeds", "1"]


def _is_plain(text):
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.usefixtures("here")
def test_every_command_prints_names_as_they_are_written(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    for name in ("run", "sweep", "both"):
        (tmp_path / NAME / name).mkdir(parents=True)
    sweep = [*SWEEP, "--steps", "5", "--out", f"{NAME}/sweep"]
    for command, shown in (
        ([*RING, "--out", f"{NAME}/run"], f"Page: {SHOWN}/run/report/index.html\n"),
        (["eval", f"{NAME}/run", "--quiet"], f"{SHOWN}/run, step 4"),
        (["report", f"{NAME}/run"], f"{SHOWN}/run/report/index.html\n"),
        ([*RING, "--out", f"{NAME}/other", "--seed", "1"], SHOWN),
        (["report", f"{NAME}/run", f"{NAME}/other", "--out", f"{NAME}/both"], f"{SHOWN}/both/index.html\n"),
        (sweep, f"Page: {SHOWN}/sweep/report/index.html\n"),
        (["study", "diff", f"{NAME}/sweep", f"{NAME}/sweep"], "0 of"),
        (["report", NAME], f"{SHOWN}/report/index.html\n"),
    ):
        code, out, err = run(capsys, *command)
        assert (code, err) == (0, ""), command
        assert "".join(shown.split()) in "".join(out.split())  # a table's title is as wide as the table
        assert _is_plain(out)
    for page in (tmp_path / NAME).rglob("index.html"):
        assert "\x1b" not in page.read_text(encoding="utf-8")
    for wrong in (
        ["study", "list", NAME],
        ["study", "run", "a", f"--{NAME}"],
        [NAME],
        ["train", "--lr-d", NAME],
    ):
        code, out, err = run(capsys, *wrong)
        assert (code, out) == (2, ""), wrong
        assert _is_plain(err)
        assert r"x1b]0;owned" in err
    for wrong in (
        ["eval", f"{NAME}/none"],
        ["report", f"{NAME}/none"],
        ["study", "diff", f"{NAME}/none", "a"],
        ["study", "run", f"{NAME}.py"],
        ["study", "report", "mixtures", "--out", f"{NAME}/none"],
        ["theory", "run", "--out", f"{NAME}/run"],
        ["train", "--data", f"{NAME}/none"],
    ):
        code, out, err = run(capsys, *wrong)
        assert (code, out, err.count("\n")) == (2, "", 1), wrong
        assert _is_plain(err)
        assert r"\x1b]0;owned\x07" in err


def test_text_in_tables_is_no_markup(capsys):
    table = Table(NAME, title="[/b]")
    table.add_row("[bold]a\x1b[2J")
    output.show(table)
    output.notice(NAME)
    out, err = capsys.readouterr()
    assert "[/b]" in out
    assert r"[bold]a\x1b[2J" in out
    assert err == f"{SHOWN}\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_a_terminal_that_lacks_a_character_shows_another(encoding, monkeypatch):
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    output.replace_what_cannot_be_shown()
    output.line("a ▇ 大")
    output.show("± █")
    output.fail("ü 大")
    shown, failed = (stream.buffer.getvalue() for stream in streams if stream.flush() is None)
    assert shown.startswith(b"a ")
    assert shown.count(b"\n") == 2
    assert failed.startswith(b"paripassu: ")


_LOCALE = """
import locale, sys
from paripassu.__main__ import main
from paripassu.engine import LocalEngine
assert locale.getpreferredencoding(False).lower() in ("ansi_x3.4-1968", "ascii", "us-ascii")
LocalEngine.execute = lambda _, function, tasks: ((task, function(task)) for task in tasks)
run, sweep, name = RING, SWEEP, sys.argv[1]
codes = [
    main([*run, "--out", f"{name}/run"]),
    main(["eval", f"{name}/run", "--quiet"]),
    main([*sweep, "--steps", "5", "--workers", "1", "--quiet", "--out", f"{name}/sweep"]),
    main(["study", "list"]),
    main(["bench", "list"]),
    main(["study", "diff", f"{name}/sweep", f"{name}/sweep"]),
    main(["report", name]),
    main(["report", f"{name}/run"]),
]
sys.exit(any(codes))
"""


def test_every_command_works_where_the_locale_is_not_utf8(tmp_path):
    name = tmp_path / "größe"
    script = _LOCALE.replace("RING, SWEEP", f"{RING}, {SWEEP}")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(name)],
        env=os.environ | ascii_only,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (name / "report" / "index.html").read_text(encoding="utf-8")


_AT_IMPORT = """
import os, signal, sys
import paripassu.__main__ as entry

class Interrupting:
    def find_spec(self, name, *_):
        if name == WHEN:
            os.kill(os.getpid(), signal.Signals(int(sys.argv[1])))

sys.meta_path.insert(0, Interrupting())
sys.exit(entry.main(["theory", "run"]))
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_during_imports_is_a_sentence(how):
    script = _AT_IMPORT.replace("WHEN", "'torch'")
    done = subprocess.run(
        [sys.executable, "-c", script, str(int(how))], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + how, "", f"{INTERRUPTED}\n")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_during_a_command_is_a_sentence(how, capfd, monkeypatch, tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    monkeypatch.setattr("paripassu.cli.study.run", lambda *_, **__: os.kill(os.getpid(), how))
    monkeypatch.chdir(tmp_path)
    assert main(SWEEP) == 128 + how
    assert capfd.readouterr().err == f"{INTERRUPTED}\n"
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_an_ignored_interrupt_stays_ignored(monkeypatch, tmp_path, capsys):
    """A shell starts what runs in the background so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("paripassu.cli.study.run", lambda *_, **__: os.kill(os.getpid(), signal.SIGINT))
        patch.setattr("paripassu.cli.study.show", lambda *_, **__: None)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            assert main([*SWEEP, "--out", str(tmp_path)]) == 0
        finally:
            signal.signal(signal.SIGINT, before)


def test_help_for_a_reader_that_goes_away_ends_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "paripassu", "theory", "--help"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode in (0, 1)
