"""Pages say what the records say, escape what they show and ask nothing of the network."""

import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote

import plotly.graph_objects
import polars as pl
import pytest
from rich.console import Console
from tests.cases.folders import (
    HOSTILE,
    WHERE,
    WRITERS,
    board_page,
    outcomes,
    run_folder,
    run_page,
    study_folder,
    sweep_folder,
    sweep_page,
)

from paripassu.evidence.intervals import estimate
from paripassu.records import Fit, RunHeader, RunStart, Samples, Update
from paripassu.records.codec import RecordWriter, dump
from paripassu.report import figures, heat_map
from paripassu.report.board import write_board
from paripassu.report.collapse_figures import growth
from paripassu.report.run import metric_figures, spread, write_run_page
from paripassu.report.side_by_side import write_side_by_side
from paripassu.report.study import write_study_page
from paripassu.report.terminal import study_table


class _Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture(params=WRITERS)
def page(request, tmp_path):
    return WRITERS[request.param](tmp_path / "folder")


def test_hostile_text_is_shown_as_text(page):
    text = page.read_text()
    assert "alert('x')</script>" not in text
    assert "<img src=x" not in text
    tags = _Tags(text).found
    scripts = [attrs for tag, attrs in tags if tag == "script"]
    assert all(
        a.get("src") in ("plotly.min.js", "figures.js", "keyboard.js", "page.js") or "data-figure" in a
        for a in scripts
    )
    assert not any(name.startswith("on") for _, attrs in tags for name in attrs)


def test_nothing_is_asked_of_the_network(page):
    for tag, attrs in _Tags(page.read_text()).found:
        for name in ("src", "href"):
            assert not re.match(r"(https?:)?//", attrs.get(name) or ""), (tag, attrs)
    for name in ("style.css", "figures.js", "keyboard.js", "page.js"):
        assert "http" not in (page.parent / name).read_text()
    assert "default-src 'none'" in page.read_text()


def test_all_that_a_page_names_is_there_and_figures_are_json(page):
    text = page.read_text()
    for _, attrs in _Tags(text).found:
        for name in ("src", "href"):
            target = attrs.get(name)
            if target and not target.startswith(("#", "data:")):
                assert (page.parent / unquote(target)).is_file(), target
    if "claims, and what" in text:
        return  # the board has no figures
    figures = re.findall(
        r'<script type="application/json" data-figure="[^"]+">(.*?)</script>', text, re.DOTALL
    )
    assert figures
    for figure in figures:
        plotly.graph_objects.Figure(json.loads(figure))  # raises where plotly has no such property
        assert json.loads(figure)["data"]


def test_a_page_is_small(page):
    size = sum(p.stat().st_size for p in page.parent.rglob("*") if p.is_file())
    assert size < 2_000_000


@pytest.mark.parametrize(
    ("write", "home"), [(write_run_page, "run"), (write_study_page, "home/study"), (write_board, "home")]
)
def test_a_page_can_be_written_twice(write, home, tmp_path):
    run_folder(tmp_path / "run")
    study_folder(tmp_path / "home" / "study")
    folder = tmp_path / home
    page = write(folder)
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert write(folder) == page
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files


def test_a_study_page_has_verdict_cut_and_command(tmp_path):
    study_folder(tmp_path / "s")
    text = write_study_page(tmp_path / "s").read_text()
    for words in (
        "supported",
        "Much.",
        "close to the largest of the generator&#39;s rate tried",
        "2 of 2",
        "a claim",
        "Two.",
        "a CPU, 2 cores",
        "1, 2",
    ):
        assert words in text, words


