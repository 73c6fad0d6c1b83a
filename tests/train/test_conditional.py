"""Runs on data with labels: who sees which labels, what is measured, what is refused."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tests.cases import own, runs
from torch import nn

from paripassu.data import Augmented, Digits, ImageSet, Labelled, Npz, Source, labels_of
from paripassu.games import R1, Draws, PathLength, WganGP, relativistic
from paripassu.metrics import DigitFeatures, FeatureMetric, FeatureSample, frechet_distance
from paripassu.models import Architecture, Pair, StyleGAN2, given
from paripassu.records import Metric, RunHeader
from paripassu.records.checkpoints import checkpoints
from paripassu.records.codec import load, read_records
from paripassu.rules import SGD
from paripassu.train import Player, Run, evaluate, from_settings, load_run, train
from paripassu.train.evaluation import Evaluator
from paripassu.train.own_parts import load_part
from paripassu.train.random import Stream, generator
from paripassu.train.reference import reference
from paripassu.train.state import initial_state
from paripassu.train.step import step

CPU = torch.device("cpu")


class _Seen(nn.Module):
    """Remembers the labels of every call."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.seen = layer, []

    def forward(self, x, labels):
        self.seen.append((x.detach(), labels))
        return self.layer(x) * (1 + labels.to(x.dtype).view(-1, *[1] * (self.layer(x).ndim - 1)))


@dataclass(frozen=True)
class Watched(Architecture):
    latent: int = 4

    def build(self, shape):
        raise AssertionError

    def build_conditional(self, shape, classes):
        made = nn.Sequential(nn.Linear(self.latent, 64), nn.Unflatten(1, shape))
        return Pair(_Seen(made), _Seen(nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0))))


PLAYER = Player(SGD(), 1e-3)


def _played(**settings) -> tuple[Run, Pair, ImageSet]:
    run = Run(Labelled(Digits()), Watched(), PLAYER, PLAYER, batch=6, **settings)
    real = run.data.load(CPU)
    state = initial_state(run, real.shape, len(real.classes))
    step(run, state, real)
    return run, Pair(state.generator, state.discriminator), real


@pytest.mark.parametrize("penalty", [None, WganGP(), R1()], ids=str)
def test_a_discriminator_sees_fake_samples_of_the_real_ones_classes(penalty):
    run, (making, judging), real = _played(penalty=penalty)
    shown, labels = real.batch(6, generator(run.seed, Stream.TRAINING, 0, CPU))
    assert torch.equal(judging.seen[0][0], shown)
    of_discriminator = [making.seen[0], *judging.seen[: 2 + bool(penalty)]]
    assert all(torch.equal(each, labels) for _, each in of_discriminator)
    of_generator = [making.seen[1], judging.seen[-1]]
    assert torch.equal(of_generator[0][1], of_generator[1][1])
    assert not torch.equal(of_generator[0][1], labels)


def test_a_loss_that_compares_sees_pairs_of_one_class():
    _, (making, judging), _ = _played(loss=relativistic)
    fake, shown = judging.seen[-2:]
    assert torch.equal(fake[1], shown[1])
    assert torch.equal(making.seen[-1][1], shown[1])


def test_a_penalty_is_on_the_gradient_by_images_at_fixed_labels():
    """D(x, y) = (1 + y) (w x + b), whose gradient by x is (1 + y) w."""
    judging = Watched().build_conditional((1, 8, 8), 3).discriminator
    labels, images = torch.tensor([0, 2]), torch.randn(2, 1, 8, 8)
    value = R1(gamma=2.0)(given(judging, labels), images, images, Draws(torch.Generator()))
    squares = judging.layer[1].weight.square().sum()
    assert value.item() == pytest.approx((1 + 9) / 2 * squares.item(), rel=1e-5)


class _Stop(Exception):
    pass


