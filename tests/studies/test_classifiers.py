"""Studies on networks: their rules on both sides of each bound, and each at its smallest."""

import math

import numpy as np
import polars as pl
import pytest
import torch
from tests.cases.idx import idx
from tests.cases.studies import Here

from paripassu.classifiers import Classifier, Convolutional, Perceptron, ScaleInvariantPerceptron
from paripassu.data import Idx
from paripassu.evidence.dissection import HALVES
from paripassu.protocol import run_study
from paripassu.protocol.sweeps import Tables
from paripassu.report.study import write_study_page
from paripassu.rules import SGD, Adam, Normalize
from paripassu.studies import (
    classifier_arms,
    discriminator_frequency,
    generalisation,
    robustness,
    scale_invariance,
)
from paripassu.studies.scale_invariant_games import NETWORKS, Watched, measure_network
from paripassu.theory import angular_step, play

NOTHING = pl.DataFrame()
ADAMS = {"adam", "adam direction"}


def _rows(condition, number, values, **more):
    """Six seeds around each arm's value."""
    return [
        {"condition": condition, "arm": arm, "part": "fresh", "seed": seed, "diverged_at": math.inf,
         number: values[arm] * (1 + 0.01 * seed), **more}
        for arm in HALVES
        for seed in range(6)
    ]  # fmt: skip


def _by_half(of_adam, of_sgd, *, magnitude=False):
    named = {"adam", "adam length"} if magnitude else ADAMS
    return {arm: of_adam if arm in named else of_sgd for arm in HALVES}


def _robust(clean, attacked, moved):
    frames = [
        pl.DataFrame(_rows("convolutional network", number, values))
        for number, values in (
            ("clean_error", clean),
            *((name, attacked) for name in ("noise_error", "l2_error", "linf_error")),
            ("lipschitz_bound", attacked),
        )
    ]
    network = frames[0].with_columns(*(f[f.columns[-1]] for f in frames[1:]))
    absent = pl.DataFrame(_rows("perceptron, one frequency absent", "moved", moved))
    absent = absent.with_columns(absent_error="moved")
    outcomes = pl.concat([network, absent], how="diagonal")
    sweep = robustness.STUDY.scale("small").design.sweep
    return robustness.verdict(sweep, Tables(outcomes, NOTHING, NOTHING)).findings


ALIKE = _by_half(0.04, 0.04)
MOVES, STAYS = _by_half(0.1, 0.0), _by_half(0.1, 0.1)


@pytest.mark.parametrize(
    ("attacked", "outcome"),
    [
        (_by_half(0.6, 0.4), "supported"),
        (_by_half(0.4, 0.6), "contradicted"),  # the other direction harms
        (_by_half(0.6, 0.4, magnitude=True), "contradicted"),
        (_by_half(0.5, 0.5), "contradicted"),  # neither
        (_by_half(0.549, 0.5), "undecided"),
    ],
)
def test_harm_is_the_directions(attacked, outcome):
    findings = _robust(ALIKE, attacked, MOVES)
    assert [finding.verdict.outcome for finding in findings] == [outcome] * 3 + ["supported"] * 2
    assert [finding.verdict.outcome for finding in _robust(ALIKE, attacked, STAYS)][3:] == [
        "contradicted"
    ] * 2


def test_unlike_clean_errors_decide_nothing():
    findings = _robust(_by_half(0.1, 0.04), _by_half(0.6, 0.4), MOVES)
    assert [finding.verdict.outcome for finding in findings] == ["undecided"] * 3 + ["supported"] * 2
    assert "clean errors are not alike" in findings[0].verdict.reason


@pytest.mark.parametrize(("train_error", "outcome"), [(0.0, "supported"), (0.02, "undecided")])
def test_generalisation_needs_fitted_digits(train_error, outcome):
    frames = [
        pl.DataFrame(_rows(column.condition, "test_error", _by_half(0.3, 0.2), train_error=train_error))
        for column in generalisation.COLUMNS
    ]
    sweep = generalisation.STUDY.scale("small").design.sweep
    tables = Tables(pl.concat(frames), NOTHING, NOTHING)
    findings = generalisation.verdict(sweep, tables).findings
    assert [finding.verdict.outcome for finding in findings] == [outcome] * 2


@pytest.mark.parametrize(
    ("adam", "outcome"), [(0.05, "supported"), (0.02, "undecided"), (0.01, "contradicted")]
)
def test_discriminators_are_compared_in_decades(adam, outcome):
    rows = [
        {"condition": column.condition, "arm": arm, "part": "fresh", "seed": seed,
         "share": share * (1 + 0.1 * seed)}
        for column in discriminator_frequency.COLUMNS
        for arm, share in (("adam", adam), ("nsgd layer", 0.01))
        for seed in range(6)
    ]  # fmt: skip
    outcomes, even = pl.DataFrame(rows), pl.col("seed") % 2 == 0
    if outcome == "undecided":  # a factor of 3 for every other seed, of 1.6 for the rest
        factor = pl.when(pl.col("arm") == "nsgd layer").then(1.0).when(even).then(1.5).otherwise(0.8)
        outcomes = outcomes.with_columns(share=pl.col("share") * factor)
    finding = discriminator_frequency.judge_pair(discriminator_frequency.COLUMNS[0], outcomes)
    assert finding.verdict.outcome == outcome


