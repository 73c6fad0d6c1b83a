"""What rules converge to under noise: closed forms and known values, in float64."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from paripassu.rules import SGD, Adam, Graft, Normalize, RMSprop
from paripassu.theory import (
    NoisyQuadratic,
    Normal,
    TwoPoint,
    adam_bound,
    average_variance,
    inverse,
    inverse_sqrt,
    no_limit_statistic,
    play,
    stationary_moments,
)

COIN = TwoPoint(0.0, 1.0, p=0.3)  # mean 0.3, median 0


def _moments(problem, rule, lr, *, steps=300, after=100, every=10, chains=2000):
    record = range(after, steps + 1, every)
    return stationary_moments(play(problem, rule, lr, steps, range(chains), record=record), after)


def _moments_by_coordinate(problem, rule, lr, **more):
    """Of a rule that moves each coordinate by itself: one run of twenty is twenty runs."""
    assert problem.d == 1
    means, variances = _moments(replace(problem, d=20), rule, lr, chains=100, **more)
    mean = means.mean()
    return mean, (variances + (means - mean) ** 2).mean()


@pytest.mark.parametrize("law", [Normal(sigma=2.0), TwoPoint(), COIN], ids=repr)
def test_laws_have_their_moments(law):
    draws = law.sample(np.random.default_rng(0), (200_000,))
    assert draws.mean() == pytest.approx(law.mean, abs=5 * math.sqrt(law.variance / 200_000))
    assert draws.var() == pytest.approx(law.variance, rel=0.02)


@pytest.mark.parametrize(("law", "batch"), [(Normal(1.0, 2.0), 1), (TwoPoint(), 1), (COIN, 4)], ids=str)
def test_sgd_settles_around_the_mean(law, batch):
    """Stationary variance lr sigma^2 / (2 - lr), sigma^2 that of a batch's mean, whatever the law."""
    mean, variance = _moments_by_coordinate(NoisyQuadratic(law, batch=batch), SGD(), 0.1)
    assert variance == pytest.approx(0.1 * law.variance / batch / 1.9, rel=0.02)
    assert mean == pytest.approx(law.mean, abs=0.01 * math.sqrt(law.variance))


@pytest.mark.parametrize("lr", [0.1, 0.5])
def test_momentum_settles_like_its_average_of_gradients(lr):
    """m = .9 m + .1 g at rate lr is heavy ball at rate .1 lr: Var = lr(1+a) / (2(1+a) - lr(1-a))."""
    _, variance = _moments_by_coordinate(NoisyQuadratic(), SGD(0.9), 0.1 * lr, steps=400, after=200)
    assert variance == pytest.approx(lr * 1.9 / (2 * 1.9 - lr * 0.1), rel=0.02)


@pytest.mark.parametrize(("lr", "within"), [(0.02, 0.02), (0.1, 0.05)])
def test_nsgd_of_a_normal_has_variance_of_the_rate(lr, within):
    """Sign descent: lr / (4 p(median)) = lr sigma sqrt(2 pi) / 4 for small rates."""
    _, variance = _moments(NoisyQuadratic(), Normalize(), lr, steps=700, after=300, every=20)
    assert variance == pytest.approx(lr * math.sqrt(2 * math.pi) / 4, rel=within)


def test_nsgd_of_a_coin_has_variance_of_the_rates_square():
    """It settles around the median 0, at which theta is a walk on (k + 1/3) lr, k >= -1.

    It goes up at k = -1, else up with probability 0.3. So k >= 0 has the weight (3/7)^k, k = -1 has 0.7: mean
    1/4 and variance 25/16, at any rate.
    """
    lr = 0.003  # records are of even and odd steps alike, for k changes by one each time
    mean, variance = _moments(
        NoisyQuadratic(COIN, initial=0.1), Normalize(), lr, after=205, every=5, chains=1000
    )
    assert mean / lr == pytest.approx(1 / 4 + 1 / 3, abs=0.05)
    assert variance / lr**2 == pytest.approx(25 / 16, rel=0.04)


def _geometric_median(d, batch=1):
    """Of the mean of ``batch`` draws of d coins: the t with E[(t - X) / |t - X|] = 0, by bisection.

    It is the same in every coordinate, so the equation of the first, given how often each mean occurs.
    """
    means = np.arange(batch + 1) / batch
    rates = np.array([math.comb(batch, k) * 0.3**k * 0.7 ** (batch - k) for k in range(batch + 1)])
    places = np.stack(np.meshgrid(*[means] * d, indexing="ij"), axis=-1).reshape(-1, d)
    weights = np.stack(np.meshgrid(*[rates] * d, indexing="ij"), axis=-1).reshape(-1, d).prod(axis=1)
    low, high = 0.0, 1.0
    for _ in range(60):
        t = (low + high) / 2
        away = t - places
        length = np.linalg.norm(away, axis=1)
        slope = weights @ (away[:, 0] / np.where(length > 0, length, 1.0))
        low, high = (low, t) if slope > 0 else (t, high)
    return t


