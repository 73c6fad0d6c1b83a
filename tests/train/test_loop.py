"""The loop plays the game it is told to play."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from paripassu.games import R1, relativistic
from paripassu.metrics import DigitFeatures
from paripassu.records import End, Losses, Metric, Samples, Update
from paripassu.records.checkpoints import checkpoints
from paripassu.records.codec import read_records
from paripassu.rules import SGD, Normalize
from paripassu.train import Player, evaluate, train
from paripassu.train.random import Stream, generator
from paripassu.train.reference import reference
from paripassu.train.state import initial_state
from paripassu.train.step import step

NAN = float("nan")


def _records(folder: Path, kind: type) -> list:
    return [r for r in read_records(folder / "records.jsonl") if isinstance(r, kind)]


@pytest.mark.parametrize("name", ["points", "images", "styles"])
def test_a_run_writes_all_its_records(name, request, tmp_path):
    run = request.getfixturevalue(name)
    seen = []
    end = train(run, tmp_path / "run", command="by hand", progress=seen.append)
    assert end.outcome == "finished"
    assert seen == list(range(run.steps + 1))
    folder = tmp_path / "run"
    assert [r.step for r in _records(folder, Losses)] == list(
        range(run.log_every, run.steps + 1, run.log_every)
    )
    evaluated = list(range(0, run.steps + 1, run.eval_every))
    assert sorted({r.step for r in _records(folder, Metric)}) == evaluated
    assert [r.step for r in _records(folder, Samples)] == evaluated
    assert all((folder / r.path).stat().st_size for r in _records(folder, Samples))
    assert {r.player for r in _records(folder, Update)} == {"generator", "discriminator"}
    assert _records(folder, End) == [end]
    assert len(checkpoints(folder)) == 2


def test_equal_runs_are_equal_and_an_ended_run_is_left_alone(points, tmp_path):
    for name in "ab":
        train(points, tmp_path / name)
    files = [sorted(checkpoints(tmp_path / name)[-1].glob("*.safetensors")) for name in "ab"]
    assert len(files[0]) == 3
    assert [f.read_bytes() for f in files[0]] == [f.read_bytes() for f in files[1]]
    before = (tmp_path / "a" / "records.jsonl").read_bytes()
    assert train(points, tmp_path / "a").outcome == "finished"
    assert (tmp_path / "a" / "records.jsonl").read_bytes() == before


def _stepped(run, updates: str):
    run = replace(run, updates=updates, decay="constant", ema=0.0)
    real = run.data.load(torch.device("cpu"))
    state = initial_state(run, real.shape)
    step(run, state, real)
    return [p.detach() for network in (state.discriminator, state.generator) for p in network.parameters()]


def test_simultaneous_and_alternating_differ_in_the_generator_alone(points):
    """Both start the discriminator alike; only the alternating generator answers its new weights."""
    simultaneous, alternating = _stepped(points, "simultaneous"), _stepped(points, "alternating")
    half = len(simultaneous) // 2
    assert all(torch.equal(a, b) for a, b in zip(simultaneous[:half], alternating[:half], strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(simultaneous[half:], alternating[half:], strict=True))


def test_one_step_of_sgda_against_autograd_by_hand(points):
    """A float64 twin of the whole simultaneous step, from the same batch and latents."""
    run = replace(
        points,
        updates="simultaneous",
        generator=Player(SGD(), 0.1),
        discriminator=Player(SGD(), 0.2),
        decay="constant",
        ema=0.0,
    )
    real = run.data.load(torch.device("cpu"))
    state = initial_state(run, real.shape)
    g, d = deepcopy(state.generator).double(), deepcopy(state.discriminator).double()
    step(run, state, real)

    rng = generator(run.seed, Stream.TRAINING, 0, torch.device("cpu"))
    shown = real.draw(run.batch, rng).double()
    z_d, z_g = (torch.randn((run.batch, run.model.latent), generator=rng).double() for _ in range(2))
    softplus = torch.nn.functional.softplus
    loss_d = (softplus(-d(shown)) + softplus(d(g(z_d)))).mean()
    loss_g = softplus(-d(g(z_g))).mean()
    moved = [
        (p - 0.2 * grad)
        for p, grad in zip(d.parameters(), torch.autograd.grad(loss_d, list(d.parameters())), strict=True)
    ] + [
        (p - 0.1 * grad)
        for p, grad in zip(g.parameters(), torch.autograd.grad(loss_g, list(g.parameters())), strict=True)
    ]
    stepped = [p for network in (state.discriminator, state.generator) for p in network.parameters()]
    for ours, theirs in zip(stepped, moved, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=1e-6)


def _weights_after(run, start: int) -> list[torch.Tensor]:
    real = run.data.load(torch.device("cpu"))
    state = initial_state(run, real.shape)
    state.step = start
    step(run, state, real)
    return [p.detach() for network in (state.discriminator, state.generator) for p in network.parameters()]


@pytest.mark.parametrize(("start", "gamma"), [(0, 4.0), (1, None), (3, None), (4, 4.0)])
def test_a_lazy_penalty_weighs_more_and_comes_seldom(points, start, gamma):
    lazy = _weights_after(replace(points, penalty=R1(1.0), penalty_every=4), start)
    every = _weights_after(replace(points, penalty=R1(gamma) if gamma else None), start)
    assert all(torch.equal(a, b) for a, b in zip(lazy, every, strict=True))


def test_path_length_is_in_the_generators_step_alone(styles):
    with_it, without = (
        _weights_after(replace(styles, updates="simultaneous", path_length=term, path_length_every=1), 0)
        for term in (styles.path_length, None)
    )
    equal = [torch.equal(a, b) for a, b in zip(with_it, without, strict=True)]
    players = len(list(styles.model.build((1, 8, 8)).discriminator.parameters()))
    assert all(equal[:players])
    assert not all(equal[players:])


def test_the_generators_batches(points):
    run = replace(points, generator_batches=3)
    real = run.data.load(torch.device("cpu"))
    state = initial_state(run, real.shape)
    seen = []
    state.generator.register_forward_hook(lambda _, arguments, out: seen.append(len(out)))
    step(run, state, real)
    assert seen == [32, 96]


def test_a_relativistic_generator_sees_fresh_real_samples(points):
    """A float64 twin of the generator's step."""
    player = Player(SGD(), 0.1)
    run = replace(
        points, generator=player, discriminator=player, updates="simultaneous", loss=relativistic, ema=0.0
    )
    real = run.data.load(torch.device("cpu"))
    state = initial_state(run, real.shape)
    g, d = deepcopy(state.generator).double(), deepcopy(state.discriminator).double()
    step(run, state, real)

    rng = generator(run.seed, Stream.TRAINING, 0, torch.device("cpu"))
    real.draw(run.batch, rng)
    _, z = (torch.randn((run.batch, run.model.latent), generator=rng).double() for _ in range(2))
    shown = real.draw(run.batch, rng).double()
    loss = torch.nn.functional.softplus(d(shown) - d(g(z))).mean()
    for ours, p, grad in zip(
        state.generator.parameters(),
        g.parameters(),
        torch.autograd.grad(loss, list(g.parameters())),
        strict=True,
    ):
        torch.testing.assert_close(ours.double(), p - 0.1 * grad, rtol=1e-5, atol=1e-6)


