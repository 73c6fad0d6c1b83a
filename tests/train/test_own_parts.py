"""A person's own parts take part in runs: settings, keys, resume, evaluation."""

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.cases import own
from tests.cases.processes import started

from paripassu.data import Augmented, FromDataset, Source
from paripassu.models import Architecture, FromFunction
from paripassu.records.checkpoints import checkpoints
from paripassu.rules import Rule
from paripassu.train import Player, evaluate, from_settings, load_run, train
from paripassu.train.own_parts import load_part

CASES = {
    "rule": (Rule, "Sign"),
    "rule inside the package's": (Rule, "GRAFT"),
    "networks of a function": (Architecture, "networks"),
    "networks of a class": (Architecture, "Wide"),
    "dataset": (Source, "Photos"),
    "dataset by name": (Source, "PHOTOS"),
    "source": (Source, "Noise"),
}


def _with(run, part):
    """The run with one of its parts replaced."""
    if isinstance(part, Rule):
        player = Player(part, 1e-3)
        return replace(run, generator=player, discriminator=player, shadow=part)
    return replace(run, **{"data" if isinstance(part, Source) else "model": part})


@pytest.fixture(params=CASES.values(), ids=CASES)
def make(request, images, tmp_path):
    """Makes a short run with one own part, as it is in the file then."""
    kind, name = request.param
    own.write(tmp_path)
    return lambda: _with(replace(images, steps=4), load_part(f"{tmp_path / 'mine.py'}:{name}", kind))


def _weights(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(checkpoints(folder)[-1].glob("*.safetensors"))]


def test_settings_come_back_from_json(make):
    run = make()
    plain = json.loads(json.dumps(run.settings()))
    back = from_settings(plain)
    assert json.loads(json.dumps(back.settings())) == plain
    assert back.key() == run.key() == pickle.loads(pickle.dumps(run)).key()


def _elsewhere(settings: str, folder: Path) -> None:
    """In a process that has never seen the file of the parts."""
    train(from_settings(json.loads(settings)), folder)


def test_another_process_trains_the_same_run(images, tmp_path):
    """All own parts at once; evaluation gives what the training measured."""
    path = own.write(tmp_path)
    run = replace(images, steps=4)
    for kind, name in ((Rule, "GRAFT"), (Architecture, "networks"), (Source, "PHOTOS")):
        run = _with(run, load_part(f"{path}:{name}", kind))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        train(run, tmp_path / "here")
        process = started(_elsewhere, json.dumps(run.settings()), tmp_path / "there")
        process.join()
        assert process.exitcode == 0
    finally:
        torch.set_num_threads(threads)
    assert _weights(tmp_path / "here") == _weights(tmp_path / "there")
    step, values = evaluate(load_run(tmp_path / "there"), tmp_path / "there")
    assert (step, [*values]) == (4, ["fd-pixels8@50", "kd-pixels8@50"])


def test_a_changed_file_is_refused(make, tmp_path):
    train(make(), tmp_path / "run")
    path = own.write(tmp_path, "# changed\n")
    said = f"{path} has changed since this run began: bring it back as it was, or begin"
    for act in (lambda: load_run(tmp_path / "run"), lambda: train(make(), tmp_path / "run")):
        with pytest.raises(ValueError, match=said) as caught:
            act()
        assert "\n" not in str(caught.value)


def test_a_file_may_move(images, tmp_path):
    (tmp_path / "old").mkdir()
    run = _with(replace(images, steps=4), load_part(f"{own.write(tmp_path / 'old')}:Sign", Rule))
    train(run, tmp_path / "run")
    shutil.move(tmp_path / "old", tmp_path / "new")
    moved = _with(run, load_part(f"{tmp_path / 'new' / 'mine.py'}:Sign", Rule))
    assert moved.key() == run.key()
    assert train(moved, tmp_path / "run").outcome == "finished"
    with pytest.raises(ValueError, match=r"old/mine\.py, where Sign is defined, is not there: bring it back"):
        load_run(tmp_path / "run")


def test_settings_of_own_parts_are_part_of_the_key(images, tmp_path):
    sign = load_part(f"{own.write(tmp_path)}:Sign", Rule)
    other = replace(sign, beta=0.75)
    assert _with(images, sign).key() != _with(images, other).key()
    assert from_settings(_with(images, other).settings()).generator.rule == other


def test_own_data_may_be_augmented(images, tmp_path):
    data = Augmented(load_part(f"{own.write(tmp_path)}:Photos", Source), flip=True)
    run = from_settings(json.loads(json.dumps(replace(images, data=data).settings())))
    assert run.data.load(torch.device("cpu")).shape == (3, 8, 8)


def test_objects_that_nobody_could_find_again_are_refused(images):
    run = replace(images, data=FromDataset([torch.zeros(1, 8, 8)]))
    with pytest.raises(ValueError, match="this list could not be made again from a run's settings"):
        run.settings()
    run = replace(images, model=FromFunction(lambda shape, latent: None))
    with pytest.raises(ValueError, match=r"is defined inside a function of .*test_own_parts\.py"):
        run.settings()


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (Rule, "mine.py:Sgin", "has no 'Sgin': did you mean Sign"),
        (Rule, "mine.py:PHOTOS", "is an object of Photos, not a Rule: a rule has init and update"),
        (Architecture, "mine.py:Sign", "is a class, not an Architecture: networks are a"),
        (Source, "mine.py:GRAFT", "is an object of Graft, not a Source: data are a"),
        (Rule, "mine.py:Needy", "cannot be made without settings (.*'x'): make one in the file"),
        (Architecture, "mine.py:blind", "blind in .*mine.py needs a parameter latent with a default"),
    ],
)
def test_names_of_something_else_are_refused(tmp_path, kind, text, said):
    more = "class Needy(Sign):\n    def __init__(self, x): pass\n\ndef blind(shape): pass\n"
    own.write(tmp_path, more)
    with pytest.raises(ValueError, match=said.replace("(.*'x')", r"\(.*'x'\)")):
        load_part(str(tmp_path / text), kind)
