"""A GPU with too little memory: one sentence that says for what, and nothing that the model cannot make."""

from dataclasses import replace

import pytest
import torch
from tests.cases.networks import without_values

from paripassu.models import DCGAN, MLP, SNGAN, StyleGAN2, WganGPResNet
from paripassu.train import evaluate, train
from paripassu.train.memory import measuring_fits, networks_fit, step_fits

STEP = "a batch of 8 samples of 1 x 8 x 8: try a batch of 4 or a GPU with more memory free. Checkpoints are"
DATA = "the data digits: try a GPU with more memory free"
NETWORKS = (
    "the networks of dcgan for samples of 1 x 8 x 8: try smaller networks or a GPU with more memory free"
)
MEASURING = (
    "measuring dcgan on samples of 1 x 8 x 8: try smaller networks or a GPU with more memory free. Check"
)


def _full(*_, **__):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has ...")


def _full_of_others(*_, **__):
    raise torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be ...")


@pytest.mark.parametrize(
    ("place", "told", "fails"),
    [
        ("paripassu.train.loop.step", STEP, _full),
        ("paripassu.train.loop.step", STEP, _full_of_others),
        ("paripassu.data.Digits.load", DATA, _full_of_others),
        ("paripassu.models.DCGAN.build", NETWORKS, _full),
        ("paripassu.train.measures.reference", MEASURING, _full_of_others),
        ("paripassu.metrics.DigitFeatures.__call__", MEASURING, _full),
        ("paripassu.train.evaluation.pictures.grid", MEASURING, _full_of_others),
    ],
)
def test_training_says_what_did_not_fit_and_can_go_on(images, tmp_path, monkeypatch, place, told, fails):
    monkeypatch.setattr(place, fails)
    with pytest.raises(RuntimeError, match="the GPU has too little memory for ") as caught:
        train(images, tmp_path / "run")
    assert told in str(caught.value)
    monkeypatch.undo()
    assert train(images, tmp_path / "run").outcome == "finished"


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("paripassu.data.Digits.load", DATA),
        ("paripassu.models.DCGAN.build", NETWORKS),
        ("paripassu.train.evaluation.restore", NETWORKS),
        ("paripassu.train.measures.reference", MEASURING),
        ("paripassu.metrics.DigitFeatures.__call__", MEASURING),
    ],
)
def test_evaluation_says_what_did_not_fit(images, tmp_path, monkeypatch, place, told):
    train(images, tmp_path)
    monkeypatch.setattr(place, _full)
    with pytest.raises(RuntimeError, match="the GPU has too little memory for ") as caught:
        evaluate(images, tmp_path)
    assert told in str(caught.value)


def test_other_errors_are_left_alone(images, tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr("paripassu.train.loop.step", broken)
    with pytest.raises(RuntimeError, match=r"^mat1 and mat2"):
        train(images, tmp_path)


@pytest.mark.parametrize(
    ("fits", "model", "resolution", "smaller"),
    [
        (networks_fit, DCGAN(norm="none"), 64, 32),
        (networks_fit, DCGAN(norm="none"), 8, None),
        (networks_fit, WganGPResNet(), 32, None),
        (networks_fit, SNGAN(), 128, 64),
        (networks_fit, SNGAN(), 64, 48),
        (networks_fit, SNGAN(), 32, None),
        (networks_fit, StyleGAN2(), 1024, 512),
        (networks_fit, StyleGAN2(), 8, None),
        (networks_fit, MLP(), 20, 10),
        *(
            (fits, *case)
            for fits in (step_fits, measuring_fits)
            for case in ((DCGAN(norm="none"), 64, 32), (SNGAN(), 32, None), (StyleGAN2(), 8, None))
        ),
    ],
)
def test_only_images_that_the_model_makes_are_suggested(images, fits, model, resolution, smaller):
    shape = (3, resolution, resolution)
    with pytest.raises(RuntimeError) as caught, fits(replace(images, model=model), shape):
        _full()
    assert (f"images of {smaller} px or a GPU" in str(caught.value)) == (smaller is not None)
    assert ("images of" in str(caught.value)) == (smaller is not None)
    if smaller:
        without_values(model, (3, smaller, smaller))


def test_points_and_single_samples_have_nothing_smaller(points):
    single = step_fits(replace(points, batch=1), (2,))
    with pytest.raises(RuntimeError, match="a batch of 1 samples of 2: try a GPU"), single:
        _full()


@pytest.mark.parametrize("model", [DCGAN(), WganGPResNet(), SNGAN(), StyleGAN2()])
def test_an_architecture_builds_what_it_says_and_nothing_between(model):
    for resolution in model.resolutions:
        without_values(model, (3, resolution, resolution))
    assert list(model.resolutions) == sorted(model.resolutions)
    with pytest.raises(ValueError, match=f"makes square images of .*{model.resolutions[-1]} px, not 40 x 40"):
        model.build((3, 40, 40))
