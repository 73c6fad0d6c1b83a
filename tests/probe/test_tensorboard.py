"""TensorBoard shows every figure of every record under a tag of its own."""

import sys

import pytest

from paripassu.probe import TensorBoardWriter
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
