"""`play` is a plain loop over the rule, for many runs at once, and each run is its own."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from tests.cases.problems import PROBLEMS, TwoTensors
from tests.cases.rules import NAMELESS
from tests.oracles.theory import play_one

from paripassu.optim import RuleOptimizer
from paripassu.rules import SGD, Adam, Graft, Normalize, RMSprop, Rule
from paripassu.theory import Bilinear, NoisyQuadratic, inverse, inverse_sqrt, play


@dataclass(frozen=True)
class Lookback(Rule):
    """A person's own rule: it sees weights, and its state begins as a copy of them."""

    pull: float = 0.1

    def init(self, tensor):
        return {"first": tensor.clone()}

    def update(self, gradients, states, weights):
        every = zip(gradients, states, weights, strict=True)
        return [g.sign() + self.pull * (w - s["first"]) for g, s, w in every], states


RULES = {
    "SGD": SGD(),
    "momentum": SGD(0.9),
    "RMSprop": RMSprop(0.9),
    "Adam": Adam((0.5, 0.9)),
    "nSGDA": Normalize(),
    "nSGDA by layer": Normalize(SGD(0.5), "layer"),
    "Ada-nSGDA": Graft(Adam((0.0, 0.9)), SGD()),
    "AdaDir": Graft(SGD(), Adam((0.0, 0.9)), "global"),
    "own": Lookback(),
    **NAMELESS,
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_any_rule_is_a_plain_loop_over_it(rule):
    """Twenty steps, three runs, against one run after another by torch's autograd."""
    paths = play(TwoTensors(), rule, lr=[0.05, 0.1, 0.1], steps=20, seeds=[0, 0, 7])
    for r, (lr, seed) in enumerate(zip(paths.lr["weights"], paths.seeds, strict=True)):
        own = play_one(TwoTensors(), {"weights": rule}, {"weights": lr}, 20, int(seed))
        for ours, theirs in zip(paths.weights["weights"], own["weights"], strict=True):
            assert ours[r] == pytest.approx(theirs.numpy(), rel=1e-11, abs=1e-13)


GAMES = {name: problem for name, problem in PROBLEMS.items() if len(problem.players) == 2}


@pytest.mark.parametrize("updates", ["simultaneous", "alternating"])
@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES.keys())
def test_each_player_has_its_own_rule_and_rate(game, updates):
    first, second = game.players
    rules, lr = {first: Adam((0.0, 0.9)), second: Normalize(SGD(0.5))}, {first: 0.02, second: 0.1}
    paths = play(game, rules, lr, 15, [0, 1], updates=updates, schedule=inverse_sqrt)
    own = play_one(game, rules, lr, 15, 1, updates=updates, schedule=inverse_sqrt)
    for player in game.players:
        assert paths.lr[player].tolist() == [lr[player]] * 2
        for ours, theirs in zip(paths.weights[player], own[player], strict=True):
            assert ours[1] == pytest.approx(theirs.numpy(), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("rule", [Adam(), Normalize(SGD(0.9))], ids=repr)
def test_a_run_is_the_same_alone_and_in_company(rule):
    """Across several blocks of noise, and beside runs of other rates."""
    many = play(TwoTensors(), rule, lr=[[0.01], [0.1]], steps=40, seeds=range(50), record=[0, 40])
    alone = play(TwoTensors(), rule, lr=0.1, steps=40, seeds=[33], record=[0, 40])
    at = int(np.flatnonzero((many.seeds == 33) & (many.lr["weights"] == 0.1))[0])
    for name, values in alone.observed.items():
        assert many.observed[name][at] == pytest.approx(values[0], rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("lr", [0.01, 0.1])
def test_sgda_spirals_out_of_a_bilinear_game(lr):
    """min_x max_y xy: simultaneous SGDA multiplies x^2 + y^2 by 1 + lr^2 each step."""
    paths = play(Bilinear(), SGD(), lr, 20, range(4))
    square = paths.norms["x"] ** 2 + paths.norms["y"] ** 2
    assert square[:, -1] == pytest.approx(square[:, 0] * (1 + lr**2) ** 20, rel=1e-12)


def test_alternating_sgda_stays_on_an_ellipse():
    """x' = x - lr y, y' = y + lr x' leaves x^2 + y^2 - lr xy as it was."""
    paths = play(Bilinear(), SGD(), 0.3, 200, range(4), updates="alternating")
    x, y = (paths.observed[player][..., 0] for player in ("x", "y"))
    ellipse = x**2 + y**2 - 0.3 * x * y
    assert ellipse == pytest.approx(np.tile(ellipse[:, :1], ellipse.shape[1]), rel=1e-12)


def test_rates_of_one_over_n_make_sgd_the_running_mean():
    problem = NoisyQuadratic(initial=5.0)
    paths = play(problem, SGD(), 1.0, 300, [2], schedule=inverse, record=[300])
    X = torch.cat([problem.draws([2], block)["X"][0] for block in (0, 1)])[:300]
    assert paths.observed["theta"][0, 0] == pytest.approx(X.mean(dim=0).numpy(), rel=1e-12)


@pytest.mark.parametrize("rule", [SGD(), Adam((0.9, 0.999)), Normalize()], ids=repr)
def test_weight_decay_is_the_optimizers(rule):
    """Decoupled, times the scheduled rate: `RuleOptimizer` on the same gradients."""
    problem, decays = NoisyQuadratic(d=3, initial=2.0), [0.0, 0.3]
    paths = play(problem, rule, 0.1, 30, [5], weight_decay=decays, schedule=inverse_sqrt, record=[30])
    X = problem.draws([5], 0)["X"][0]
    for decay, ours in zip(decays, paths.weights["theta"][0], strict=True):
        theta = torch.full((3,), 2.0, dtype=torch.float64, requires_grad=True)
        optimizer = RuleOptimizer([theta], 0.1, rule=rule, weight_decay=decay)
        for n in range(30):
            optimizer.param_groups[0]["lr"] = 0.1 * inverse_sqrt(n + 1)
            theta.grad = (theta - X[n]).detach()
            optimizer.step()
        assert ours == pytest.approx(theta.detach().numpy(), rel=1e-6)


def test_each_player_has_its_own_weight_decay():
    start = {"x": [[[1.0]]], "y": [[[2.0]]]}
    paths = play(
        Bilinear(), SGD(), 0.5, 1, 0, start=start, weight_decay={"x": 0.0, "y": [[0.1], [0.2]]}, record=[0]
    )
    assert paths.weights["x"][0][:, 0].tolist() == [0.0, 0.0]
    assert paths.weights["y"][0][:, 0] == pytest.approx(np.array([2.4, 2.3]), rel=1e-12)
    assert paths.lengths["y"][:, 0] == pytest.approx(np.array([0.4, 0.3]), rel=1e-12)


def test_what_is_recorded():
    paths = play(Bilinear(n=2), SGD(), [0.1, 0.2], 5, [0, 1], record=[0, 3, 5])
    x, y = paths.observed["x"], paths.observed["y"]
    assert x.shape == (2, 3, 2)
    assert paths.norms["x"] == pytest.approx(np.linalg.norm(x, axis=2))
    assert paths.gradients["x"] == pytest.approx(np.linalg.norm(y, axis=2))
    assert paths.lengths["x"] == pytest.approx(np.array([[0.1], [0.2]]) * np.linalg.norm(y, axis=2))
    assert np.array_equal(x[:, -1], paths.weights["x"][0])
    assert (paths.diverged_at == math.inf).all()


def test_fewer_records_of_the_same_path():
    dense = play(TwoTensors(), Adam(), 0.1, 30, [0, 1], record=range(31))
    sparse = play(TwoTensors(), Adam(), 0.1, 30, [0, 1], record=[4, 29])
    assert np.array_equal(dense.observed["weights.0"][:, [4, 29]], sparse.observed["weights.0"])
    assert np.array_equal(dense.weights["weights"][0], sparse.weights["weights"][0])


def test_a_long_game_begins_as_a_short_one():
    """Long games are traced."""
    short = play(TwoTensors(), Adam(), 0.1, 99, [0, 1], record=[99])
    long = play(TwoTensors(), Adam(), 0.1, 100, [0, 1], record=[99, 100])
    for name, values in short.observed.items():
        assert long.observed[name][:, :1] == pytest.approx(values, rel=1e-12, abs=1e-13)


def test_a_run_that_diverges_ends_and_the_others_go_on():
    settings = {"steps": 400, "record": [0, 200, 400]}
    both = play(NoisyQuadratic(initial=1.0), SGD(), lr=[0.1, 1e3], seeds=[0, 1], **settings)
    alone = play(NoisyQuadratic(initial=1.0), SGD(), lr=[0.1], seeds=[0], **settings)
    assert both.diverged_at[0] == math.inf
    assert 100 < both.diverged_at[1] < 105  # 999^103 overflows
    assert np.isnan(both.observed["theta"][1, 1:]).all()
    assert np.isnan(both.lengths["theta"][1, 1:]).all()
    assert np.array_equal(both.observed["theta"][0], alone.observed["theta"][0])
    assert np.isfinite(both.weights["theta"][0][0]).all()


def test_a_game_ends_when_every_run_has_diverged():
    done = []
    paths = play(NoisyQuadratic(), SGD(), 1e3, 10_000, [0, 1], record=[5000], progress=done.append)
    assert (paths.diverged_at < 200).all()
    assert np.isnan(paths.observed["theta"]).all()
    assert len(done) < 200


def test_progress_counts_steps():
    done = []
    play(Bilinear(), SGD(), 0.1, 5, [0], progress=done.append)
    assert done == [1, 2, 3, 4, 5]


def test_runs_begin_where_they_are_given_to():
    start = {"x": [[[1.0], [2.0]]], "y": [[[0.0], [0.0]]]}
    paths = play(Bilinear(), SGD(), [[0.1], [0.2]], 1, 0, start=start, record=[0])
    assert paths.observed["x"][:, 0, 0].tolist() == [1.0, 2.0, 1.0, 2.0]
    assert paths.weights["y"][0][:, 0].tolist() == pytest.approx([0.1, 0.2, 0.2, 0.4])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps must be >= 1, got 0"),
        ({"steps": 5.0}, "steps must be a whole number, got 5.0"),
        ({"lr": 0.0}, "lr must be finite and > 0, got 0.0"),
        ({"lr": {"x": 0.1, "y": -1.0}}, "lr of 'y' must be finite and > 0, got -1.0"),
        ({"lr": {"x": 0.1}}, r"lr must name the players \('x', 'y'\), got \('x',\)"),
        ({"rules": {"x": SGD(), "z": SGD()}}, "rules must name the players"),
        ({"rules": "adam"}, "rule of 'x' must be a Rule, got 'adam'"),
        ({"seeds": []}, "at least one run"),
        ({"seeds": [-1]}, "seeds must be whole"),
        ({"seeds": [0, 1, 2], "lr": [0.1, 0.2]}, "must broadcast"),
        ({"weight_decay": -0.1}, "weight_decay must be finite and >= 0, got -0.1"),
        ({"weight_decay": {"x": 0.1}}, "weight_decay must name the players"),
        ({"updates": "both"}, "updates must be one of simultaneous, alternating, got 'both'"),
        ({"problem": NoisyQuadratic(), "updates": "alternating"}, "needs two players"),
        ({"record": [9]}, "within"),
        ({"schedule": lambda n: -1.0}, "factors >= 0, got -1.0 at update 1"),
        ({"schedule": lambda n: 1 - n / 3}, r"at update 4: it is called for 1 to steps \+ 1 = 4"),
        ({"record": [0, 1.5]}, "record must be whole numbers"),
        ({"start": {"x": [[[1.0]]]}}, "start must name the players"),
        ({"start": {"x": [[[1.0]]], "y": [[[1.0]], [[2.0]]]}}, "start of 'y' must have the shapes"),
        ({"start": {"x": [[[1.0], [2.0]]], "y": [[[1.0]]]}}, "of the same R"),
        ({"start": {"x": [1.0], "y": [1.0]}}, "of the same R"),
        ({"start": {"x": [], "y": []}}, "of the same R"),
        ({"start": {"x": [[[1.0, 2.0]]], "y": [[[1.0]]]}}, "start of 'x' must have the shapes"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    settings = {"problem": Bilinear(), "rules": SGD(), "lr": 0.1, "steps": 3, "seeds": [0]} | wrong
    with pytest.raises(ValueError, match=message):
        play(**settings)


@dataclass(frozen=True)
class _Broken(Rule):
    """A rule that does what rules must not."""

    fault: str

    def init(self, tensor):
        return {"count": 3} if self.fault == "state" else {}

    def update(self, gradients, states, weights):
        if self.fault == "number":
            return gradients[:1], states
        if self.fault == "branch" and gradients[0].sum() > 0:
            return list(gradients), states
        if self.fault == "dtype":
            return [g.float() for g in gradients], states
        return [g[:1] for g in gradients], states


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("number", "one update for each tensor"),
        ("shape", "one update for each tensor"),
        ("dtype", "one update for each tensor"),
        ("branch", "branches on values"),
        ("state", "states of .* must be tensors"),
    ],
)
def test_broken_rules_are_named(fault, message):
    with pytest.raises(ValueError, match=message):
        play(TwoTensors(), _Broken(fault), 0.1, 3, [0, 1])
