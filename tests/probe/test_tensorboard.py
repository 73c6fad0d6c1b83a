"""TensorBoard shows every figure of every record under a tag of its own."""

import sys

import pytest
import torch

from paripassu.optim import NSGD
from paripassu.probe import Probe, TensorBoardWriter
from paripassu.records import Pace, Shadow, Update

RECORDS = (
    Update(50, "generator", "0.weight", 1.0, 2.0, 3.0, 0.5),
    Update(50, "generator", "", 1.5, 2.5, 3.5, float("nan")),
    Shadow(50, "generator", "", "adam", 4.0, 0.25, 0.75),
    Pace(50, "discriminator", "generator", 1.25),
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorBoard's own
def test_every_figure_that_is_a_number_is_drawn(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with TensorBoardWriter(tmp_path) as write:
        for record in RECORDS:
            write(record)
    events = accumulator.EventAccumulator(str(tmp_path))
    events.Reload()
    found = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    expected = {
        "generator.layers/gradient/0.weight": 1.0,
        "generator.layers/update/0.weight": 2.0,
        "generator.layers/weight/0.weight": 3.0,
        "generator.layers/cosine/0.weight": 0.5,
        "generator/gradient": 1.5,
        "generator/update": 2.5,
        "generator/weight": 3.5,
        "generator/adam magnitude": 4.0,
        "generator/adam ratio": 0.25,
        "generator/adam cosine": 0.75,
        "pace/discriminator-generator": 1.25,
    }
    assert {tag.replace("_", " "): events for tag, events in found.items()} == {
        tag: [(50, value)] for tag, value in expected.items()
    }


def test_without_tensorboard_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'paripassu\[tensorboard\]'"):
        TensorBoardWriter(tmp_path)


def _steps_drawn(folder) -> list[int]:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder))
    events.Reload()
    return [event.step for event in events.Scalars("g/update")]


def _play(folder, rounds: int, start: int, **writer) -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = NSGD([weight])
    with TensorBoardWriter(folder, **writer) as write:
        probe = Probe({"g": optimizer}, every=10, writer=write, shadows={}, start=start)
        for _ in range(rounds):
            weight.grad = torch.ones(2)
            optimizer.step()
        probe.detach()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorBoard's own
def test_the_curve_of_a_resumed_run_does_not_double_back(tmp_path, monkeypatch):
    """It died at 50, and its checkpoint is of 30. Files of one second are told apart by their names."""
    pytest.importorskip("tensorboard")
    _play(tmp_path, 50, 0)
    for file in tmp_path.iterdir():
        file.rename(file.with_name(f"events.out.tfevents.1000000000.host.{file.name.rsplit('.', 1)[1]}"))
    _play(tmp_path, 20, 30)
    assert _steps_drawn(tmp_path) == [10, 20, 30, 40, 50]


def test_a_writer_that_has_drawn_does_not_start_elsewhere(tmp_path):
    pytest.importorskip("tensorboard")
    with TensorBoardWriter(tmp_path, start=5) as write:
        write(RECORDS[-1])
        with pytest.raises(ValueError, match="make a new TensorBoardWriter"):
            Probe({"g": NSGD([torch.nn.Parameter(torch.ones(2))])}, writer=write, start=10)