# Off by the order of the rate, less where more coordinates smooth the law.
@pytest.mark.parametrize(("d", "batch", "within"), [(3, 1, 0.008), (10, 1, 0.002), (3, 4, 0.004)])
def test_nsgd_settles_around_the_geometric_median(d, batch, within):
    median = _geometric_median(d, batch)
    assert median < 0.298
    problem = NoisyQuadratic(COIN, d=d, batch=batch, initial=0.2)
    mean, _ = _moments(problem, Normalize(), 0.01, steps=900, after=600, chains=500)
    assert mean == pytest.approx(np.full(d, median), abs=within)


def test_nsgd_moves_to_the_mean_as_the_batch_grows():
    mean, _ = _moments(NoisyQuadratic(COIN, d=3, batch=64, initial=0.25), Normalize(), 0.01, chains=200)
    assert mean == pytest.approx(np.full(3, 0.3), abs=0.005)
    first, *_, last = (_geometric_median(3, batch) for batch in (1, 8))
    assert first < 0.15
    assert 0.285 < last < 0.3


def test_every_step_of_nsgd_is_as_long_as_its_rate():
    paths = play(NoisyQuadratic(d=5), Normalize(), [0.02, 0.5], 50, [0, 1], record=range(51))
    assert paths.lengths["theta"] == pytest.approx(np.tile([[0.02], [0.5]], 51), rel=1e-12)


FIXED_POINTS = {  # of a coin with mean 0.3, at rate 0.01
    RMSprop(0.0): 0.0,
    RMSprop(0.5): 0.155,
    RMSprop(0.9): 0.281,
    RMSprop(0.99): 0.299,
    RMSprop(0.999): 0.300,
    Adam((0.9, 0.9)): 0.289,
    Adam((0.9, 0.99)): 0.2994,
    Adam((0.9, 0.999)): 0.2997,
}


@pytest.mark.parametrize(("rule", "expected"), FIXED_POINTS.items(), ids=repr)
def test_adaptive_rules_settle_between_median_and_mean(rule, expected):
    long = "0.999" in repr(rule)  # squares remembered for a thousand steps
    steps, after = (1700, 1400) if long else (500, 300)
    problem = NoisyQuadratic(COIN, initial=0.3)
    mean, _ = _moments_by_coordinate(problem, rule, 0.01, steps=steps, after=after, every=20)
    assert mean == pytest.approx(expected, abs=0.007 if expected == 0 else 0.003)  # its sign takes 0.01 steps


def _zero_of_adams_field(alpha, beta, p):
    """The t at which the mean of m / sqrt(v) is 0, over all that the last dozen of coins can have shown."""
    memory = 12
    coins = (np.arange(2**memory)[:, None] >> np.arange(memory)) & 1
    weights = np.where(coins, p, 1 - p).prod(axis=1)
    firsts, squares = ((1 - decay) * decay ** np.arange(memory) for decay in (alpha, beta))
    low, high = 0.0, 1.0
    for _ in range(30):
        t = (low + high) / 2
        away = t - coins
        slope = weights @ (away @ firsts / np.sqrt(away**2 @ squares))
        low, high = (low, t) if slope > 0 else (t, high)
    return t


def test_adam_settles_at_the_zero_of_its_own_field():
    """Not of the gradient's, unless the law is symmetric. At a rate of 0.01 it is 0.007 away."""
    assert FIXED_POINTS[RMSprop(0.5)] == pytest.approx(_zero_of_adams_field(0.0, 0.5, p=0.3), abs=0.01)
    assert _zero_of_adams_field(0.0, 0.3, p=0.3) < 0.1 < _zero_of_adams_field(0.5, 0.5, p=0.3) < 0.25
    for alpha, beta in ((0.0, 0.5), (0.5, 0.5)):
        assert _zero_of_adams_field(alpha, beta, p=0.5) == pytest.approx(0.5, abs=1e-6)


