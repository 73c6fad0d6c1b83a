"""A training at a fixed pace: exact at every probed step, and otherwise a training like any other."""

import json
import math
from dataclasses import replace

import pytest
from tests.cases.bits import left_by

from paripassu.data import Ring
from paripassu.models import MLP
from paripassu.recipes import RECIPES, override
from paripassu.records import RECORDS_FILE, Losses, Pace
from paripassu.records.codec import read_records
from paripassu.rules import SGD, Adam, Graft, Normalize, Rule
from paripassu.train import Pack, Player, Run, from_settings, train, training


def _run(rule: Rule, lr: float, pace: float | None = 1.0, **settings) -> Run:
    player = Player(rule, lr)
    return Run(
        Ring(), MLP(width=32, depth=2), player, player, steps=6, batch=32, eval_samples=20, log_every=1,
        probe_every=1, eval_every=6, checkpoint_every=6, pace=pace, **settings,
    )  # fmt: skip


def _paces(folder) -> list[float]:
    return [r.value for r in read_records(folder / RECORDS_FILE) if isinstance(r, Pace)]


CASES = {
    "SGD": (_run(SGD(), 0.3, 0.1), 0.1),
    "momentum, simultaneous": (_run(SGD(0.5), 0.3, 10.0, updates="simultaneous"), 10.0),
    "two discriminator steps": (_run(Adam((0.0, 0.9)), 0.01, 2.0, n_critic=2, decay="linear"), 2.0),
    "a graft": (_run(Graft(Adam((0.0, 0.9)), SGD()), 0.01), 1.0),
    "layer-wise": (_run(Normalize(scope="layer"), 0.05, 0.5), 0.5),
}


@pytest.mark.parametrize(("run", "pace"), CASES.values(), ids=CASES.keys())
def test_every_recorded_pace_is_the_one_asked_for(run, pace, tmp_path):
    """Float32 weights round each step, by 1e-7 of it or less where it is a hundredth of them."""
    run = replace(run, discriminator=replace(run.discriminator, weight_decay=0.01))
    assert train(run, tmp_path).outcome == "finished"
    measured = _paces(tmp_path)
    assert len(measured) == 6
    assert measured == pytest.approx([pace] * 6, rel=1e-6)


def test_the_lead_steps_as_without_a_pace(tmp_path):
    """The generator's first step changes the losses of the second round, not of the first."""
    plain, paced = (tmp_path / name for name in ("plain", "paced"))
    run = _run(SGD(), 0.1, None)
    train(run, plain)
    train(replace(run, pace=0.2), paced)
    losses = [
        [r for r in read_records(folder / RECORDS_FILE) if isinstance(r, Losses)] for folder in (plain, paced)
    ]
    assert losses[0][0] == losses[1][0]
    assert losses[0][1] != losses[1][1]
    assert _paces(plain)[0] != pytest.approx(0.2, rel=1e-3)


def test_a_run_that_goes_on_is_the_one_that_was_not_stopped(tmp_path):
    run = _run(SGD(0.5), 0.1, 0.5)
    train(replace(run, steps=3, eval_every=3, checkpoint_every=3), tmp_path / "stopped")
    whole = replace(run, eval_every=3, checkpoint_every=3)
    train(whole, tmp_path / "stopped")
    train(whole, tmp_path / "whole")
    assert left_by(tmp_path / "stopped")[1][-1] == left_by(tmp_path / "whole")[1][-1]


def test_runs_of_a_pack_may_have_different_paces(tmp_path):
    wanted = [_run(SGD(), 0.1, pace) for pace in (None, 1.0)]
    begin = lambda run, shared: training(run, tmp_path / run.key(), shared=shared)  # noqa: E731
    Pack(2).carry_out(wanted, lambda run: run, begin, lambda *_: None)
    train(wanted[1], tmp_path / "alone")
    assert left_by(tmp_path / wanted[1].key()) == left_by(tmp_path / "alone")


def test_a_run_without_a_pace_keeps_its_settings_and_key():
    run = _run(SGD(), 0.1, None)
    assert "pace" not in run.settings()
    paced = replace(run, pace=2.0)
    assert paced.key() != run.key()
    assert from_settings(json.loads(json.dumps(paced.settings()))) == paced


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pace": 0.0}, "a pace must be finite and > 0"),
        ({"pace": math.nan}, "a pace must be finite and > 0"),
        ({"generator": Player(SGD(), 0.2)}, "give it the discriminator's learning rate, 0.1"),
        ({"generator": Player(SGD(), 0.1, 0.1)}, "no weight decay"),
    ],
)
def test_what_cannot_follow_a_pace_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(_run(SGD(), 0.1), **changes)


def test_with_a_pace_the_generator_takes_the_discriminators_rate():
    run = override(RECIPES["digits"].run, pace=1.0, optimizer_d="sgd", optimizer_g="sgd", lr_d=0.05)
    assert (run.pace, run.generator.lr, run.discriminator.lr) == (1.0, 0.05, 0.05)
    with pytest.raises(ValueError, match="leave out --lr-g"):
        override(run, lr_g=0.1)
    assert override(run, lr_d=0.2).generator.lr == 0.2
