"""The examples run, and do what they say."""

import re
from pathlib import Path

import pytest
import torch
from examples import (
    conditional,
    dcgan,
    graft_your_own,
    nsgd_in_your_loop,
    own_data,
    own_networks,
    own_rule,
    several_discriminators,
)
from sklearn.datasets import load_digits
from tests.cases.studies import Here

from paripassu.data import Digits
from paripassu.metrics import DigitFeatures, Moments, frechet_distance
from paripassu.protocol import run_study
from paripassu.rules import Graft
from paripassu.studies import load

EXAMPLES = sorted(Path(nsgd_in_your_loop.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_shorter_than_a_screen(path):
    assert len(path.read_text().splitlines()) < 60


def test_the_generator_moves_onto_the_ring():
    """Its radius is 2; a fifth of the script's own steps brings most samples near it."""
    untrained, trained = (nsgd_in_your_loop.main(steps).norm(dim=1) for steps in (0, 400))
    assert untrained.median() < 1
    assert 1.5 < trained.median() < 2.5


def test_dcgans_samples_look_like_digits():
    """Untrained ones are at 255; 60 of the script's 1,000 steps bring them below 40."""
    features = DigitFeatures()
    images = Digits().load(torch.device("cpu"))
    real = Moments.of(features(images.at(torch.arange(len(images)))))
    assert frechet_distance(real, Moments.of(features(dcgan.main(steps=60)))) < 40


def test_samples_of_a_label_look_like_its_digit():
    """Most are nearest to the mean image of their own digit."""
    images, digits = load_digits(return_X_y=True)
    means = torch.stack([torch.from_numpy(images[digits == d]).float().mean(0) / 8 - 1 for d in range(10)])
    samples, labels = conditional.main(steps=400)
    assert (torch.cdist(samples, means).argmin(dim=1) == labels).float().mean() > 0.5


def test_the_waveform_comes_near_under_several_discriminators():
    passed = several_discriminators.main(steps=60)
    assert passed[-1] < passed[0] / 3


def test_the_graft_leaves_the_bilinear_game_slowest():
    passed = graft_your_own.main(steps=500)
    sgd, momentum, graft = passed.values()
    assert sgd[0] == momentum[0] == graft[0]
    assert graft[-1] < sgd[-1] < momentum[-1]


def test_lion_is_its_magnitude_on_its_direction():
    """And every weight moves by its learning rate."""
    rule, gradient, weight = own_rule.Lion(), torch.randn(4, 3), torch.zeros(4, 3)
    both = Graft(magnitude=rule, direction=rule)
    (ours,), _ = both.update([gradient], [both.init(weight)], [weight])
    (theirs,), _ = rule.update([gradient], [rule.init(weight)], [weight])
    torch.testing.assert_close(ours, theirs)
    assert torch.equal(theirs, gradient.sign())


def test_own_rules_train():
    shares = own_rule.main(steps=3)
    assert len(shares) == 3
    assert all(0 <= share <= 1 for share in shares.values())


def test_own_networks_train():
    assert own_networks.run(2).model.latent == 32
    assert own_networks.main(steps=2).outcome == "finished"


def test_own_data_are_measured_on_pixels():
    assert [*own_data.main(steps=2)] == ["fd-pixels8@2500", "kd-pixels8@1000"]


def test_own_study_runs_to_a_verdict(tmp_path):
    study = load(Path(own_rule.__file__).parent / "own_study.py")
    result = run_study(study, "smoke", tmp_path / "study", engine=Here())
    assert [finding.verdict.outcome for finding in result.findings] == ["undecided"]
    assert study.question.startswith("Does Lion")


GALLERY = Path(__file__).parents[1] / "docs" / "gallery.md"


def test_every_example_is_in_the_gallery_with_its_command():
    commands = re.findall(r"^\$ python examples/(\w+\.py)", GALLERY.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(commands) == [path.name for path in EXAMPLES]


def test_every_picture_of_the_gallery_is_there():
    """`make gallery` draws them."""
    named = set(re.findall(r"\(images/(gallery-[\w.-]+)\)", GALLERY.read_text(encoding="utf-8")))
    assert named == {path.name for path in (GALLERY.parent / "images").glob("gallery-*")}
    assert len(named) == 5