def test_a_study_page_has_each_arms_budget_and_intervals(tmp_path):
    study_folder(tmp_path / "s", extra={"modes@50": [6.0, 8.0]})
    whole = write_study_page(tmp_path / "s").read_text()
    assert "<td>7\xa0±\xa01.4 [unknown]</td>" in whole  # a line may break between them, and within none
    text = whole.replace("\xa0", " ")
    rows = re.findall(r'<tr[^>]*><th scope="row">sgda</th>(.*?)</tr>', text)
    tables = [re.findall("<td>(.*?)</td>", row) for row in rows if "<img" not in row]
    deciding, others, given = tables[:3]
    assert deciding[:4] == [
        "0.05 ± 0.014",
        "unknown",
        "0.1 and 0.2, linear to 0 (close to the largest of the generator&#39;s rate tried)",
        "2 of 2",
    ]
    assert others == ["7 ± 1.4 [unknown]"]
    assert given == ["2", "4", "2", "0.4", "0.45 [0.35, 0.55]", "50%"]
    assert "12 runs on ring8" in text
    assert '<tr><th scope="row">runs</th><td>12</td></tr>' in text
    assert "0.3 [0.2, 0.4] a lead" in text


def test_curves_say_that_a_run_that_diverged_is_in_them_until_then(tmp_path):
    study_folder(tmp_path)
    assert "A run that diverged is in them until then." in write_study_page(tmp_path).read_text()


@pytest.mark.parametrize(("hits", "expected"), [(16, []), (17, [1000])])
def test_growth_has_a_median_where_most_seeds_recovered(hits, expected):
    median, *_ = growth(outcomes(hits, runs=32), [], {"sgda": "SGDA"})["data"]
    assert median["x"] == expected


def test_one_seed_has_no_deviation(tmp_path):
    study_folder(tmp_path, values=(0.4,), extra={"other": [7.0]})
    text = write_study_page(tmp_path).read_text().replace("\xa0", " ")
    assert "<td>0.4</td><td>unknown</td>" in text
    assert "<td>7 [unknown]</td>" in text
    assert "differences of 1 seed, paired" in text


def test_the_plane_of_the_modes_says_how_many_seeds_it_shows(tmp_path):
    assert "Each line is a neuron of one seed." in sweep_page(tmp_path).read_text()


def test_every_seed_is_beside_the_mean_and_its_interval():
    found = estimate([1.0, 2.0, 6.0, 3.0, 3.0])
    points, mean = figures.values({"an arm": found}, "a metric")["data"]
    assert points["x"] == found.values
    (low,), (high,), (value,) = mean["error_x"]["arrayminus"], mean["error_x"]["array"], mean["x"]
    assert (value - low, value, value + high) == pytest.approx((found.low, 3.0, found.high))


@pytest.mark.parametrize(
    ("far", "kind"), [(150.0, None), (500.0, "log"), (-1.0, None)], ids=["near", "far", "negative"]
)
def test_a_run_that_is_far_from_all_others_leaves_them_apart(far, kind):
    found = figures.values({"an arm": estimate([2.0, 3.0]), "another": estimate([2.0, far])}, "a metric")
    assert found["layout"]["xaxis"].get("type") == kind


def test_twelve_arms_look_different():
    """Also where a figure has markers alone."""
    arms = [f"arm {number}" for number in range(12)]
    found = figures.values({arm: estimate([1.0, 2.0]) for arm in arms}, "a metric")["data"][::2]
    assert len({(points["marker"]["color"], points["marker"]["symbol"]) for points in found}) == 12


@pytest.mark.parametrize(
    ("log", "values", "expected"),
    [
        (True, [0.01, 0.0100000025], [-2.25, -1.75]),
        (True, [0.01, 0.1], None),
        (False, [4.0, 4.0], [3.9, 4.1]),
        (False, [-4.0, -3.9], [-4.05, -3.85]),
        (False, [4.0, 5.0], None),
        (True, [math.nan, 0.0], None),
    ],
)
def test_rounding_noise_is_not_stretched_over_an_axis(log, values, expected):
    rows = [("a", "weight", step, value, value, value, value) for step, value in enumerate(values)]
    frame = pl.DataFrame(rows, schema=["arm", "layer", "step", "mean", "low", "high", "size"], orient="row")
    curve = figures.curves(frame, ["a"], y="length", log=log)["layout"]["yaxis"].get("range")
    scale = heat_map.heat(frame, ["a"], "size", log=log)["layout"]["coloraxis"]
    for ends in (curve, [scale["cmin"], scale["cmax"]] if "cmin" in scale else None):
        assert ends == (expected and pytest.approx(expected, abs=1e-6))


