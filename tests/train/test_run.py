"""A run says everything, refuses what cannot be, and survives the way to JSON and back."""

import json
import pickle
from dataclasses import replace

import pytest
import torch
from tests.cases.rules import NAMELESS
from torch.optim import lr_scheduler

from paripassu.data import Digits
from paripassu.games import R1, GanLoss, PathLength
from paripassu.models import DCGAN
from paripassu.rules import Adam, FromTorch, Normalize, RMSprop
from paripassu.train import Player, from_settings
from paripassu.train.names import OPTIMIZERS


@pytest.mark.parametrize("name", ["points", "images", "styles"])
def test_settings_come_back_from_json(name, request):
    run = request.getfixturevalue(name)
    plain = json.loads(json.dumps(run.settings()))
    assert from_settings(plain) == run
    assert from_settings(plain).key() == run.key()


class Own(torch.optim.SGD):
    """An optimizer of another library."""


@pytest.mark.parametrize(
    "rule", [FromTorch(torch.optim.RAdam, eps=1e-6, betas=[0.5, 0.9]), FromTorch(Own, momentum=0.5)]
)
def test_rules_of_torchs_optimizers_come_back(points, rule):
    run = replace(points, generator=Player(rule, 1.0))
    assert from_settings(json.loads(json.dumps(run.settings()))) == run


def test_nested_rules_come_back(points):
    run = replace(points, generator=Player(Normalize(Normalize(RMSprop(), "layer")), 1.0), penalty=R1(0.5))
    assert from_settings(json.loads(json.dumps(run.settings()))) == run


def test_every_rule_comes_back(points):
    """Those that have a name for ``paripassu train``, and those of the cases."""
    for rule in [*OPTIMIZERS.values(), *NAMELESS.values()]:
        run = replace(points, generator=Player(rule, 1.0), discriminator=Player(rule, 1.0))
        again = from_settings(json.loads(json.dumps(run.settings())))
        assert (again, again.key()) == (run, run.key())


def test_runs_travel_between_processes(images):
    assert pickle.loads(pickle.dumps(images)) == images


def test_keys_tell_runs_apart(points):
    others = [
        replace(points, seed=1),
        replace(points, generator=Player(Adam(), 1e-3)),
        replace(points, ema=0.0),
        replace(points, precision="bf16"),
        replace(points, compile=True),
    ]
    assert len({run.key() for run in [points, *others]}) == 6


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"steps": 0}, "steps"),
        ({"batch": 0}, "batch"),
        ({"n_critic": 2, "updates": "simultaneous"}, "n_critic"),
        ({"ema": 1.0}, "ema"),
        ({"seed": -1}, "seed"),
        ({"eval_samples": 1}, "eval_samples"),
        ({"checkpoint_every": 0}, "checkpoint_every"),
        ({"updates": "both"}, "updates"),
        ({"decay": "sudden"}, "decay"),
        ({"penalty": R1(), "model": DCGAN()}, "mix samples, as dcgan's does"),
        ({"penalty_every": 4}, "penalty_every 4 needs a penalty"),
        ({"path_length_every": 4}, "path_length_every 4 needs a path_length"),
        ({"path_length": PathLength()}, "mlp has no styles"),
        ({"generator_batches": 0}, "generator_batches"),
        ({"precision": "float16"}, "precision"),
        ({"precision": "tf32"}, "tf32 is a GPU's"),
        ({"channels_last": True}, "mlp has no channels"),
    ],
)
def test_settings_out_of_range_are_named(points, changes, named):
    with pytest.raises(ValueError, match=named):
        replace(points, **changes)


@pytest.mark.parametrize("lr", [0.0, -1.0, float("nan"), float("inf")])
def test_learning_rates_are_positive(lr):
    with pytest.raises(ValueError, match="learning rate"):
        Player(Adam(), lr)


def test_settings_of_another_version_are_refused(points):
    for plain in (
        points.settings() | {"unheard_of": 1},
        {k: v for k, v in points.settings().items() if k != "data"},
        points.settings() | {"model": {"is": "Transformer"}},
        points.settings() | {"steps": -5},
    ):
        with pytest.raises(ValueError, match="not a Run"):
            from_settings(plain)


def test_a_loss_without_a_name_cannot_be_written_down(points):
    mine = GanLoss(lambda real, fake: (fake - real).sum(), lambda fake: -fake.sum())
    with pytest.raises(ValueError, match="non_saturating"):
        replace(points, loss=mine).settings()


@pytest.mark.parametrize(
    ("decay", "scheduler"),
    [
        ("constant", lambda o: lr_scheduler.ConstantLR(o, 1.0)),
        ("linear", lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, 8)),
        ("cosine", lambda o: lr_scheduler.CosineAnnealingLR(o, 8)),
    ],
)
def test_rates_fall_as_torchs_schedulers_let_them(decay, scheduler, points):
    run = replace(points, decay=decay, steps=8)
    optimizer = torch.optim.SGD([torch.zeros(1)], 1.0)
    schedule = scheduler(optimizer)
    for step in range(8):
        assert run.rate_factor(step) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        schedule.step()


def test_a_players_rule_is_a_rule():
    with pytest.raises(ValueError, match=r"^a player's rule must be a Rule, got the class Adam: write Adam"):
        Player(Adam, 1e-3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": Digits}, r"a run's data must be a Source, got the class Digits: write Digits\(\), with"),
        ({"data": "digits"}, "a run's data must be a Source, got 'digits': give one, or a name to"),
        ({"model": DCGAN}, "a run's model must be an Architecture, got the class DCGAN"),
        ({"generator": Adam()}, "a run's generator must be a Player, got Adam"),
        ({"loss": "hinge"}, "a run's loss must be a GanLoss, got 'hinge'"),
        ({"penalty": R1}, "a run's penalty must be a Penalty, got the class R1: write R1"),
        ({"path_length": 2.0}, "a run's path_length must be a PathLength, got 2"),
        ({"shadow": "adam"}, "a run's shadow must be a Rule, got 'adam'"),
        ({"device": torch.device("cpu")}, "device must be text, got device"),
        ({"channels_last": "no"}, "channels_last must be True or False, got 'no'"),
    ],
)
def test_parts_of_another_kind_are_refused(points, changes, said):
    with pytest.raises(ValueError, match=said):
        replace(points, **changes)