def test_a_stopped_conditional_run_ends_as_one_that_was_not(conditional, tmp_path):
    data = Augmented(conditional.data, flip=True)
    run = replace(conditional, data=data, ema=0.9, precision="bf16", channels_last=True)

    def stop(done):
        if done == 5:
            raise _Stop

    train(run, tmp_path / "whole")
    with pytest.raises(_Stop):
        train(run, tmp_path / "stopped", progress=stop)
    train(run, tmp_path / "stopped")
    for name in ("generator", "discriminator", "averaged"):
        whole, stopped = (
            load_file(checkpoints(tmp_path / folder)[-1] / f"{name}.safetensors")
            for folder in ("whole", "stopped")
        )
        assert all(torch.equal(whole[key], stopped[key]) for key in whole)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A run with enough samples of every class, its folder, and its metrics at the end."""
    folder = tmp_path_factory.mktemp("run")
    run = replace(runs.conditional(), steps=1, eval_samples=1000, n_critic=1)
    train(run, folder)
    records = read_records(folder / "records.jsonl")
    return run, folder, {r.name: r.value for r in records if isinstance(r, Metric) and r.step == 1}


def test_every_class_is_measured_by_its_own_images_and_label(measured):
    run, folder, values = measured
    each = [values[f"fd-digits-of-{digit}@100"] for digit in range(10)]
    assert values["fd-digits-by-class@100"] == pytest.approx(sum(each) / 10)
    real = run.data.load(CPU)
    state = initial_state(run, real.shape, 10)
    state.generator.load_state_dict(load_file(checkpoints(folder)[-1] / "generator.safetensors"))
    z = torch.randn((100, 8), generator=generator(0, Stream.EVALUATION, 0, CPU))
    features = DigitFeatures()
    with torch.no_grad():
        fake = features(state.generator.eval()(z, torch.full((100,), 3)))
    whole = reference(features, real.of_class(3), lambda done, total: None)
    assert len(real.of_class(3)) == whole.moments.count == 183
    distance = frechet_distance(whole.moments, FeatureSample.gather([fake], 0).moments)
    assert each[3] == pytest.approx(distance, rel=1e-6)
    assert evaluate(run, folder)[1] == values


def test_pictures_have_a_row_a_class(measured):
    _, folder, _ = measured
    tile = 32 + 2
    for picture in ("000000001.png", "real.png"):
        with Image.open(folder / "samples" / picture) as image:
            assert image.size == (8 * tile + 2, 10 * tile + 2)


def test_a_run_keeps_the_names_of_its_classes(measured):
    run, folder, _ = measured
    images = load(folder / "run.json", RunHeader).images
    assert images.classes == tuple("0123456789")
    assert len(images.labels) == 64
    assert from_settings(json.loads(json.dumps(run.settings()))) == run
    checkpoint = json.loads((checkpoints(folder)[-1] / "checkpoint.json").read_text())
    assert checkpoint["networks"]["classes"] == 10


def test_a_run_without_labels_says_nothing_of_them(images, tmp_path):
    train(replace(images, steps=1), tmp_path)
    for file in (tmp_path / "run.json", checkpoints(tmp_path)[-1] / "checkpoint.json"):
        text = file.read_text()
        assert "class" not in text
        assert "label" not in text


def test_labels_that_change_end_a_run(conditional, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    run = replace(conditional, data=Labelled(Npz(tmp_path / "set.npz")), eval_samples=10)
    np.savez(tmp_path / "set.npz", images=pixels, labels=np.arange(40) % 4)
    told = []
    train(run, tmp_path / "run", notice=told.append)
    assert any("classes are not measured one by one: 0 has 10 images" in each for each in told)
    np.savez(tmp_path / "set.npz", images=pixels, labels=np.arange(40) % 4 // 2)
    with pytest.raises(ValueError, match="these 40 or their classes are others"):
        train(run, tmp_path / "run")


def test_too_few_samples_a_class_are_said(conditional, tmp_path):
    told = []
    train(replace(conditional, steps=1), tmp_path, notice=told.append)
    assert any("takes 100 samples, so measure 1,000 or more" in each for each in told)
    told.clear()
    _, values = evaluate(load_run(tmp_path), tmp_path, 999, notice=told.append)
    assert [*values] == ["fd-digits@999", "kd-digits@999"]
    assert len(told) == 1
    assert told[0].endswith("so measure 1,000 or more")
    named = [FeatureMetric("kd", DigitFeatures(), 20)]
    for samples, metrics in ((1000, []), (None, named)):
        evaluate(load_run(tmp_path), tmp_path, samples, metrics, notice=told.append)
    assert len(told) == 1


def test_models_that_take_no_labels_are_refused(conditional, points):
    with pytest.raises(ValueError, match="mlp has no conditional form: choose --model dcgan or sngan"):
        replace(conditional, penalty=None, model=points.model)
    with pytest.raises(ValueError, match="stylegan2 has no conditional form"):
        replace(conditional, model=StyleGAN2())


def test_a_path_length_has_no_labels(conditional):
    @dataclass(frozen=True)
    class Styled(Watched):
        has_styles = True

    with pytest.raises(ValueError, match="path length regularisation is for data without labels"):
        replace(conditional, model=Styled(), path_length=PathLength())


OWN = """
def conditional(shape, latent=4, classes=0):
    class Joined(nn.Module):
        def __init__(self, fan_in, *end):
            super().__init__()
            self.rows = nn.Embedding(classes, fan_in)
            self.end = nn.Sequential(nn.Linear(fan_in, *end[0]), *end[1:])

        def forward(self, x, labels):
            return self.end(x.flatten(1) + self.rows(labels))

    size = torch.Size(shape).numel()
    return Joined(latent, [size], nn.Unflatten(1, shape), nn.Tanh()), Joined(size, [1], nn.Flatten(0))