def test_unfinished_work_says_so(tmp_path):
    study_folder(tmp_path / "s", finished=False)
    assert "Not finished" in write_study_page(tmp_path / "s").read_text()
    run_folder(tmp_path / "r", end=False)
    assert "Not finished" in write_run_page(tmp_path / "r").read_text()


def test_a_diverged_run_says_why(tmp_path):
    run_folder(tmp_path / "r", outcome="diverged")
    assert "The loss is not finite" in write_run_page(tmp_path / "r").read_text()


def test_the_terminal_table_fits_80_columns(tmp_path):
    result = study_folder(tmp_path / "s")
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(study_table(result, tmp_path / "s"))
    lines = console.export_text().splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert any("supported" in line for line in lines)
    assert any(line.startswith("* ") for line in lines)


@pytest.mark.parametrize("edge", [True, False])
def test_the_terminal_table_explains_its_marks_where_they_appear(edge, tmp_path):
    result = study_folder(tmp_path / "s")
    (game,) = result.games
    edges = ["largest of the generator's rate"] if edge else []
    arms = [replace(arm, arm="an arm", edges=edges) for arm in game.arms]
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(study_table(replace(result, games=[replace(game, arms=arms)]), tmp_path / "s"))
    text = console.export_text()
    assert ("linear to 0!" in text, "! at an edge of what was tried" in text) == (edge, edge)
    assert "* best mean" in text


def test_pictures_are_spread_over_the_steps():
    shown = dict.fromkeys(range(0, 100, 10))
    assert list(spread(shown, 4)) == [0, 30, 60, 90]
    assert list(spread({5: None}, 4)) == [5]


def test_a_map_shows_what_varies_and_a_line_says_what_does_not(tmp_path):
    text = run_page(tmp_path / "run").read_text()
    found = re.findall(r"<h3>(.*?)</h3>.*?<script[^>]*data-figure[^>]*>(.*?)</script>", text, re.DOTALL)
    figures = {title.replace("&#39;", "'"): json.loads(data) for title, data in found}
    whose = "The generator's steps, layer by layer"
    expected = {": length": [99.0, 104.0, 109.0], ", against those of Adam()": [0.0, 0.5, 1.0]}
    assert {title for title in figures if title.startswith(whose)} == {whose + end for end in expected}
    for title, values in expected.items():
        (panel,) = figures[whose + title]["data"]
        assert panel["type"] == "heatmap"
        assert (panel["x"], panel["y"], panel["customdata"]) == ([0, 5, 10], ["layer 1, weight"], [values])
    (lengths,) = figures[whose + ": length"]["data"]
    assert lengths["z"] == [pytest.approx([1.996, 2.017, 2.037])]
    for words in (
        ": direction. The cosine is 1 in every",
        ", over those of Adam(). The length is 9.9 in every",
    ):
        assert f"layer by layer{words} layer, at every step." in text


def test_a_line_instead_of_a_map_speaks_of_layers_that_moved(tmp_path):
    with RecordWriter(tmp_path / "records.jsonl") as write:
        for step in (50, 100):
            write(Update(step, "critic", "0.weight", 1.0, 0.1, 4.0, 1.0))
            write(Update(step, "critic", "1.weight", 0.0, 0.0, 4.0, float("nan")))
    text = write_run_page(tmp_path).read_text()
    assert "length. The length is 0.1 wherever a layer moved." in text
    assert "direction. The cosine is 1 wherever a layer moved." in text


