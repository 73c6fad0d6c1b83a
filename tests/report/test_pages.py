"""Pages say what the records say, escape what they show and ask nothing of the network."""

import io
import json
import re
from html.parser import HTMLParser

import pytest
from PIL import Image
from rich.console import Console

from paripassu.records import (
    ArmResult,
    DatasetResult,
    End,
    Environment,
    Losses,
    Metric,
    RateResult,
    RecordWriter,
    RunHeader,
    Samples,
    StudyResult,
    Update,
    Verdict,
    dump,
)
from paripassu.report import series
from paripassu.report.run import spread, write_run_page
from paripassu.report.statistics import estimate
from paripassu.report.study import write_study_page
from paripassu.report.terminal import study_table

HOSTILE = "<script>alert('x')</script></script><img src=x onerror=alert(1)>&\"'"
WHERE = Environment(HOSTILE, {"python": "3.11"}, "a CPU", 2, "", "2026-01-01T00:00:00+00:00")


def _run(folder, *, outcome="finished", name="mode-overlap@50", steps=(0, 5, 10), end=True):
    (folder / "samples").mkdir(parents=True)
    (folder / "run.json").write_text(dump(RunHeader({"name": HOSTILE, "seed": 3}, WHERE)))
    with RecordWriter(folder / "records.jsonl") as write:
        for step in steps:
            write(Metric(step, name, step / 20))
            picture = f"samples/{step:09d}.png"
            Image.new("RGB", (4, 4), (step, 0, 0)).save(folder / picture)
            write(Samples(step, picture))
            write(Losses(step, 1.0, float("nan")))
            write(Update(step, "discriminator", "", 1.0, 0.2, 4.0, 1.0))
            write(Update(step, "generator", "", 1.0, 0.1, 4.0, 1.0))
            write(Update(step, "generator", "0.weight", 1.0, 99.0, 4.0, 1.0))
        if end:
            write(End(steps[-1], outcome, "the loss is not finite" if outcome == "diverged" else "", 1.0))


def _study(folder, *, finished=True, values=(0.4, 0.6)):
    arms = []
    for arm, factor in ((HOSTILE, 1.0), ("sgda", 0.1)):
        runs = [f"runs/ring8/{len(arms)}/{seed}" for seed in range(2)]
        for run in runs:
            _run(folder / run, outcome="diverged" if arm == "sgda" else "finished")
        kept = estimate([factor * v for v in values])
        grid = [RateResult(lr, kept, 0) for lr in (0.01, 0.1)]
        arms.append(
            ArmResult(arm, HOSTILE, grid, 0.1, True, {"mode-overlap@50": kept}, 2 * (arm == "sgda"), runs)
        )
    verdict = Verdict("supported", "because " + HOSTILE)
    dataset = DatasetResult("ring8", "a ring", "mode-overlap@50", "higher", arms, verdict)
    datasets = [dataset] if finished else []
    result = StudyResult(
        "tiny", HOSTILE, "a claim", "One.\n\nTwo.", "smoke", ["Much."], [0], [1, 2], datasets, WHERE
    )
    folder.mkdir(exist_ok=True)
    (folder / "study.json").write_text(dump(result))
    return result


class _Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture(params=["run", "study"])
def page(request, tmp_path):
    folder = tmp_path / "folder"
    if request.param == "run":
        _run(folder)
        return write_run_page(folder)
    _study(folder)
    return write_study_page(folder)


def test_hostile_text_is_shown_as_text(page):
    text = page.read_text()
    assert "alert('x')</script>" not in text
    assert "<img src=x" not in text
    tags = _Tags(text).found
    scripts = [attrs for tag, attrs in tags if tag == "script"]
    assert all(a.get("src") in ("plotly.min.js", "figures.js") or "data-figure" in a for a in scripts)
    assert not any(name.startswith("on") for _, attrs in tags for name in attrs)


def test_nothing_is_asked_of_the_network(page):
    for tag, attrs in _Tags(page.read_text()).found:
        for name in ("src", "href"):
            assert not re.match(r"(https?:)?//", attrs.get(name) or ""), (tag, attrs)
    for name in ("style.css", "figures.js"):
        assert "http" not in (page.parent / name).read_text()
    assert "default-src 'none'" in page.read_text()


def test_all_that_a_page_names_is_there_and_figures_are_json(page):
    text = page.read_text()
    for _, attrs in _Tags(text).found:
        for name in ("src", "href"):
            target = attrs.get(name)
            if target and not target.startswith(("#", "data:")):
                assert (page.parent / target).is_file(), target
    figures = re.findall(
        r'<script type="application/json" data-figure="[^"]+">(.*?)</script>', text, re.DOTALL
    )
    assert figures
    for figure in figures:
        assert json.loads(figure)["layout"]


def test_a_page_is_small_and_can_be_written_twice(page):
    size = sum(p.stat().st_size for p in page.parent.rglob("*") if p.is_file())
    assert size < 10_000_000
    names = sorted(p.relative_to(page.parent) for p in page.parent.rglob("*"))
    run = page.parent.parent
    assert (write_study_page if (run / "study.json").exists() else write_run_page)(run) == page
    assert sorted(p.relative_to(page.parent) for p in page.parent.rglob("*")) == names


def test_a_study_page_tells_the_verdict_the_cut_and_the_command(tmp_path):
    _study(tmp_path / "s")
    text = write_study_page(tmp_path / "s").read_text()
    for told in (
        "supported",
        "Much.",
        "edge of its grid",
        "2 of 2",
        "a claim",
        "Two.",
        "a CPU, 2 cores",
        "1, 2",
    ):
        assert told in text, told


def test_unfinished_work_says_so(tmp_path):
    _study(tmp_path / "s", finished=False)
    assert "Not finished" in write_study_page(tmp_path / "s").read_text()
    _run(tmp_path / "r", end=False)
    assert "Not finished" in write_run_page(tmp_path / "r").read_text()


def test_a_diverged_run_says_why(tmp_path):
    _run(tmp_path / "r", outcome="diverged")
    assert "The loss is not finite" in write_run_page(tmp_path / "r").read_text()


def test_the_terminal_table_fits_80_columns(tmp_path):
    result = _study(tmp_path / "s")
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(study_table(result))
    lines = console.export_text().splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert any("supported" in line for line in lines)
    assert any(line.startswith("* ") for line in lines)


def test_pace_is_relative_step_over_relative_step(tmp_path):
    _run(tmp_path / "r")
    records = series.read_runs({"a": [tmp_path / "r"]})
    pace = series.over_seeds(series.pace(series.updates(records)))
    assert pace["mean"].to_list() == pytest.approx([2.0, 2.0, 2.0])


def test_bands_are_the_range_over_seeds_without_what_is_not_finite():
    records = {"a": [[Metric(1, "m", v)] for v in (1.0, 4.0, float("nan"))]}
    row = series.over_seeds(series.metrics(records)).to_dicts()
    assert row == [{"arm": "a", "step": 1, "mean": 2.5, "low": 1.0, "high": 4.0}]


def test_pictures_are_spread_over_the_steps():
    shown = dict.fromkeys(range(0, 100, 10))
    assert list(spread(shown, 4)) == [0, 30, 60, 90]
    assert list(spread({5: None}, 4)) == [5]
