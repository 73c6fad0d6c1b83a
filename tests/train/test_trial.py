"""Own parts that do not do what their interface says are refused before anything is written."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from paripassu.data import ImageSet, Samples, Source
from paripassu.games import R1
from paripassu.models import Architecture, FromFunction, Pair
from paripassu.rules import Rule
from paripassu.train import Player, train
from paripassu.train.state import initial_state
from paripassu.train.trial import check_own_players

SIZE = 64


@dataclass(frozen=True)
class Wrong(Rule):
    """SGD with one mistake."""

    mistake: str

    def init(self, tensor):
        return 0.0 if self.mistake == "no state" else {"sum": torch.zeros_like(tensor)}

    def update(self, gradients, states, weights):
        updates, following = list(gradients), [dict(state) for state in states]
        match self.mistake:
            case "too few updates":
                updates.pop()
            case "too few states":
                following.pop()
            case "another shape":
                updates[1] = updates[1][None]
            case "another dtype":
                updates[0] = updates[0].double()
            case "no tensor":
                updates[0] = 0.0
            case "another state":
                following[0] = {"sum": following[0]["sum"], "more": torch.zeros(())}
            case "a state of another shape":
                following[1] = {"sum": torch.zeros(3)}
            case "gradients changed":
                gradients[0].mul_(2)
            case "states changed":
                states[0]["sum"].add_(gradients[0])
            case "weights changed":
                weights[0].zero_()
            case "updates alone":
                return updates
            case "an error":
                return gradients[0] @ gradients[1], following
        return updates, following


RULES = {
    "too few updates": "Wrong(mistake='too few updates')'s update returned 3 updates for 4 gradients",
    "too few states": "update returned 3 states for 4 gradients",
    "another shape": "update 1 is [1, 16] float32, and its gradient is [16] float32",
    "another dtype": "update 0 is [16, 2] float64, and its gradient is [16, 2] float32",
    "no tensor": "update 0 is a float, and its gradient is [16, 2] float32",
    "another state": "state 0 was sum [16, 2] float32 and became sum [16, 2] float32, more [] float32",
    "a state of another shape": "state 1 was sum [16] float32 and became sum [3] float32",
    "gradients changed": "changed gradients, states or weights in place",
    "states changed": "changed gradients, states or weights in place",
    "weights changed": "changed gradients, states or weights in place",
    "updates alone": "update returned a list: return updates and next states",
    "no state": "a rule's state is a dictionary of tensors, not a float",
    "an error": "test_trial.py, line ",
}


def _refused(run, folder, said: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        train(run, folder)
    assert said in str(caught.value)
    assert not folder.exists()


@pytest.mark.parametrize("mistake", RULES)
def test_a_wrong_rule_is_refused(points, tmp_path, mistake):
    model = replace(points.model, depth=1)
    run = replace(points, model=model, generator=Player(Wrong(mistake), 0.1))
    _refused(run, tmp_path / "run", RULES[mistake])


def test_a_wrong_shadow_is_refused(points, tmp_path):
    _refused(replace(points, shadow=Wrong("another dtype")), tmp_path / "run", "float64")


def _networks(latent: int, *, generator: nn.Module | None = None, discriminator: nn.Module | None = None):
    made = nn.Sequential(nn.Linear(latent, SIZE), nn.Unflatten(1, (1, 8, 8)))
    judge = nn.Sequential(nn.Flatten(), nn.Linear(SIZE, 1), nn.Flatten(0))
    return generator or made, discriminator or judge


def _smaller(shape, latent):
    return _networks(latent, generator=nn.Sequential(nn.Linear(latent, 16), nn.Unflatten(1, (1, 4, 4))))


def _column(shape, latent):
    return _networks(latent, discriminator=nn.Sequential(nn.Flatten(), nn.Linear(SIZE, 1)))


def _mismatched(shape, latent):
    return _networks(latent, generator=nn.Linear(latent + 1, SIZE))


def _alone(shape, latent):
    return _networks(latent)[0]


def _failing(shape, latent):
    return _networks(latent)[latent]


def _normalised(shape, latent):
    layers = nn.Flatten(), nn.Linear(SIZE, 4), nn.BatchNorm1d(4), nn.Linear(4, 1), nn.Flatten(0)
    return _networks(latent, discriminator=nn.Sequential(*layers))


@dataclass(frozen=True)
class Refusing(Architecture):
    latent: int = 4

    def build(self, shape):
        raise ValueError(f"no networks for {shape}")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            FromFunction(_smaller, 4),
            "_smaller's generator makes [2, 1, 4, 4] float32 of 2 latents, but",
        ),
        (FromFunction(_smaller, 4), "of the data are [1, 8, 8]: let it return [B, 1, 8, 8]"),
        (FromFunction(_column, 4), "_column's discriminator makes [2, 1] float32 of 2 samples"),
        (
            FromFunction(_mismatched, 4),
            "_mismatched's generator does not take [2, 4] float32: RuntimeError: mat1",
        ),
        (FromFunction(_alone, 4), "_alone returned Sequential, not two networks"),
        (FromFunction(_failing, 4), "test_trial.py, line "),
        (FromFunction(_normalised, 4), "_normalised's discriminator has batch normalisation"),
        (Refusing(), "ValueError: no networks for (1, 8, 8)"),
    ],
)
def test_wrong_networks_are_refused(images, tmp_path, model, said):
    _refused(replace(images, model=model, penalty=R1()), tmp_path / "run", said)


@dataclass(frozen=True)
class Drawn(Samples):
    batch: object

    @property
    def shape(self):
        return (1, 8, 8)

    def draw(self, count, generator):
        return self.batch


IMAGES = torch.zeros(2, 1, 8, 8)
DRAWN = {
    "nothing": ("drew a NoneType for 2 samples of [1, 8, 8]", Drawn(None)),
    "another shape": ("drew [2, 8, 8] float32 for 2 samples of [1, 8, 8], float32", Drawn(IMAGES[:, 0])),
    "another dtype": ("drew [2, 1, 8, 8] float64", Drawn(IMAGES.double())),
    "another range": ("drew images from 255 to 255: bring them to [-1, 1]", Drawn(IMAGES + 255)),
    "NaN": ("drew samples with NaN or inf", Drawn(IMAGES * torch.nan)),
    "good": ("", ImageSet.on(torch.device("cpu"), torch.zeros(100, 1, 8, 8, dtype=torch.uint8))),
    "no samples": ("loaded a Tensor: let load return paripassu.data.Samples", IMAGES),
}


@dataclass(frozen=True)
class Bad(Source):
    kind: str

    def load(self, device):
        if self.kind == "an error":
            raise KeyError("colour")
        return DRAWN[self.kind][1]


@pytest.mark.parametrize("kind", sorted(DRAWN.keys() - {"good"}))
def test_wrong_data_are_refused(images, tmp_path, kind):
    _refused(replace(images, data=Bad(kind)), tmp_path / "run", DRAWN[kind][0])


def test_an_error_in_own_data_names_file_and_line(images, tmp_path):
    _refused(replace(images, data=Bad("an error")), tmp_path / "run", ": KeyError: 'colour'")


@dataclass(frozen=True)
class Own(Architecture):
    """With noise and running statistics, which a trial must not move."""

    latent: int = 4

    def build(self, shape):
        generator = nn.Sequential(
            nn.Linear(4, SIZE), nn.BatchNorm1d(SIZE), nn.Dropout(), nn.Unflatten(1, (1, 8, 8))
        )
        return Pair(generator, _networks(4)[1])


def test_a_trial_leaves_everything_as_it_was(images):
    run = replace(images, model=Own(), generator=Player(Wrong("none"), 0.1))
    state = initial_state(run, (1, 8, 8))
    before = [t.clone() for network in state.networks().values() for t in network.state_dict().values()]
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    check_own_players(run, state, (1, 8, 8))
    assert torch.equal(torch.rand(3), expected)
    after = [t for network in state.networks().values() for t in network.state_dict().values()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(network.training for network in state.networks().values())


def test_right_parts_are_trained(images, tmp_path):
    run = replace(images, data=Bad("good"), model=Own(), penalty=None)
    run = replace(run, generator=Player(Wrong("none"), 0.1))
    assert train(run, tmp_path / "run").outcome == "finished"