def test_records_of_a_probe_alone_have_a_page(tmp_path):
    """A probe in anybody's training loop writes them; there is no run.json."""
    with RecordWriter(tmp_path / "records.jsonl") as write:
        for step in (50, 100):
            write(Update(step, "critic", "0.weight", 1.0, 0.0, 0.0, float("nan")))
            write(Update(step, "critic", "", 1.0, 0.2, 4.0, 1.0))
    text = write_run_page(tmp_path).read_text()
    assert "How far the critic steps" in text
    assert "Measurements" not in text
    assert "Not finished" not in text


@pytest.mark.parametrize("others", ["ring", "digits"])
def test_real_data_beside_runs_are_those_of_each(tmp_path, others):
    for name, data in (("a", "ring"), ("b", others), ("c", "ring")):
        run_folder(tmp_path / name)
        (tmp_path / name / "run.json").write_text(dump(RunHeader({"data": {"is": data}}, WHERE)))
    text = write_side_by_side([tmp_path / name for name in "abc"], tmp_path / "out").read_text()
    named = ["real data"] if others == "ring" else ["real data of a, c", "real data of b"]
    assert list(dict.fromkeys(re.findall(r"real data[a-z, ]*\b", text))) == named


def test_runs_side_by_side_name_what_differs(tmp_path):
    for name, seed in (("a", 3), ("b", 4)):
        run_folder(tmp_path / name)
        (tmp_path / name / "run.json").write_text(
            dump(
                RunHeader(
                    {"loss": {"is": "same"}, "data": {"root": HOSTILE + str(seed)}, "seed": seed}, WHERE
                )
            )
        )
    text = write_side_by_side([tmp_path / "a", tmp_path / "b"], tmp_path / "out").read_text()
    assert '<tr><th scope="row">seed</th><td>3</td><td>4</td></tr>' in text
    assert '<th scope="row">data.<wbr>root</th>' in text
    assert '<tr><th scope="row">a</th><td>0.5</td><td>finished</td><td>10</td></tr>' in text
    assert "is</th>" not in text
    assert "<script>alert" not in text
    for wrong, words in (
        ([tmp_path / "a"], "two runs or more"),
        ([tmp_path / "a", tmp_path / "b" / ".." / "a"], "named twice"),
        ([tmp_path / "a", tmp_path / "c"], "there is no folder .*c: name"),
    ):
        with pytest.raises(ValueError, match=words):
            write_side_by_side(wrong, tmp_path / "out")


@pytest.mark.parametrize("other", [300.0, 100.0])
def test_the_level_of_untrained_networks_is_marked_where_runs_agree_on_it(other):
    rows = [("a", 0, 0, 300.0), ("a", 0, 5, 20.0), ("b", 0, 0, other), ("b", 0, 5, 30.0)]
    table = pl.DataFrame(rows, schema=["arm", "seed", "step", "value"], orient="row")
    (figure,) = metric_figures(table.with_columns(kind=pl.lit("Metric"), name=pl.lit("m")), ["a", "b"], "raw")
    marks = [mark["y0"] for mark in figure.figure["layout"].get("shapes", [])]
    assert marks == ([300.0] if other == 300 else [])


def test_a_run_that_began_with_weights_of_another_was_not_untrained(tmp_path):
    run_folder(tmp_path)
    start = RunStart("/runs/first", 5000, "0" * 64)
    (tmp_path / "run.json").write_text(dump(RunHeader({"seed": 3}, WHERE, start=start)))
    text = write_run_page(tmp_path).read_text()
    assert "It began with the weights of /runs/first, step 5,000." in text
    assert "at the start" in text
    assert "untrained" not in text


