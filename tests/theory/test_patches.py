"""Feature and noise patches: what is learned first, what it does to new images. In float64."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from paripassu.rules import SGD, Adam, Graft, Normalize, RMSprop
from paripassu.theory import Patches, constant, play

SIGN = Adam((0.0, 0.0), 1e-150)
ADAM = Adam(eps=1e-12)  # gradients at the start are about 1e-7
SMALL = Patches(n=8, d=8 * 20 + 1, s=20, m=4, decay=0.0, supports="disjoint", tests=400)
LABELS = np.repeat([1.0, -1.0], 4)


def _start(problem, seed=0):
    """First weights ``[2, m, d]`` and noise patches ``[n, d]`` of one run."""
    weights, data = problem.starts([seed])
    return weights["w"][0][0], data["noise"][0]


def _gradient(problem, w, noise):
    return problem.gradients({"w": (w,)}, {"noise": noise}, ("w",))["w"][0]


def test_noise_has_its_supports():
    noise = _start(SMALL)[1].numpy()
    assert (noise[:, 0] == -0.2 * LABELS).all()
    assert ((noise[:, 1:] != 0).sum(axis=0) == 1).all()  # each coordinate is of one image
    assert ((noise[:, 1:] != 0).sum(axis=1) == 20).all()
    shared = _start(replace(SMALL, supports="random", d=50))[1].numpy()
    assert (shared[:, 0] == -0.2 * LABELS).all()
    assert ((shared[:, 1:] != 0).sum(axis=1) == 20).all()
    assert ((shared[:, 1:] != 0).sum(axis=0) > 1).any()


def test_published_noise_is_about_one_long_and_8_in_sum():
    """E |xi|_1 = s sigma_p sqrt(2 / pi) = 7.98."""
    problem = Patches(tests=2)
    noise = np.concatenate([_start(problem, seed)[1].numpy()[:, 1:] for seed in range(4)])
    assert abs(noise).sum(axis=1).mean() == pytest.approx(10 * math.sqrt(2 / math.pi), rel=0.01)
    assert np.square(noise).sum(axis=1).mean() == pytest.approx(1.0, rel=0.02)


def test_the_net_is_its_definition():
    w, noise = _start(replace(SMALL, sigma_0=0.7))
    logits = SMALL.logits(w, noise, torch.from_numpy(LABELS))
    v = torch.eye(SMALL.d, dtype=torch.float64)[0]
    for i, y in enumerate(LABELS):
        for j in (0, 1):
            expected = sum(max(0.0, (row @ patch).item()) ** 3 for row in w[j] for patch in (y * v, noise[i]))
            assert logits[i, j].item() == pytest.approx(expected, rel=1e-12)


def test_errors_count_images_and_halve_ties():
    noise = _start(SMALL)[1]
    v = torch.eye(SMALL.d, dtype=torch.float64)[0]
    error = {}
    for name, right, left in (("none", 0 * v, 0 * v), ("one label", v, 0 * v), ("v", v, -v), ("-v", -v, v)):
        w = torch.stack([right.expand(4, -1), left.expand(4, -1)])
        seen = SMALL.observe({"w": (w,)}, {"noise": noise})
        assert seen["train_error"] == seen["test_error"]
        error[name] = seen["train_error"].item()
    # With v alone, an image of the other label has only its feature noise, α along +v, and is misjudged.
    assert error == {"none": 0.5, "one label": 0.5, "v": 0.0, "-v": 1.0}


def test_what_is_observed_is_of_the_best_filter():
    w, noise = _start(SMALL)
    seen = SMALL.observe({"w": (w,)}, {"noise": noise})
    assert seen["feature"].tolist() == [w[0, :, 0].max().item(), (-w[1, :, 0]).max().item()]
    for i in range(8):
        assert seen["noise"][i].item() == pytest.approx((w[int(i >= 4)] @ noise[i]).max().item(), rel=1e-12)


def test_the_first_sign_step_is_as_long_as_the_noise_in_sum():
    """Noise + lr |xi|_1 - lr alpha where the feature gains lr, + lr alpha where it loses lr.

    The feature noise points away from the feature, so a patch never gains both.
    """
    problem = replace(SMALL, m=40)
    w, noise = _start(problem)
    after = torch.from_numpy(play(problem, SIGN, 1e-3, 1, [0]).weights["w"][0][0])
    gradient = _gradient(problem, w, noise)
    seen = {1: 0, -1: 0}
    for i, y in enumerate(LABELS):
        j = int(y < 0)
        for towards in seen:
            active = (w[j] @ noise[i] > 0) & (-y * towards * gradient[j, :, 0] > 0)
            change = (after[j] - w[j])[active]
            assert (y * change[:, 0]).numpy() == pytest.approx(1e-3 * towards)
            l1 = noise[i, 1:].abs().sum().item()
            assert (change @ noise[i]).numpy() == pytest.approx(1e-3 * (l1 - 0.2 * towards), rel=1e-9)
            seen[towards] += int(active.sum())
    assert min(seen.values()) > 20


def test_shared_coordinates_slow_the_published_noise():
    """n s / d = 20 images share one, whose signs disagree: a sign step gains 1.5 lr instead of 8 lr.

    That is of a filter which sees the noise. The filter that sees it most decides more signs, and gains 4.6.
    """
    problem = Patches(tests=2, decay=0.0)
    w, noise = _start(problem)
    assert (noise[:, 1:] != 0).sum(dim=0).double().mean().item() == pytest.approx(20, rel=0.01)
    gradient = _gradient(problem, w, noise)
    means, best = [], []
    for i, y in enumerate(np.repeat([1.0, -1.0], 100)):
        inner, gains = w[int(y < 0)] @ noise[i], -gradient[int(y < 0)].sign() @ noise[i]
        means.append(gains[inner > 0].mean().item())
        best.append(gains[inner.argmax()].item())
    assert np.mean(means) == pytest.approx(1.5, abs=0.2)
    assert np.mean(best) == pytest.approx(4.6, abs=0.4)
    # The published decay is a quarter of what the data pull at the start, so it matters from then on.
    decay, pull = (1e-5 * w).abs().mean(), gradient[..., 1:].abs().mean()
    assert (decay / pull).item() == pytest.approx(0.26, abs=0.03)


def test_the_sizes_of_theory_have_their_numbers():
    """Of images with s = 50 coordinates of their own; and the bound on lambda at the published sizes."""
    apart = Patches(n=40, d=2001, s=50, m=8, supports="disjoint", tests=2)
    assert _start(apart)[1][:, 1:].abs().sum(dim=1).mean().item() == pytest.approx(5.64, rel=0.05)
    published = Patches(tests=2)
    bound = published.sigma_0 ** (published.q - 2) * published.noise_scale / published.n
    assert (bound, published.decay / bound) == pytest.approx((5e-6, 2.0))


def test_dead_filters_have_no_gradient():
    """Where every inner product is <= 0 there is decay alone."""
    problem = replace(SMALL, decay=0.1, alpha=0.0)
    _, noise = _start(problem)
    w = -noise.sum(dim=0).expand(2, 4, -1).clone()
    w[:, :, 0] = 0.0
    torch.testing.assert_close(_gradient(problem, w, noise), 0.1 * w)


def test_under_large_coupled_decay_adam_learns_nothing():
    """As at the published sizes at 0.05: all inner products die out."""
    settings = {"lr": 0.005, "steps": 80, "seeds": [0], "record": [80]}
    noise = [
        play(replace(SMALL, decay=decay), ADAM, **settings).observed["noise"].min() for decay in (0.0, 0.05)
    ]
    assert noise[0] > 0.1 > 1e-3 > noise[1]


def test_descent_learns_features_a_hundred_times_as_fast():
    """While predictions are ½: q/4 w² for the feature, q/2n |xi|² w² for the noise."""
    problem = replace(SMALL, alpha=0.0)
    w, noise = _start(problem)
    gradient = _gradient(problem, w, noise)
    for j, sign in enumerate((1.0, -1.0)):
        expected = problem.feature_rate * w[j, :, 0].square()
        assert (-sign * gradient[j, :, 0]).numpy() == pytest.approx(expected.numpy(), rel=1e-3)
    for i, y in enumerate(LABELS):
        inner = w[int(y < 0)] @ noise[i]
        expected = problem.noise_rate(noise[i].numpy()) * inner.clamp(min=0).square().numpy()
        assert -(gradient[int(y < 0)] @ noise[i]).numpy() == pytest.approx(expected, rel=1e-3, abs=1e-15)
    published = Patches()
    assert published.feature_rate == 0.75
    one = np.sqrt(np.r_[0.0, np.full(100, 0.01)])
    assert published.feature_rate / published.noise_rate(one) == pytest.approx(100.0)
    # With the feature noise in the patch's length, 1.04, it is 96.
    assert published.feature_rate / (published.noise_rate(one) * 1.04) == pytest.approx(96.0, abs=0.5)


@pytest.mark.parametrize("q", [2, 3, 4])
def test_features_grow_like_their_flow(q):
    problem = Patches(n=2, d=3, s=1, m=1, q=q, alpha=0.0, decay=0.0, supports="disjoint", tests=2)
    start = {"w": [np.array([[[[0.02, 0.0, 0.0]], [[-0.01, 0.0, 0.0]]]])]}
    lr = {2: 0.02, 3: 0.25, 4: 8.0}[q]
    paths = play(problem, SGD(), lr, 90, [0], start=start, record=[0, 45, 90])
    expected = problem.growth(problem.feature_rate, [[0.02, 0.01]], lr * np.array([[0], [45], [90]]))
    assert expected[-1, 0] > 1.4 * expected[0, 0]
    assert paths.observed["feature"][0] == pytest.approx(expected, rel=0.02)


def test_growth_of_a_cubic_blows_up():
    problem = Patches()
    assert problem.growth(0.75, 0.01, [50.0, 133.0]) == pytest.approx([0.016, 0.01 / 0.0025])
    assert problem.growth(0.75, 0.01, 134.0) == math.inf
    rates = problem.growth(0.75, 0.01, 100.0) - problem.growth(0.75, 0.01, 99.9)
    assert rates / 0.1 == pytest.approx(0.75 * 0.04**2, rel=0.01)


def test_a_published_net_takes_off_after_71_over_the_rate():
    """The largest of its 20 filters is expected at 1.867 deviations, so 1 / (0.75 x 0.01867) = 71.4."""
    z = np.linspace(-6, 6, 4001)
    below = np.cumsum(np.exp(-(z**2) / 2))
    largest = float(z[1:] @ np.diff((below / below[-1]) ** Patches().m))
    assert largest == pytest.approx(1.867, abs=0.002)
    first = Patches().sigma_0 * largest
    assert np.isfinite(Patches().growth(0.75, first, [71.0, 71.8])).tolist() == [True, False]


@pytest.mark.parametrize(
    ("alpha", "q", "ratio"), [(0.2, 3, math.sqrt(5)), (0.2, 2, 5.0), (0.1, 4, 10 ** (1 / 3))]
)
def test_a_memorised_patch_flips_the_features_gradient(alpha, q, ratio):
    problem = replace(SMALL, alpha=alpha, q=q, m=1)
    assert problem.flip_ratio == pytest.approx(ratio)
    noise = _start(problem)[1]

    def towards_feature(over):
        inner = torch.tensor([over * 0.01] * 4 + [-0.01] * 4, dtype=torch.float64)  # own images, others
        rest = torch.linalg.pinv(noise[:, 1:]) @ (inner - 0.01 * noise[:, 0])
        first = torch.cat([torch.full((1,), 0.01, dtype=torch.float64), rest])
        w = torch.stack([first, torch.zeros_like(first)]).unsqueeze(1)
        return -_gradient(problem, w, noise)[0, 0, 0].item()

    assert towards_feature(0.98 * ratio) > 0 > towards_feature(1.02 * ratio)


RATES = {
    SGD(): 3.0,
    Normalize(): 0.03,
    Graft(ADAM, SGD()): 3e-4,
    ADAM: 0.005,
    SIGN: 0.005,
    Graft(SGD(), ADAM): 30.0,
}


@pytest.mark.parametrize(("rule", "lr"), RATES.items(), ids=repr)
def test_raw_directions_learn_the_feature_and_adams_the_noise(rule, lr):
    """Lengths do not matter. All fit the training images, and new ones come out right or wrong."""
    problem = Patches(n=40, d=1 + 40 * 30, s=30, m=16, supports="disjoint", tests=200)
    end = play(problem, rule, lr, 95, [0, 1], record=[95]).observed
    assert end["train_error"].max() == 0
    feature, noise = end["feature"].max(axis=-1), end["noise"].min(axis=-1)
    if isinstance(getattr(rule, "direction", rule), Adam):
        assert (noise > 1.5 * feature).all()
        assert end["test_error"].min() > 0.5
    else:
        assert (feature > 20 * noise).all()
        assert end["test_error"].max() < 0.01


def test_a_batch_of_all_images_is_no_batch():
    one, other = (
        play(replace(SMALL, batch=batch, decay=0.01), ADAM, 0.005, 20, [0, 1]).weights["w"][0]
        for batch in (None, 8)
    )
    assert one == pytest.approx(other, rel=1e-9, abs=1e-12)


def test_coupled_and_decoupled_decay_are_the_same_for_descent_alone():
    """Descent by the gradient of L2 is decay; Adam divides it away."""
    problem = replace(SMALL, sigma_0=0.5)
    ends = {
        (type(rule), coupled): play(
            replace(problem, decay=0.3 if coupled else 0.0), rule, 0.01, 30, [0],
            weight_decay=0.0 if coupled else 0.3, record=[30],
        ).weights["w"][0]
        for rule in (SGD(), ADAM)
        for coupled in (True, False)
    }  # fmt: skip
    assert ends[SGD, True] == pytest.approx(ends[SGD, False], rel=1e-9, abs=1e-12)
    assert abs(ends[Adam, True] - ends[Adam, False]).max() > 0.1


def test_batches_are_drawn_without_replacement():
    batches = replace(SMALL, batch=3).draws([0], 0)["batch"].numpy()[0]
    assert (np.diff(np.sort(batches, axis=1), axis=1) > 0).all()
    assert np.bincount(batches.ravel(), minlength=8) == pytest.approx(np.full(8, 256 * 3 / 8), rel=0.3)


def _falling(n):
    return 0.93**n


@pytest.mark.parametrize(
    ("rule", "lr", "schedule"),
    [
        (SGD(), 0.5, constant),
        (SGD(0.5), 0.3, constant),
        (Graft(SGD(), Adam((0.0, 0.9))), 0.8, constant),
        (Adam((0.5, 0.9)), 0.1, _falling),
        (RMSprop(0.9), 0.3, _falling),
        (Normalize(), 0.3, _falling),
        (Graft(ADAM, SGD()), 0.1, _falling),
    ],
    ids=["sgd", "momentum", "adam direction", "adam", "rmsprop", "nsgd", "adam length"],
)
def test_all_rules_meet_in_the_convex_control(rule, lr, schedule):
    """The linear model with weight decay has one minimum, where the gradient is 0."""
    problem = Patches(n=4, d=9, s=2, m=2, q=1, decay=0.5, supports="disjoint", tests=2)
    steps = 99 if schedule is constant else 250
    paths = play(problem, rule, lr, steps, [0], schedule=schedule, record=[steps])
    w, (_, noise) = torch.from_numpy(paths.weights["w"][0][0]), _start(problem)
    # Strong convexity: the distance to the minimum is at most the gradient over lambda.
    assert _gradient(problem, w, noise).norm().item() / 0.5 < 1e-6
    assert w.norm() > 0.1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n": 3}, "n must be even and >= 2, got 3"),
        ({"tests": 0}, "tests must be even"),
        ({"m": 0}, "m must be >= 1"),
        ({"q": 0}, "q must be >= 1"),
        ({"q": 2.5}, "q must be a whole number, got 2.5"),
        ({"batch": 4.0}, "batch must be a whole number, got 4.0"),
        ({"alpha": -0.1}, "alpha must be finite and >= 0"),
        ({"decay": math.inf}, "decay must be finite and >= 0"),
        ({"sigma_0": 0.0}, "sigma_0 must be finite and > 0"),
        ({"sigma_p": -1.0}, "sigma_p must be finite and > 0"),
        ({"supports": "shared"}, "supports must be one of random, disjoint, got 'shared'"),
        ({"d": 160}, "d must be >= 161 for disjoint supports, got 160"),
        ({"d": 20, "supports": "random"}, "d must be >= 21 for random supports"),
        ({"batch": 9}, "batch must be None or in 1..8, got 9"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **wrong)


def test_the_linear_model_has_no_flip_and_no_blow_up():
    linear = replace(SMALL, q=1)
    with pytest.raises(ValueError, match="q must be >= 2"):
        linear.growth(1.0, 0.1, 1.0)
    with pytest.raises(ValueError, match="q must be >= 2"):
        _ = linear.flip_ratio
    assert replace(SMALL, alpha=0.0).flip_ratio == math.inf
