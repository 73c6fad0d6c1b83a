"""Progress by steps: a table of arms on a terminal, a line now and then elsewhere."""

import io

from rich.console import Console

from paripassu.cli.progress import StudyProgress
from paripassu.evidence.under_way import UnderWay


def _shown(progress):
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(progress)
    return console.export_text()


def _run(tmp_path, arm, *, has_ended, values):
    metrics = {"fd-digits@50": [(10 * n, value) for n, value in enumerate(values)]}
    return UnderWay(tmp_path / "runs" / "digits" / arm / "a", 100, 40, metrics, has_ended=has_ended)


def test_before_the_first_run_it_says_what_starts():
    progress = StudyProgress("a study", "Starting 2 workers", speaks=False)
    assert "Starting 2 workers" in _shown(progress)


def test_every_arm_has_its_steps_its_metric_and_its_line(tmp_path):
    progress = StudyProgress("a study", "", speaks=False)
    progress.steps(80, 200)
    progress.runs(
        [
            _run(tmp_path, "adam-magnitude", has_ended=True, values=[3.0, 2.0, 1.0]),
            _run(tmp_path, "sgda", has_ended=False, values=[]),
        ]
    )
    first, second, bar = (line for line in _shown(progress).splitlines()[1:])
    assert "digits adam magnitude" in first
    assert "40 of 100" in first
    assert "fd-digits@50 1" in first
    assert first.rstrip().endswith("█▅▁")
    assert "digits sgda" in second
    assert "80/200" in bar


def test_off_a_terminal_a_line_comes_now_and_then(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("paripassu.cli.progress.time.monotonic", lambda: now[0])
    progress = StudyProgress("a study, steps", "", speaks=True)
    for second in range(71):
        now[0] = float(second)
        progress.steps(10 * second, 1000)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "a study, steps: 300 of 1,000, about 70 s left",
        "a study, steps: 600 of 1,000, about 40 s left",
    ]