def test_a_page_of_runs_leaves_the_files_of_others_alone(tmp_path):
    runs = [tmp_path / "a", tmp_path / "b"]
    for run in runs:
        run_folder(run)
    theirs = tmp_path / "thesis" / "data" / "measured.csv"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("1")
    with pytest.raises(ValueError, match=r"thesis holds files that are no page .* --out"):
        write_side_by_side(runs, tmp_path / "thesis")
    assert theirs.read_text() == "1"
    for _ in range(2):  # a page of ours is replaced
        assert write_side_by_side(runs, tmp_path / "out").exists()


def test_a_file_outside_of_the_run_is_not_shown(tmp_path):
    """Somebody else's folder could show any picture of this machine on a page that is then passed on."""
    run_folder(tmp_path / "run")
    run_folder(tmp_path / "other")
    picture = tmp_path / "other" / "samples" / "000000000.png"
    (tmp_path / "run" / "samples" / "link.png").symlink_to(picture)
    records = tmp_path / "run" / "records.jsonl"
    text = records.read_text()
    for path in (
        "../other/samples/000000000.png",
        str(picture),
        "samples/link.png",
        "samples/../../other/samples/000000000.png",
        "run.json",
        "samples/.png/../../run.json",
    ):
        records.write_text(text)
        with RecordWriter(records) as write:
            write(Samples(11, path))
        with pytest.raises(ValueError, match=r"run names .*, which is not samples/\*\.png in that folder"):
            write_run_page(tmp_path / "run")


def test_a_run_outside_of_the_study_is_not_read(tmp_path):
    result = study_folder(tmp_path / "s")
    run_folder(tmp_path / "other")
    (tmp_path / "s" / "runs" / "ring8" / "0" / "link").symlink_to(tmp_path / "other")
    (game,) = result.games
    for path in ("../other", str(tmp_path / "other"), "runs/../../other", "runs/ring8/0/link", "runs/a/b/.."):
        arms = [replace(arm, runs=[path]) for arm in game.arms]
        (tmp_path / "s" / "study.json").write_text(dump(replace(result, games=[replace(game, arms=arms)])))
        if path == "runs/a/b/..":
            write_study_page(tmp_path / "s")  # in the study, and no run
            continue
        with pytest.raises(ValueError, match=r"s names .*, which is not runs/\*/\*/\* in that folder"):
            write_study_page(tmp_path / "s")


def test_the_page_of_a_sweep_says_what_it_is_for(tmp_path):
    text = sweep_page(tmp_path / "sweep").read_text()
    lead = (
        "At the best pair of rates of each grid, nSGDA found every mode in 20 of 32 runs and had them at the "
        "end in 20. SGDA found every mode in 2 of 32 runs and had them at the end in 2."
    )
    assert text.index(f'<p class="lead">{lead}') < text.index("Claim under test")
    assert "Claim under test: C5: no rates; C6: the same pace." in text
    assert '<p class="about">C5: at no rates (d = 1,000)</p>' in text
    assert "0.1 [0.05, 0.2] a share" in text
    assert "What this size leaves out. A lot." in text
    assert "It was edited." in text
    assert re.search(r"<h2>Protocol</h2>\s*<div class=\"blocks\">\s*<p>If &lt;script", text)
    assert '<th scope="row">scale</th><td>small</td>' in text
    assert '<th scope="row">gamma</th><td>0.1</td>' in text


_PARTS = ("gamma", "rarest", "modes", "n_generator", "n_discriminator")
SWEEPS = {
    "run": (
        [outcomes(9, part="run")],
        ["Outcomes", "Paths through the plane of the modes", "Pace over time"],
    ),
    "phase": (
        [outcomes(9), outcomes(9, part="grid")],
        ["The best pair of each grid, on fresh seeds", "Outcomes over the learning rates"],
    ),
    "scaling": ([outcomes(9, d=d) for d in (100, 1000)], ["Growth", "Every dimension"]),
    "vary": ([outcomes(9, part=part) for part in _PARTS], ["Unequal modes", "Generator neurons m_G"]),
}