def test_adams_direction_has_a_bias_only_beside_other_coordinates():
    """In one dimension SGD's length on a sign is SGD. In three it settles between Adam and the mean."""
    rule = Graft(SGD(), Adam((0.0, 0.5), 1e-30))
    one, other = (
        play(NoisyQuadratic(COIN), r, 0.1, 30, range(3), record=range(31)).observed["theta"]
        for r in (rule, SGD())
    )
    assert one == pytest.approx(other, rel=1e-12, abs=1e-15)
    problem = NoisyQuadratic(COIN, d=3, initial=0.23)
    mean, _ = _moments(problem, rule, 0.02, steps=250, after=150, chains=150)
    assert FIXED_POINTS[RMSprop(0.5)] + 0.03 < mean.mean() < 0.3 - 0.03


class _Certain:
    """X is 0.3."""

    mean, variance = 0.3, 0.0

    def sample(self, rng, shape):
        return np.full(shape, 0.3)


def test_without_noise_steps_that_shrink_converge_and_constant_ones_do_not():
    problem = NoisyQuadratic(_Certain(), d=2)
    for rule in (SGD(), Graft(SGD(), ADA)):
        assert play(problem, rule, 0.5, 50, [0], record=[50]).observed["theta"] == pytest.approx(0.3)
    paths = play(problem, Normalize(), 0.1, 50, [0], record=[49, 50])
    assert np.linalg.norm(np.diff(paths.observed["theta"][0], axis=0)) == pytest.approx(0.1)


def test_adam_with_squares_of_one_has_momentums_variance():
    """X = +-1 and a long memory of squares: v is about 1 + Var theta, and Adam is its first moment."""
    problem = NoisyQuadratic(TwoPoint())
    _, variance = _moments_by_coordinate(problem, Adam((0.9, 0.999)), 0.1, steps=600, after=300)
    assert variance == pytest.approx(0.1 * 1.9 / (2 * 1.9 - 0.1 * 0.1), rel=0.06)


ADA = Adam((0.0, 0.9))
EVERY = {
    "SGD": SGD(),
    "momentum": SGD(0.9),
    "RMSprop": RMSprop(0.9),
    "Adam": Adam((0.9, 0.99)),
    "NSGD": Normalize(),
    "AdaNSGD": Graft(ADA, SGD()),
    "AdaDir": Graft(SGD(), ADA),
}


@pytest.mark.parametrize("rule", EVERY.values(), ids=EVERY.keys())
def test_no_rule_converges_at_a_constant_rate(rule):
    """E|theta_2n - theta_n| levels off; it falls as rates fall."""
    runs = {"steps": 512, "seeds": range(200), "record": [16, 32, 64, 128, 256, 512]}
    lr = 0.01 if rule == SGD(0.9) else 0.1
    _, constant = no_limit_statistic(play(NoisyQuadratic(), rule, lr, **runs))
    assert constant[-1] > 0.75 * constant[2]
    assert constant[-1] > 0.1
    _, falling = no_limit_statistic(play(NoisyQuadratic(), rule, 10 * lr, schedule=inverse_sqrt, **runs))
    assert falling[-1] < 0.75 * falling[0]


def test_running_means_converge_like_one_over_root_n():
    """SGD at rates 1/n: theta_2n - theta_n of a standard normal has variance 1 / 2n."""
    paths = play(NoisyQuadratic(), SGD(), 1.0, 512, range(2000), schedule=inverse, record=[32, 64, 256, 512])
    steps, gaps = no_limit_statistic(paths)
    assert steps.tolist() == [32, 256]
    assert gaps == pytest.approx(np.sqrt(2 / np.pi / (2 * steps)), rel=0.05)


@pytest.mark.parametrize("rule", [Adam((0.9, 0.99)), Normalize(), Graft(ADA, SGD())], ids=repr)
def test_the_floor_is_of_the_order_of_the_rate(rule):
    """A quarter of the rate has a quarter of the stationary variance. SGD's closed form says so too."""
    variances = [
        _moments(NoisyQuadratic(), rule, lr, steps=round(20 / lr), after=round(10 / lr), chains=500)[1]
        for lr in (0.2, 0.05)
    ]
    assert variances[0] / variances[1] == pytest.approx(4.0, rel=0.25)


@pytest.mark.parametrize("lr", [0.1, 1.0, 1.5])
def test_the_average_of_sgds_path_converges_like_one_over_n(lr):
    """Where the path itself does not."""
    problem = NoisyQuadratic(Normal(1.0, 2.0), initial=1.0)
    path = play(problem, SGD(), lr, 80, range(2000), record=range(1, 81)).observed["theta"][:, :, 0]
    for steps in (1, 20, 80):
        variance = path[:, :steps].mean(axis=1).var()
        assert variance == pytest.approx(4.0 * average_variance(lr, steps), rel=0.12)
    assert path[:, -1].var() == pytest.approx(4.0 * lr / (2 - lr), rel=0.12)
    assert 10_000 * average_variance(lr, 10_000) == pytest.approx(1.0, abs=0.01)


