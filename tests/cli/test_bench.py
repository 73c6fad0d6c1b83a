"""The command of the benchmarks, with a few rounds."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tests.cases.graphs import FakeGraphs
from tests.cases.processes import forked

from paripassu.__main__ import main
from paripassu.cli import bench
from paripassu.data import Digits
from paripassu.games import WganGP
from paripassu.models import DCGAN
from paripassu.optim import steps
from paripassu.optim.steps import plain
from paripassu.records import Losses, Pace, Shadow, Update
from paripassu.records.codec import RecordWriter, read_records
from paripassu.rules import Adam
from paripassu.train import Player, Run


def test_every_contestant_has_its_row(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bench.load("optim"), "get_context", forked)
    page = tmp_path / "table.md"
    options = f"--generators SNGAN-32 --rounds 1 --processes 1 --one-thread --out {page} --json --quiet"
    assert main(["bench", "optim", *options.split()]) == 0
    rows = json.loads(capsys.readouterr().out)["SNGAN-32"]
    by_name = {row["contestant"]: row for row in rows}
    assert by_name["torch Adam, fused"]["ratio"] == 1.0
    assert by_name["NSGD global"]["state_mib"] == 0.0
    assert by_name["NSGD global"]["temporary_kib"] < 64
    assert by_name["AdaNSGD, beta1 = 0"]["state_mib"] == pytest.approx(16.3, abs=0.1)
    assert all(row["median_ms"] > 0 for row in rows)
    assert "| NSGD layer |" in page.read_text()


def test_the_median_process_decides_whether_a_target_is_met():
    script = bench.load("optim")

    def row(ratio: float) -> object:
        return script.Row("NSGD", 10 * ratio, ratio, ratio, [ratio], ratio, 0.75, 0.55, 0.6, 0.0, 9.0, 1.0)

    middle = script.of_processes([row(0.8), row(0.5), row(0.7)])
    assert (middle.ratio, middle.ratios, middle.median_ms, middle.fastest_ms) == (
        0.7,
        [0.8, 0.5, 0.7],
        7,
        0.5,
    )
    assert "| 0.70 | 0.50 to 0.80 | 0.70 | 0.60 | 0.75 | 0.55 |" in script.table([middle])
    slow = script.of_processes([row(0.8)])
    assert script.met({"A": [middle, row(0.5)], "B": [slow]}) == (
        "- *at most* is met by NSGD on A (0.700, 0.75); NSGD on A (0.500, 0.75), "
        "**missed** by NSGD on B (0.800, 0.75).\n"
        "- *aim* is met by NSGD on A (0.500, 0.55), "
        "**missed** by NSGD on A (0.700, 0.55); NSGD on B (0.800, 0.55)."
    )
    assert script.met({"A": [middle]}) == "- *at most* is met by every row.\n- *aim* is **met by no row**."


def test_missing_scripts_raise_and_say_where_they_are(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "_SCRIPTS", tmp_path / "benchmarks")
    assert main(["bench", "optim"]) == 2
    assert "from a checkout" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--rounds", "--processes"])
def test_rounds_and_processes_are_at_least_one(option, capsys):
    assert main(["bench", "optim", option, "0"]) == 2
    assert f"{option} must be in 1 to" in capsys.readouterr().err


def test_json_has_no_nan():
    assert bench.finite({"a": [math.nan, 1.0, math.inf], "b": "x"}) == {"a": [None, 1.0, None], "b": "x"}


def test_generators_have_their_published_sizes():
    generators = bench.load("generators").GENERATORS
    shapes = {name: make() for name, make in generators.items()}
    sizes = {name: sum(math.prod(s) for s in of) / 1e6 for name, of in shapes.items()}
    assert sizes == pytest.approx({"DCGAN-64": 3.58, "SNGAN-32": 4.28, "StyleGAN2-256": 24.77}, abs=0.005)
    assert len(shapes["StyleGAN2-256"]) == 110


def test_benchmarks_are_listed(capsys):
    assert main(["bench", "list"]) == 0
    assert "benchmarks/optim.py" in capsys.readouterr().out


def test_training_is_timed_beside_usual_loop_and_networks_alone(monkeypatch, tmp_path, capsys):
    script = bench.load("train")
    player = Player(Adam((0.5, 0.9)), 1e-4)
    small = Run(Digits(), DCGAN(width=2, norm="none"), player, player, penalty=WganGP(), batch=4, n_critic=2)
    monkeypatch.setattr(script, "loads", lambda device, tiny=False: {"a run": small})
    monkeypatch.setattr(script, "IMAGES", 20)
    measured = script.settings("cpu", compiled=False, tiny=True)  # without bf16, which takes minutes on CPUs
    page = tmp_path / "table.md"
    assert main(f"bench train --rounds 1 --tiny --out {page} --json --quiet".split()) == 0
    figures = json.loads(capsys.readouterr().out)["a run"]
    contestants = "paripassu", "paripassu, torch's second derivatives", "the ceiling"
    rows, penalties = figures["rows"], figures["penalty"]
    assert [(row["contestant"], row["setting"]) for row in rows] == [
        ("the usual loop", "as torch has it"),
        *((who, name) for name in measured for who in contestants),
    ]
    assert rows[0]["to_usual"] == 1.0
    for own, torchs, ceiling in zip(rows[1::3], rows[2::3], rows[3::3], strict=True):
        assert own["to_torchs"] == pytest.approx(torchs["median_ms"] / own["median_ms"])
        assert own["rounds"] == pytest.approx(1e3 / own["median_ms"])
        assert own["to_ceiling"] == pytest.approx(ceiling["median_ms"] / own["median_ms"])
        assert own["images"] == pytest.approx(8e3 / own["median_ms"])
    assert "## a run, batch 4" in page.read_text()
    assert page.read_text().count("1.3 × the usual loop is met by ") == 1
    assert [row["setting"] for row in penalties] == list(measured)
    for row in penalties:
        assert f"| {row['to_plain']:.2f} | {row['torchs_to_plain']:.2f} |" in page.read_text()


def test_the_page_says_which_penalties_cost_too_much():
    script = bench.load("train")
    cheap, dear = (script.PenaltyRow(name, 1.0, ratio, 3.0) for name, ratio in (("a", 1.7), ("b", 1.71)))
    assert "At most 1.7 × a plain pass is met by every setting." in script.penalty_table([cheap])
    assert "**At most 1.7 × a plain pass is not met by** b (1.71)." in script.penalty_table([cheap, dear])


@pytest.mark.parametrize(
    ("to_usual", "to_ceiling", "message"),
    [
        (
            (1.29, 1.3),
            (0.95, 0.99),
            (
                "- 1.3 × the usual loop is met by b (1.30), **not by** a (1.29).\n"
                "- 0.95 × the ceiling is met by every setting."
            ),
        ),
        (
            (1.0, 1.21),
            (0.94, 0.5),
            (
                "- **1.3 × the usual loop is met by no setting**: a (1.00); b (1.21).\n"
                "- **0.95 × the ceiling is met by no setting**: a (0.94); b (0.50)."
            ),
        ),
    ],
)
def test_the_page_says_which_targets_were_missed(to_usual, to_ceiling, message):
    script = bench.load("train")
    rows = [script.Row(script.USUAL, "float32", 1.0, 1.0, 1.0, 9.0, None, None, 1.0, 0.1)]
    for name, usual, ceiling in zip("ab", to_usual, to_ceiling, strict=True):
        rows.append(script.Row("paripassu", name, 1.0, 1.0, 1.0, usual, ceiling, None, 1.0, 0.1))
        rows.append(script.Row("the ceiling", name, 1.0, 1.0, 1.0, 9.0, None, None, 1.0, 0.1))
    assert script.met(rows, "cpu") == message


def test_the_page_has_captured_rounds():
    script = bench.load("train")
    rows = [
        script.Row(script.OURS, "tf32", 10.0, 100.0, 6400.0, 1.3, 0.97, 1.25, 5.0, 0.1),
        script.Row(script.CAPTURED, "tf32", 4.0, 250.0, 16000.0, 2.6, 1.9, 3.1, None, 0.3),
    ]
    assert script.table(rows).splitlines()[-1] == (
        "| paripassu, captured | tf32 | 4.0 | 250.0 | 16,000 | 2.60 | 1.90 | 3.10 |  | 30% |"
    )
    assert script.met(rows, "cuda").splitlines() == [
        "- 2.5 × the usual loop is met by tf32, captured (2.60), **not by** tf32 (1.30).",
        "- 0.95 × the ceiling is met by every setting.",
        "- 1.2 × torch's second derivatives is met by every setting.",
    ]


def test_captured_rounds_are_timed(monkeypatch):
    """By the double of CUDA graphs."""
    script, graphs = bench.load("train"), FakeGraphs()
    monkeypatch.setattr(script, "CudaGraphs", lambda _: graphs)
    monkeypatch.setattr(steps, "WAYS", (plain,))
    player = Player(Adam(), 1e-4)
    run = Run(Digits(), DCGAN(latent=4, width=2), player, player, batch=2, probe_every=1)
    play = script.captured(run, torch.zeros(10, 3, 32, 32, dtype=torch.uint8))
    for _ in range(5):
        play()
    assert (graphs.warmed, graphs.recorded, graphs.replayed) == (2, 1, 3)


def test_packed_rounds_are_timed(monkeypatch):
    """Two runs take as long as one, and four take twice as long."""
    script, made = bench.load("train"), []
    monkeypatch.setattr(script, "CudaGraphs", lambda _: made.append(FakeGraphs()) or made[-1])
    monkeypatch.setattr(steps, "WAYS", (plain,))
    seconds = iter([*[1.0] * 10, *[2.0] * 5])
    monkeypatch.setattr(script, "_seconds", lambda *_: next(seconds))
    player = Player(Adam(), 1e-4)
    run = Run(Digits(), DCGAN(latent=4, width=2), player, player, batch=2)
    size, play = script.packed(run, torch.zeros(10, 3, 32, 32, dtype=torch.uint8))
    assert (size, len(made)) == (2, 4)
    before = [graphs.replayed for graphs in made]
    play()
    assert [graphs.replayed - old for graphs, old in zip(made, before, strict=True)] == [1, 1, 0, 0]


def test_the_page_has_packed_rounds():
    script = bench.load("train")
    rows = [
        script.Row(script.OURS, "tf32", 10.0, 100.0, 6400.0, 1.3, 0.97, None, 5.0, 0.1),
        script.Row(script.CAPTURED, "tf32", 4.0, 250.0, 16000.0, 2.6, 1.9, None, None, 0.3),
        script.Row(script.PACKED, "tf32", 8.0, 1000.0, 64000.0, 13.0, 9.7, None, None, 0.9, 8),
    ]
    assert script.table(rows).splitlines()[-1] == (
        "| paripassu, packed (8 runs) | tf32 | 8.0 | 1,000.0 | 64,000 | 13.00 | 9.70 |  |  | 90% |"
    )
    said = "8 packed runs, tf32: 10.0 × the rounds of one run at a time, 4.0 × those of one that is captured"
    assert script.packs("another", rows) == f"{said}."
    assert script.packs(script.PACKED_LOAD, rows) == f"{said}; the target of 20 is **missed**."
    assert script.packs("another", rows[:2]) == ""


def test_every_phase_of_a_made_study_has_its_row(tmp_path, capsys, monkeypatch):
    script = bench.load("report")

    def here(command, **_):
        *_, name, folder, games, seeds = command
        measured = script.phase(name, Path(folder), script.Made(int(games), int(seeds)))
        return SimpleNamespace(stdout=json.dumps(measured))

    monkeypatch.setattr(script, "subprocess", SimpleNamespace(run=here, PIPE=None))
    page = tmp_path / "table.md"
    options = ["--games", "1", "--seeds", "1", "--out", str(page), "--json", "--quiet"]
    assert main(["bench", "report", *options]) == 0
    rows = json.loads(capsys.readouterr().out)["12"]
    assert list(rows) == ["tables", "resume", "summary", "page"]
    assert all(min(row["seconds"], row["cpu"]) > 0 and row["mib"] > 50 for row in rows.values())
    assert rows["page"]["text_mib"] > 0.1
    assert "| 12 | resume |" in page.read_text()


@pytest.mark.parametrize("option", ["--games", "--seeds"])
def test_a_made_study_has_runs(option, capsys):
    assert main(["bench", "report", option, "0"]) == 2
    assert f"{option} must be in 1 to" in capsys.readouterr().err


def test_missed_bounds_are_marked():
    script = bench.load("report")
    row = {"seconds": 1.0, "mib": 100.0, "text_mib": 2.0}
    met = script.met({300: {"page": row, "resume": row}})
    assert "missed" not in met
    late = script.met({300: {"page": row, "resume": row | {"seconds": 6.0}}})
    assert "| resume, seconds | 5 | 6.0 **missed** |" in late


def test_made_records_equal_written_records(tmp_path):
    script = bench.load("report")
    written = "".join(part for part in script.between_evaluations()[0])
    path = tmp_path / "records.jsonl"
    path.write_text(written)
    records = list(read_records(path))
    with RecordWriter(tmp_path / "again.jsonl") as write:
        for record in records:
            write(record)
    assert (tmp_path / "again.jsonl").read_text() == written
    kinds = {
        kind.__name__: sum(isinstance(r, kind) for r in records) for kind in (Losses, Update, Shadow, Pace)
    }
    assert kinds == {"Losses": 1200, "Update": 600, "Shadow": 600, "Pace": 60}