def forgetful(shape, latent=4, classes=0):
    return networks(shape, latent)


@dataclass(frozen=True)
class Named(Noise):
    def labelled(self, device, column=None):
        from dataclasses import replace
        from paripassu.data import labels_of
        loaded = self.load(device)
        return replace(loaded, labels=labels_of(["odd", "even"] * 50, "noise"))
"""


def test_own_networks_and_data_with_labels(conditional, tmp_path):
    file = own.write(tmp_path, OWN)
    data = Labelled(load_part(f"{file}:Named", Source))
    run = replace(conditional, data=data, model=load_part(f"{file}:conditional", Architecture))
    assert from_settings(run.settings()).settings() == run.settings()
    assert train(run, tmp_path / "run").outcome == "finished"
    assert load(tmp_path / "run" / "run.json", RunHeader).images.classes == ("even", "odd")
    assert evaluate(run, tmp_path / "run")[0] == run.steps


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("networks", "networks has no conditional form: .*let your own networks take classes"),
        ("forgetful", r"generator does not take \[2, 4\] float32 and labels \[2\] of 10 classes"),
    ],
)
def test_own_networks_without_labels_are_refused(conditional, tmp_path, name, told):
    model = load_part(f"{own.write(tmp_path, OWN)}:{name}", Architecture)
    with pytest.raises(ValueError, match=told):
        train(replace(conditional, model=model), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_latents_get_labels_as_frequent_as_the_datas(conditional):
    numbers = np.repeat([0, 1], [30, 10])
    pixels = torch.zeros(40, 1, 8, 8, dtype=torch.uint8)
    real = replace(ImageSet.on(CPU, pixels), labels=labels_of(numbers, "few"))
    seen = _Seen(nn.Sequential(nn.Linear(8, 64), nn.Unflatten(1, (1, 8, 8)), nn.Tanh()))
    Evaluator(replace(conditional, eval_samples=2000), real).measure(seen)
    labels = torch.cat([labels for _, labels in seen.seen])[:2000]
    assert labels.float().mean().item() == pytest.approx(0.25, abs=0.03)
