"""A person reads what a probe measured."""

import io
import math
import sys
from functools import partial

import pytest
import torch
from tests.cases.networks import network_of, train

from paripassu.optim import NSGD
from paripassu.probe import ConsoleWriter, Probe
from paripassu.probe.summary import plot, table
from paripassu.records import Pace, Shadow, Update

nsgda = partial(NSGD, scope="global", unit="length")  # a player's step is as long as its rate


@pytest.fixture
def probe():
    """Two players' probe after four rounds, of which the second and the fourth were probed."""
    networks = {"generator": network_of(), "discriminator": network_of()}
    optimizers = {name: nsgda(n.named_parameters(), lr=0.1) for name, n in networks.items()}
    probe = Probe(optimizers, 2)
    for _ in range(4):
        for name, network in networks.items():
            train(network, optimizers[name], 1)
    return probe


def test_the_summary_has_a_line_a_player_and_the_pace(probe):
    head, *players, pace = str(probe).splitlines()
    assert head.split()[:6] == ["round", "4", "gradient", "step", "step/weights", "cosine"]
    assert head.split()[6:] == ["adam:", "cosine", "adam:", "lr"]
    of = {r.player: r for r in probe.records if isinstance(r, Update) and r.step == 4 and not r.layer}
    assert {line.split()[0] for line in players} == set(of)
    for line in players:
        name, gradient, step, _, cosine, *_ = line.split()
        assert (gradient, step, cosine) == (f"{of[name].gradient:.3g}", "0.1", "1")
    value = next(r.value for r in probe.records if isinstance(r, Pace) and r.step == 4)
    assert pace == f"pace of discriminator over generator: {value:.3g}"
    assert len({len(line) for line in (head, *players)}) == 1
    assert f"<pre>{head}" in probe._repr_html_()


def test_a_probe_without_rounds_says_so():
    assert str(Probe({"a": nsgda([torch.zeros(1, requires_grad=True)], 0.1)})) == "no round was probed yet"


def test_a_rule_that_one_player_lacks_is_no_number():
    whole = {"gradient": 1.0, "update": 1.0, "weight": 0.0, "cosine": math.nan}
    shadow = Shadow(1, "a", "", "adam", 1.0, 0.5, 0.25)
    lines = table([Update(1, "a", "", **whole), shadow, Update(1, "b", "", **whole)]).splitlines()
    assert lines[1].split() == ["a", "1", "1", "nan", "nan", "0.25", "0.5"]
    assert lines[2].split() == ["b", "1", "1", "nan", "nan", "nan", "nan"]


def test_the_console_has_one_line_a_probed_round():
    network, printed = network_of(), io.StringIO()
    optimizer = nsgda(network.named_parameters(), lr=0.1)
    probe = Probe({"critic": optimizer}, 2, writer=ConsoleWriter(printed))
    train(network, optimizer, 5)
    lines = printed.getvalue().splitlines()
    assert [line.split("  ")[0] for line in lines] == ["round 2", "round 4"]
    assert all("critic: step 0.1, " in line for line in lines)
    with pytest.raises(ValueError, match="went to its writer"):
        probe.frame()
    assert "round 4" in probe.summary()


def test_a_frame_has_every_record(probe):
    pl = pytest.importorskip("polars")
    frame = probe.frame()
    assert frame.height == len(probe.records)
    kinds = frame.group_by("kind").len().sort("kind").to_dict(as_series=False)
    assert kinds == {"kind": ["Pace", "Shadow", "Update"], "len": [2, *[(frame.height - 2) // 2] * 2]}
    steps = frame.filter((pl.col("kind") == "Update") & (pl.col("layer") == ""))["update"]
    assert steps.to_list() == pytest.approx([0.1] * 4)


@pytest.mark.parametrize(("ask", "package"), [("frame", "polars"), ("plot", "plotly")])
def test_a_missing_library_is_named(probe, monkeypatch, ask, package):
    for name in ("polars", "pandas", "plotly", "plotly.subplots"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=f"pip install {package}"):
        getattr(probe, ask)()


def test_the_figure_has_a_curve_a_player_and_quantity(probe):
    pytest.importorskip("plotly")
    figure = plot(probe.records)
    curves = [(trace.name, list(trace.x)) for trace in figure.data]
    players = [("discriminator", [2, 4]), ("generator", [2, 4])]
    assert sorted(curves[:6]) == sorted(players * 3)
    assert curves[6:] == [("discriminator over generator", [2, 4])]
    assert list(figure.data[0].y) == pytest.approx([0.1, 0.1])
