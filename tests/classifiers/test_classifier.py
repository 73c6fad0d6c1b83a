"""A classifier is a problem: its parts, its draws, and which rules move an absent frequency."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from paripassu.classifiers import Classifier, Convolutional, Perceptron, pattern
from paripassu.data.digits import labelled_digits
from paripassu.rules import SGD, Adam, Graft, Normalize, RMSprop, Sign
from paripassu.theory import play

SMALL = Classifier(Perceptron((6,)), batch=8)


def test_the_parts_are_all_digits_once():
    images, _ = labelled_digits()
    parts = (SMALL.training, SMALL.validation, SMALL.test)
    assert [len(part.images) for part in parts] == [1000, 297, 500]
    everything = torch.cat([part.images for part in parts]).flatten(1)
    assert sorted(map(tuple, everything.tolist())) == sorted(map(tuple, images.flatten(1).tolist()))
    assert len(replace(SMALL, tests=7).test.labels) == 7


def test_few_labels_are_as_many_of_each_class_and_of_the_seed():
    problem = replace(SMALL, per_class=3)
    _, data = problem.starts([0, 1])
    for run in (0, 1):
        images, labels = problem.labelled({"labelled": data["labelled"][run]})
        assert labels.bincount().tolist() == [3] * 10
        assert len({tuple(image) for image in images.flatten(1).tolist()}) == 30
    assert not torch.equal(data["labelled"][0], data["labelled"][1])


@pytest.mark.parametrize("per_class", [None, 2])
def test_the_loss_is_the_batchs_cross_entropy(per_class):
    problem = replace(SMALL, per_class=per_class, loss_scale=3.0)
    weights, data = problem.starts([4])
    own = {"net": tuple(weight[0] for weight in weights["net"])}
    now = {name: value[0] for name, value in data.items()} | {"batch": problem.draws([4], 0)["batch"][0, 0]}
    images, labels = problem.labelled(now)
    chosen = now["batch"]
    logits = problem.network.logits(own["net"], images[chosen])
    assert problem.losses(own, now)["net"] == 3 * cross_entropy(logits, labels[chosen])


def test_batches_come_from_the_runs_own_images():
    assert replace(SMALL, per_class=2).draws([0], 0)["batch"].unique().tolist() == list(range(20))
    assert int(SMALL.draws([0], 0)["batch"].max()) > 900
    assert replace(SMALL, batch=None).draws([0], 0) == {}


def test_errors_are_shares_of_wrong_answers():
    weights, data = SMALL.starts([0])
    own = {"net": tuple(weight[0] for weight in weights["net"])}
    seen = SMALL.observe(own, {})
    for name, part in (("train", SMALL.training), ("validation", SMALL.validation), ("test", SMALL.test)):
        answers = SMALL.network.logits(own["net"], part.images).argmax(dim=1)
        assert seen[f"{name}_error"] == pytest.approx((answers != part.labels).double().mean().item())
    assert data == {}


@pytest.mark.parametrize("network", [Perceptron((16,)), Convolutional((2, 6))], ids=["perceptron", "conv"])
def test_networks_learn_digits(network):
    paths = play(Classifier(network, tests=100), SGD(), 0.5, 90, [0], record=[0, 90])
    assert paths.observed["test_error"][0, 1] < 0.4 < paths.observed["test_error"][0, 0]


RAW = [SGD(), SGD(0.9), Normalize(), Normalize(scope="layer"), Normalize(unit="rms"), Graft(Adam(), SGD())]
OTHERS = [Adam(), Adam((0.0, 0.999)), RMSprop(), Sign(), Graft(SGD(), Adam())]


@pytest.mark.parametrize("rule", [*RAW, *OTHERS], ids=repr)
def test_raw_directions_never_move_an_absent_frequency(rule):
    """A gradient of the first layer is a sum of images, so it has nothing of what none of them has."""
    problem = replace(SMALL, without=(7, 1))
    own = pattern((7, 1)).flatten().numpy()
    first = own @ problem.starts([0])[0]["net"][0][0].numpy()
    moved = own @ play(problem, rule, 0.01, 20, [0], record=[20]).weights["net"][0][0] - first
    if rule in RAW:
        assert abs(moved).max() < 1e-14
    else:
        assert np.linalg.norm(moved) > 1e-4 * np.linalg.norm(first)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"per_class": 0}, r"per_class must be None or in 1\.\.\d+, got 0"),
        ({"per_class": 101}, r"per_class must be None or in 1\.\.\d+, got 101"),
        ({"batch": 0}, "batch must be >= 1, got 0"),
        ({"start_scale": 0.0}, "start_scale must be finite and > 0"),
        ({"loss_scale": np.inf}, "loss_scale must be finite and > 0"),
        ({"tests": 501}, r"tests must be in 1\.\.500, got 501"),
        ({"without": (8, 0)}, r"two numbers in 0\.\.7"),
        ({"without": (1, 2, 3)}, r"two numbers in 0\.\.7"),
        (
            {"without": (7, 1), "network": Perceptron((4,), side=12)},
            "leave it out with a network for side 12",
        ),
        ({"batch": 2.5}, "batch must be a whole number, got 2.5"),
        ({"per_class": 2.5}, "per_class must be a whole number, got 2.5"),
        ({"tests": 2.5}, "tests must be a whole number, got 2.5"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **wrong)