def test_a_run_that_does_not_fit_is_never_chosen():
    full = Classifier(Perceptron((2,)), per_class=1, batch=None, tests=20)
    paths = play(full, SGD(), [[1e-9], [0.3]], 25, [0, 1], record=[25])
    chosen = classifier_arms.choice(full, paths)
    assert (chosen["criterion"] >= chosen["validation_error"]).all()
    assert (chosen["criterion"][:2] >= 1).all()
    batched = Classifier(Perceptron((2,)), batch=4, tests=20)
    chosen = classifier_arms.choice(batched, play(batched, SGD(), 1e-9, 1, [0], record=[1]))
    assert (chosen["criterion"] == chosen["validation_error"]).all()


def test_a_diverged_network_has_no_number():
    problem = Classifier(Perceptron((2,)), batch=4, tests=20)
    paths = play(problem, SGD(), [1e-3, 1e300], 3, [0], record=[3])
    assert np.isnan(robustness.measure(problem, paths)["l2_error"]).tolist() == [False, True]


@pytest.mark.parametrize(("rule", "lr"), [(SGD(), 0.3), (Normalize(), 0.3), (Adam(), 0.01)], ids=repr)
def test_the_angle_of_a_step_follows_from_three_lengths(rule, lr):
    problem = Watched(ScaleInvariantPerceptron((4,)), batch=4)
    paths = play(problem, rule, lr, 5, [0], weight_decay=0.1, record=[4, 5])
    before = play(problem, rule, lr, 4, [0], weight_decay=0.1, record=[4]).weights["net"]
    one, other = (np.concatenate([w[0].ravel() for w in of]) for of in (before, paths.weights["net"]))
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert measure_network(problem, paths)["turn"] == pytest.approx([math.acos(cosine)], rel=1e-6)


def test_networks_are_judged_each_by_itself():
    rows = [
        {"arm": arm, "condition": game.condition(*scales), "part": "fresh", "seed": seed, "lr_net": 0.1,
         "excess": (1 + 0.01 * seed) * (5.0 if arm == "SGD" and scales[1] == 100 else 1.0),
         "turn": angular_step(0.1, 0.1) * (2.0 if game.name == "attention" else 1.0)}
        for game in NETWORKS
        for scales in game.scales
        for arm in game.rates
        for seed in range(5)
    ]  # fmt: skip
    sweep = scale_invariance.STUDY.scale("networks").design.sweep
    findings = scale_invariance.verdict(sweep, Tables(pl.DataFrame(rows), NOTHING, NOTHING)).findings
    assert [(finding.about, finding.verdict.outcome) for finding in findings] == [
        ("perceptron", "supported"), ("perceptron", "supported"),
        ("attention", "supported"), ("attention", "contradicted"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "study", [robustness.STUDY, generalisation.STUDY, discriminator_frequency.STUDY], ids=lambda s: s.name
)
def test_each_runs_at_its_smallest(study, tmp_path):
    result = run_study(study, "smoke", tmp_path, engine=Here())
    assert {finding.verdict.outcome for finding in result.findings} == {"undecided"}
    assert write_study_page(tmp_path).is_file()


def _mnist(folder, side=28, count=1797):
    """A file like MNIST's, its labels beside it."""
    images, labels = folder / "train-images-idx3-ubyte", folder / "train-labels-idx1-ubyte"
    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side), dtype=np.uint8)
    images.write_bytes(idx(pixels))
    labels.write_bytes(idx(np.arange(count) % 10))
    return images


def test_robustness_runs_on_mnist_by_path(tmp_path):
    path = _mnist(tmp_path)
    study = robustness.STUDY.on_data({"mnist": path})
    result = run_study(study, "smoke", tmp_path / "out", engine=Here())
    assert [finding.about for finding in result.findings] == ["convolutional network"] * 3
    assert str(path) in str(result.settings)
    page = write_study_page(tmp_path / "out").read_text(encoding="utf-8")
    assert "some change of length 1.75 fools" in page


def test_missing_files_are_named_before_anything_is_written(tmp_path):
    study = robustness.STUDY.on_data({"mnist": tmp_path / "train-images-idx3-ubyte"})
    with pytest.raises(ValueError, match="train-images-idx3-ubyte cannot be read: No such file"):
        run_study(study, "smoke", tmp_path / "out", engine=Here())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("side", "count", "why"),
    [(28, 1796, "has 1,796 images"), (27, 1797, "for images of side 28, got images of 27 x 27")],
)
def test_files_of_other_images_are_named(side, count, why, tmp_path):
    other = Classifier(Convolutional((1, 2), 28), data=Idx(_mnist(tmp_path, side, count)))
    with pytest.raises(ValueError, match=why):
        play(other, SGD(), 0.1, 1, [0], record=[1])


def test_files_with_fewer_labels_than_images_are_named(tmp_path):
    images = _mnist(tmp_path)
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.write_bytes(idx(np.arange(20) % 10))
    with pytest.raises(ValueError, match="1,797 images and 20 labels"):
        Classifier(Convolutional((1, 2), 28), data=Idx(images)).check()


def test_a_convolution_of_larger_images_has_its_own_matrices():
    """The logits without biases are the product of the matrices wherever ReLU lets all pass."""
    network = Convolutional((2, 3), 12)
    weights = [weight.abs().double() for weight in network.first(0)]
    image = torch.rand(1, 12, 12, dtype=torch.float64)
    through = image.flatten()
    for layer in network.layers(weights):
        through = layer @ through
    torch.testing.assert_close(network.logits(weights, image)[0], through)
    with pytest.raises(ValueError, match="side must be a multiple of 4, got 10"):
        Convolutional(side=10)