def test_the_learning_rate_decays_to_zero(points, tmp_path):
    player = Player(Normalize(SGD()), 0.01)
    run = replace(points, generator=player, discriminator=player, probe_every=1, steps=10)
    train(run, tmp_path / "run")
    lengths = [
        r.update for r in _records(tmp_path / "run", Update) if r.player == "generator" and not r.layer
    ]
    assert lengths == pytest.approx([0.01 * (1 - i / 10) for i in range(10)], rel=1e-4)


def test_the_average_follows_the_generator(points):
    real = points.data.load(torch.device("cpu"))
    state = initial_state(points, real.shape)
    expected = [p.detach().clone() for p in state.generator.parameters()]
    for _ in range(3):
        step(points, state, real)
        state.step += 1
        expected = [
            points.ema * mean + (1 - points.ema) * p
            for mean, p in zip(expected, state.generator.parameters(), strict=True)
        ]
    assert state.averaged is not None
    for ours, theirs in zip(state.averaged.parameters(), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_n_critic_counts_discriminator_steps(images):
    real = images.data.load(torch.device("cpu"))
    state = initial_state(images, real.shape)
    step(images, state, real)
    counts = [next(iter(o.state.values()))["step"].item() for o in (state.optimizer_d, state.optimizer_g)]
    assert counts == [2, 1]


def test_a_diverged_run_is_a_result(points, tmp_path):
    wild = Player(SGD(), 1e30)
    run = replace(points, generator=wild, discriminator=wild, steps=100)
    end = train(run, tmp_path / "run")
    assert end.outcome == "diverged"
    assert "not finite" in end.reason
    assert end.step < 100
    last = checkpoints(tmp_path / "run")[-1]
    assert all(t.isfinite().all() for f in last.glob("*.safetensors") for t in load_file(f).values())
    assert train(run, tmp_path / "run") == end


@pytest.mark.parametrize("every", [1, 3, 7])
@pytest.mark.parametrize("what", ["eval_every", "log_every", "checkpoint_every"])
def test_divergence_is_found_before_anything_is_measured(images, tmp_path, what, every):
    wild = Player(SGD(), 1e30)
    rare = {"eval_every": 100, "log_every": 100, "checkpoint_every": 100} | {what: every}
    run = replace(images, generator=wild, discriminator=wild, steps=7, **rare)
    end = train(run, tmp_path)
    assert (end.outcome, end.step) == ("diverged", every)
    assert "not finite" in end.reason
    assert {r.step for r in _records(tmp_path, Metric) + _records(tmp_path, Samples)} == {0}
    assert [path.name for path in checkpoints(tmp_path)] == ["step-000000000"]
    assert train(run, tmp_path) == end


def _scores_of_inf(metrics, *_):
    return {metric.name: float("inf") for metric in metrics}


@pytest.mark.parametrize(
    ("place", "broken", "reason"),
    [
        ("metrics.DigitFeatures.__call__", lambda _, x: x.flatten(1) * NAN, "a feature of digits"),
        ("train.measures.score", _scores_of_inf, "fd-digits@50"),
        ("models.dcgan.nn.Tanh.forward", lambda _, x: x * NAN, "a generated sample"),
    ],
)
def test_what_is_measured_and_not_finite_is_divergence(images, tmp_path, monkeypatch, place, broken, reason):
    train(images, tmp_path / "known")
    real = images.data.load(torch.device("cpu"))
    known = reference(DigitFeatures(), real.images, lambda *_: None)
    monkeypatch.setattr("paripassu.train.measures.reference", lambda *_: known)
    monkeypatch.setattr(f"paripassu.{place}", broken)
    end = train(images, tmp_path / "run")
    assert (end.outcome, end.step, end.reason) == ("diverged", 0, f"{reason} is not finite")
    assert _records(tmp_path / "run", Metric) == []
    assert train(images, tmp_path / "run") == end
    with pytest.raises(ValueError, match=f"{reason} is not finite at step 6 of .*: the run diverged"):
        evaluate(images, tmp_path / "known")


def test_training_leaves_the_global_generator_alone(points, tmp_path):
    torch.manual_seed(7)
    expected = torch.randn(3)
    torch.manual_seed(7)
    train(points, tmp_path / "run")
    assert torch.equal(torch.randn(3), expected)