def test_adam_with_a_large_epsilon_is_sgd():
    """At rate lr / eps."""
    problem = NoisyQuadratic(COIN, d=2)
    adam = play(problem, Adam((0.0, 0.9), eps=1e6), 1e5, 30, range(3)).observed["theta"]
    assert adam == pytest.approx(
        play(problem, SGD(), 0.1, 30, range(3)).observed["theta"], rel=1e-4, abs=1e-9
    )


def test_adas_nsgd_settles_between_geometric_median_and_mean():
    """Its direction alone goes to the one. A long memory of squares makes its length that of the gradient."""
    at = {}
    for beta in (0.5, 0.99):
        rule = Graft(Adam((0.0, beta)), SGD())
        mean, _ = _moments(
            NoisyQuadratic(COIN, d=3, initial=0.25), rule, 0.005, steps=600, after=300, chains=400
        )
        at[beta] = mean.mean()
    assert _geometric_median(3) + 0.01 < at[0.5] < at[0.99] - 0.01
    assert at[0.99] == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(
    ("betas", "bound"), [((0.9, 0.999), 7.2703), ((0.5, 0.999), 18.2605), ((0.0, 0.999), 31.6228)]
)
def test_adams_bound_has_its_known_values(betas, bound):
    assert adam_bound(betas) == pytest.approx(bound, abs=1e-4)
    assert adam_bound(betas, step=1) == pytest.approx(1.0)
    assert adam_bound(betas, step=200_000) == pytest.approx(bound, abs=1e-4)


def _updates(betas, gradients):
    rule = Adam(betas, eps=1e-150)
    weight = torch.zeros((), dtype=torch.float64)
    states = [rule.init(weight)]
    for gradient in gradients:
        updates, states = rule.update([torch.tensor(gradient, dtype=torch.float64)], states, [weight])
        yield abs(updates[0].item())


@given(
    gradients=st.lists(
        st.floats(-1e6, 1e6).filter(lambda g: g == 0 or abs(g) > 1e-6), min_size=1, max_size=30
    ),
    betas=st.sampled_from([(0.9, 0.999), (0.5, 0.999), (0.0, 0.9), (0.9, 0.5), (0.99, 0.9801)]),
)
def test_no_gradients_move_adam_further_than_its_bound(gradients, betas):
    for step, update in enumerate(_updates(betas, gradients), 1):
        assert update <= adam_bound(betas, step) * (1 + 1e-9)


def test_gradients_that_grow_geometrically_reach_adams_bound():
    *_, last = _updates((0.9, 0.999), [(0.999 / 0.9) ** t for t in range(200)])
    assert last == pytest.approx(adam_bound((0.9, 0.999), step=200), rel=1e-9)


def test_adams_bound_is_infinite_for_long_momentum():
    assert adam_bound((0.9, 0.5)) == math.inf
    assert math.isfinite(adam_bound((0.9, 0.5), step=10))
    assert adam_bound((0.9, 0.1), step=1000) == math.inf


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NoisyQuadratic(d=0), "d must be >= 1"),
        (lambda: NoisyQuadratic(d=2.5), "d must be a whole number, got 2.5"),
        (lambda: NoisyQuadratic(batch=True), "batch must be a whole number, got True"),
        (lambda: NoisyQuadratic(batch=0), "batch must be >= 1"),
        (lambda: NoisyQuadratic(initial=math.inf), "initial must be finite"),
        (lambda: Normal(sigma=0.0), "sigma > 0"),
        (lambda: TwoPoint(1.0, 1.0), "low must be below high"),
        (lambda: TwoPoint(p=1.0), "p must be in"),
        (lambda: adam_bound((1.0, 0.9)), "betas"),
        (lambda: adam_bound((0.0, 0.9), step=0), "step must be >= 1"),
        (lambda: adam_bound((0.0, 0.9), step=1.5), "step must be a whole number, got 1.5"),
        (lambda: average_variance(2.0, 5), "lr must be in"),
        (lambda: average_variance(0.5, 0), "steps >= 1"),
        (lambda: no_limit_statistic(_short()), "together with 2n"),
        (lambda: stationary_moments(_short(), after=5), "from step 5"),
    ],
)
def test_wrong_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def _short():
    return play(NoisyQuadratic(), SGD(), 0.1, 4, [0], record=[0, 3, 4])
