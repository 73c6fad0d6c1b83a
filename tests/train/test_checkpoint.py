"""A checkpoint says whose networks it holds, and is not loaded into others."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from paripassu.models import MLP, FromFunction, WganGPResNet
from paripassu.records.checkpoints import checkpoints
from paripassu.train import evaluate, train
from paripassu.train.checkpoint import restore
from paripassu.train.state import initial_state

DCGAN_IN_WORDS = "dcgan (latent 8, width 4, norm none) for samples of 1 x 8 x 8 without an averaged generator"
MLP_IN_WORDS = "mlp (latent 2, width 128, depth 3) for samples of 1 x 8 x 8 without an averaged generator"


@pytest.fixture
def trained(images, tmp_path):
    folder = tmp_path / "run"
    train(images, folder)
    return folder


def _weights(state) -> list[torch.Tensor]:
    return [t.clone() for network in state.networks().values() for t in network.state_dict().values()]


def test_a_checkpoint_says_whose_networks_it_holds(trained, images):
    (first, last) = checkpoints(trained)
    for path in (first, last):
        assert json.loads((path / "checkpoint.json").read_text())["networks"] == {
            "name": "dcgan", "latent": 8, "width": 4, "norm": "none", "shape": [1, 8, 8], "averaged": False,
        }  # fmt: skip
    state = initial_state(images, (1, 8, 8))
    restore(last, state)
    held = load_file(last / "generator.safetensors")
    assert all(torch.equal(t, held[name]) for name, t in state.generator.state_dict().items())


@pytest.mark.parametrize(
    ("model", "shape", "ema", "told"),
    [
        (MLP(), (1, 8, 8), 0.0, MLP_IN_WORDS),
        (
            WganGPResNet(width=4),
            (3, 32, 32),
            0.0,
            "wgangp-resnet (latent 128, width 4) for samples of 3 x 32",
        ),
        (None, (1, 16, 16), 0.0, "norm none) for samples of 1 x 16 x 16 without"),
        (None, (1, 8, 8), 0.9, "for samples of 1 x 8 x 8 with an averaged generator"),
    ],
)
def test_other_networks_are_refused_in_a_sentence_and_left_as_they_are(
    trained, images, model, shape, ema, told
):
    state = initial_state(replace(images, model=model or images.model, ema=ema), shape)
    before = _weights(state)
    with pytest.raises(ValueError, match=r"step-0+6 holds ") as caught:
        restore(checkpoints(trained)[-1], state)
    assert f"holds {DCGAN_IN_WORDS}, not {state.described['name']} (" in str(caught.value)
    assert told in str(caught.value)
    assert str(caught.value).endswith(": ask for what it holds, or name another folder to begin anew")
    assert state.step == 0
    assert all(torch.equal(a, b) for a, b in zip(before, _weights(state), strict=True))


def test_settings_that_leave_every_weight_its_shape_are_told_apart_too(styles, tmp_path):
    train(replace(styles, steps=1), tmp_path)
    state = initial_state(replace(styles, model=replace(styles.model, mixing=0.1)), (1, 8, 8))
    with pytest.raises(ValueError, match=r"mixing 0\.5, .* not .*mixing 0\.1, "):
        restore(checkpoints(tmp_path)[-1], state)


def test_checkpoints_of_another_run_are_refused_and_left(trained, images, tmp_path):
    """As when checkpoints were moved between folders."""
    other = replace(images, model=MLP(width=16), steps=2)
    folder = tmp_path / "other"
    train(other, folder)
    shutil.rmtree(folder / "checkpoints")
    shutil.copytree(trained / "checkpoints", folder / "checkpoints")
    (folder / "records.jsonl").write_text("")  # it has not ended
    with pytest.raises(
        ValueError, match=r"step-000000006 is a checkpoint of another run: bring it to its fo"
    ):
        train(other, folder)
    with pytest.raises(ValueError, match=r"step-000000006 is a checkpoint of another run"):
        evaluate(other, folder)
    assert [path.name for path in checkpoints(folder)] == ["step-000000003", "step-000000006"]


class Tied(torch.nn.Module):
    """A generator of points: two layers have one weight, and two buffers one memory."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(latent, latent), torch.nn.Linear(latent, latent)
        self.second.weight = self.first.weight
        self.last = torch.nn.Linear(latent, 2)
        whole = torch.arange(6.0)
        self.register_buffer("whole", whole)
        self.register_buffer("part", whole[:3])

    def forward(self, z):
        return self.last(self.second(self.first(z).relu()))


def tied(shape, latent):
    return Tied(latent), torch.nn.Sequential(torch.nn.Linear(*shape, 1), torch.nn.Flatten(0))


def test_weights_that_two_layers_share_are_saved_and_shared_again(points, tmp_path):
    run = replace(points, model=FromFunction(tied, 4), steps=2)
    assert train(run, tmp_path / "run").outcome == "finished"
    state = initial_state(run, (2,))
    restore(checkpoints(tmp_path / "run")[-1], state)
    assert state.generator.first.weight is state.generator.second.weight
    begun = initial_state(run, (2,)).generator
    assert not torch.equal(state.generator.first.weight, begun.first.weight)