@pytest.mark.parametrize("kind", SWEEPS)
def test_every_kind_of_sweep_has_a_page_and_a_terminal_table(kind, tmp_path):
    tables, titles = SWEEPS[kind]
    fits = [Fit("sgda", 1.25, 1.0, 1.5, [100, 1000])] if kind == "scaling" else []
    result = sweep_folder(tmp_path, *tables, kind=kind, fits=fits)
    text = write_study_page(tmp_path).read_text()
    headings = re.findall(r"<h2>(.*?)</h2>", text)
    assert [title for title in titles if title not in headings] == []
    assert "SGDA</th>" in text
    for figure in re.findall(r"<script[^>]*data-figure[^>]*>(.*?)</script>", text, re.DOTALL):
        plotly.graph_objects.Figure(json.loads(figure))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(study_table(result, tmp_path))
    shown = console.export_text()
    assert "9 of 32" in shown
    assert ("1.25" in shown) == ("<td>1.25</td>" in text) == (kind == "scaling")


def test_a_study_of_an_unknown_kind_is_refused(tmp_path):
    sweep_folder(tmp_path, outcomes(9), kind="waltz")
    with pytest.raises(ValueError, match="kind 'waltz', and this paripassu knows comparison, run"):
        write_study_page(tmp_path)


def test_names_are_no_markup_in_the_terminal(tmp_path):
    result = study_folder(tmp_path / "s")
    (game,) = result.games
    arms = [replace(arm, arm="[bold]an arm[/bold]") for arm in game.arms]
    shown = replace(result, games=[replace(game, game="[red]ring", arms=arms)])
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(study_table(shown, tmp_path / "s"))
    text = console.export_text()
    assert "[bold]an arm[/bold]" in text
    assert "[red]ring" in text


def test_the_board_has_every_claim(tmp_path):
    text = board_page(tmp_path / "folder").read_text()
    plain = re.sub(r"</?a[^>]*>", "", text)
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</th><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td>", plain)
    assert [row[:2] for row in rows[:4]] == [(claim, "no study here") for claim in ("C1", "C2", "C3", "C4")]
    assert rows[4:] == [
        ("C5", "phases, small", "d = 1,000", "supported"),
        ("C5", "phases, small", "", "not finished"),
        ("C6", "tiny, smoke", "ring8", "supported"),
        ("C6", "phases, small", "", "not finished"),
        ("beyond", "tiny, smoke", "", "not finished"),
        ("beyond", "theory-vary, small", "", "no rule to decide by"),
    ]
    lead = (
        "C5: d = 1,000, 0.1 [0.05, 0.2] a share (supported 1 ×). C6: ring8, 0.3 [0.2, 0.4] a lead "
        "(supported 1 ×). No study here has a result on C1, C2, C3 and C4."
    )
    assert f'<p class="lead">{lead}' in plain
    assert "What this size leaves out. A lot." in text
    assert "No study here tests whether this is the reason it works." in text
    assert "2 arms, 2 seeds, 12 runs" in text
    with pytest.raises(ValueError, match="holds no studies"):
        write_board(tmp_path)


@pytest.mark.parametrize(
    ("better", "bars"), [("higher", ["", "██████", "████████████"]), ("lower", ["████████████", "███", "█"])]
)
def test_a_longer_bar_in_the_terminal_is_a_better_arm(better, bars, tmp_path):
    result = study_folder(tmp_path / "s")
    (game,) = result.games
    metric = "fd-digits@50"
    values = {"higher": (0.0, 0.5, 1.0), "lower": (8.0, 32.0, 100.0)}[better]
    arms = [
        replace(game.arms[0], arm=f"arm {n}", edges=[], estimates={metric: estimate([value])})
        for n, value in enumerate(values)
    ]
    shown = replace(game, metric=metric, better=better, arms=arms)
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(study_table(replace(result, games=[shown]), tmp_path / "s"))
    rows = [line for line in console.export_text().splitlines() if "arm " in line and "linear" in line]
    assert ["".join(c for c in row if c == "█") for row in rows] == bars
