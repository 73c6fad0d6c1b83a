"""Pure rules against torch's optimizers, closed forms and their own algebra, in float64."""

import math

import pytest
import torch
from tests.cases.rules import NAMELESS, ShareOfWeights

from paripassu.rules import SGD, Adam, FromTorch, Graft, Normalize, RMSprop, Rule

SHAPES = [(3, 4), (5,), (), (2, 1, 3)]
RULES = {
    "SGD": SGD(),
    "SGD momentum": SGD(0.9),
    "Adam": Adam(),
    "Adam without first moment": Adam((0.0, 0.9)),
    "RMSprop": RMSprop(),
    "Normalize global": Normalize(),
    "Normalize layer rms": Normalize(SGD(), "layer", "rms"),
    "Normalize layer momentum": Normalize(SGD(0.9), "layer"),
    "Graft layer": Graft(Adam((0.5, 0.999)), SGD()),
    "Graft global": Graft(SGD(), Adam((0.0, 0.9)), "global"),
    "of weights": ShareOfWeights(),
    "Graft of a graft": Graft(Normalize(RMSprop()), Graft(SGD(0.5), Adam()), "layer"),
    **NAMELESS,
    "FromTorch": FromTorch(torch.optim.SGD, momentum=0.9, nesterov=True),
}
TORCH = {
    "SGD": (SGD(), lambda p: torch.optim.SGD(p, 0.1)),
    "SGD momentum": (SGD(0.9), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
    "Adam": (Adam((0.9, 0.99), 1e-6), lambda p: torch.optim.Adam(p, 0.1, betas=(0.9, 0.99), eps=1e-6)),
    "Adam without first moment": (Adam((0.0, 0.9)), lambda p: torch.optim.Adam(p, 0.1, betas=(0.0, 0.9))),
    "RMSprop": (RMSprop(0.95, 1e-7), lambda p: torch.optim.RMSprop(p, 0.1, alpha=0.95, eps=1e-7)),
    "Adam on itself, layer": (Graft(Adam(), Adam()), lambda p: torch.optim.Adam(p, 0.1)),
    "Adam on itself, global": (Graft(Adam(), Adam(), "global"), lambda p: torch.optim.Adam(p, 0.1)),
    "SGD on itself, layer": (Graft(SGD(0.9), SGD(0.9)), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
    "SGD on itself, global": (Graft(SGD(), SGD(), "global"), lambda p: torch.optim.SGD(p, 0.1)),
}


def _gradients(steps: int, seed: int = 0) -> list[list[torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [[torch.randn(s, generator=generator, dtype=torch.float64) for s in SHAPES] for _ in range(steps)]


def _updates(rule: Rule, gradients: list[list[torch.Tensor]]) -> list[list[torch.Tensor]]:
    """Of every step; the weights stay where they are, in general position."""
    weights = [torch.full_like(g, 0.5) for g in gradients[0]]
    states = [rule.init(g) for g in gradients[0]]
    every = []
    for step in gradients:
        updates, states = rule.update(step, states, weights)
        every.append(updates)
    return every


def test_rules_may_depend_on_the_weights():
    """And a rule of rules hands them on to both parts."""
    gradients, weights = [torch.tensor([3.0, -4.0])], [torch.tensor([0.0, 2.0])]
    for rule in (
        ShareOfWeights(),
        Graft(ShareOfWeights(), SGD()),
        Graft(ShareOfWeights(), ShareOfWeights(), "global"),
    ):
        (update,), _ = rule.update(gradients, [rule.init(gradients[0])], weights)
        torch.testing.assert_close(update, torch.tensor([1.2, -1.6]))
    (update,), _ = Normalize(ShareOfWeights()).update(gradients, [{}], weights)
    torch.testing.assert_close(update, torch.tensor([0.6, -0.8]))


def test_as_many_weights_as_gradients_are_needed():
    with pytest.raises(ValueError, match="shorter"):
        SGD().update([torch.ones(1)], [{}], [])


def _norm(tensors: list[torch.Tensor]) -> float:
    return math.sqrt(sum(t.square().sum().item() for t in tensors))


@pytest.mark.parametrize(("rule", "torchs"), TORCH.values(), ids=TORCH.keys())
def test_equals_torchs_own_optimizer(rule, torchs):
    gradients = _gradients(30)
    parameters = [torch.nn.Parameter(torch.zeros(s, dtype=torch.float64)) for s in SHAPES]
    optimizer = torchs(parameters)
    ours = [torch.zeros(s, dtype=torch.float64) for s in SHAPES]
    for step, updates in zip(gradients, _updates(rule, gradients), strict=True):
        for parameter, gradient in zip(parameters, step, strict=True):
            parameter.grad = gradient
        optimizer.step()
        ours = [p - 0.1 * u for p, u in zip(ours, updates, strict=True)]
        for mine, theirs in zip(ours, parameters, strict=True):
            torch.testing.assert_close(mine, theirs.detach(), rtol=1e-12, atol=1e-14)


def test_a_global_normalised_update_has_length_one():
    for updates in _updates(Normalize(SGD(0.9)), _gradients(5)):
        assert _norm(updates) == pytest.approx(1.0, rel=1e-14)


def test_a_layerwise_normalised_update_has_length_one_in_every_layer():
    for updates in _updates(Normalize(SGD(), "layer"), _gradients(5)):
        assert [_norm([u]) for u in updates] == pytest.approx([1.0] * len(SHAPES), rel=1e-14)
        assert _norm(updates) == pytest.approx(math.sqrt(len(SHAPES)), rel=1e-14)


@pytest.mark.parametrize("scope", ["layer", "global"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("c", [1e-12, 7.0, 1e12])
def test_scaling_every_gradient_changes_nothing(scope, momentum, c):
    rule, gradients = Normalize(SGD(momentum), scope), _gradients(4)
    scaled = [[c * g for g in step] for step in gradients]
    for plain, other in zip(_updates(rule, gradients), _updates(rule, scaled), strict=True):
        for a, b in zip(plain, other, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=0)


@pytest.mark.parametrize("betas", [(0.0, 0.9), (0.5, 0.999)])
def test_adansgd_has_adams_length_and_sgds_direction_in_every_layer(betas):
    gradients = _gradients(10)
    grafted = _updates(Graft(Adam(betas), SGD()), gradients)
    for ours, adam, g in zip(grafted, _updates(Adam(betas), gradients), gradients, strict=True):
        for u, a, d in zip(ours, adam, g, strict=True):
            assert u.norm().item() == pytest.approx(a.norm().item(), rel=1e-12)
            torch.testing.assert_close(u / u.norm(), d / d.norm(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("betas", [(0.0, 0.9), (0.5, 0.999)])
def test_adadir_has_sgds_length_and_adams_direction_in_every_layer(betas):
    gradients = _gradients(10)
    grafted = _updates(Graft(SGD(), Adam(betas)), gradients)
    for ours, adam, g in zip(grafted, _updates(Adam(betas), gradients), gradients, strict=True):
        for u, a, d in zip(ours, adam, g, strict=True):
            assert u.norm().item() == pytest.approx(d.norm().item(), rel=1e-12)
            torch.testing.assert_close(u / u.norm(), a / a.norm(), rtol=1e-12, atol=1e-15)


def test_a_global_graft_keeps_the_ratios_between_layers():
    gradients = _gradients(3)
    grafted = _updates(Graft(Adam(), SGD(), "global"), gradients)
    for ours, adam, g in zip(grafted, _updates(Adam(), gradients), gradients, strict=True):
        assert _norm(ours) == pytest.approx(_norm(adam), rel=1e-12)
        for u, d in zip(ours, g, strict=True):
            assert u.norm().item() / _norm(ours) == pytest.approx(d.norm().item() / _norm(g), rel=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_in_units_of_the_rms_each_layers_elements_are_one(momentum):
    for updates in _updates(Normalize(SGD(momentum), "layer", "rms"), _gradients(5)):
        assert [u.square().mean().sqrt().item() for u in updates] == pytest.approx([1.0] * len(SHAPES))


def test_in_units_of_the_rms_a_players_elements_are_one():
    for updates in _updates(Normalize(unit="rms"), _gradients(5)):
        elements = torch.cat([u.flatten() for u in updates])
        assert elements.square().mean().sqrt().item() == pytest.approx(1.0, rel=1e-14)


def test_adams_first_update_is_as_long_as_one_of_unit_rms():
    """Its elements are plus and minus one, so the learning rates are the same."""
    gradients = _gradients(1)
    (adam,), (ours,) = _updates(Adam(eps=1e-30), gradients), _updates(Normalize(unit="rms"), gradients)
    assert _norm(ours) == pytest.approx(_norm(adam), rel=1e-12)


def test_normalising_is_grafting_a_unit_length():
    gradients = _gradients(4)
    twice = _updates(Normalize(Normalize(SGD())), gradients)
    grafted = _updates(Graft(Normalize(Adam()), SGD(), "global"), gradients)
    for a, b, c in zip(_updates(Normalize(SGD()), gradients), twice, grafted, strict=True):
        for x, y, z in zip(a, b, c, strict=True):
            torch.testing.assert_close(x, y, rtol=1e-13, atol=0)
            torch.testing.assert_close(x, z, rtol=1e-13, atol=0)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_zero_gradients_give_zero_updates(rule):
    for updates in _updates(rule, [[torch.zeros(s) for s in SHAPES]] * 3):
        assert all(torch.equal(u, torch.zeros_like(u)) for u in updates)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_nan_gradients_are_not_hidden(rule):
    gradients = _gradients(1)[0]
    gradients[0] = torch.full_like(gradients[0], math.nan)
    updates, _ = rule.update(gradients, [rule.init(g) for g in gradients], gradients)
    assert updates[0].isnan().all()


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_rules_are_pure(rule):
    gradients = _gradients(1)[0]
    states = [rule.init(g) for g in gradients]
    weights = [g + 1 for g in gradients]
    _, states = rule.update(gradients, states, weights)
    before = torch.utils._pytree.tree_map(torch.clone, (gradients, states, weights))
    first = rule.update(gradients, states, weights)
    again = rule.update(gradients, states, weights)
    for old, new in ((before, (gradients, states, weights)), (first, again)):
        for a, b in zip(*(torch.utils._pytree.tree_leaves(x) for x in (old, new)), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("name", sorted(RULES.keys() - {"FromTorch"}))
def test_vmap_runs_over_rules(name):
    """Many runs at once equal one after another. Torch's optimizers read their step counts."""
    rule = RULES[name]
    many = [torch.stack(tensors) for tensors in zip(*_gradients(6), strict=True)]

    def two_steps(gradients):
        updates, states = rule.update(gradients, [rule.init(g) for g in gradients], gradients)
        return rule.update([2 * u + g for u, g in zip(updates, gradients, strict=True)], states, updates)[0]

    batched = torch.func.vmap(two_steps)(many)
    for index in range(6):
        for one, all_ in zip(two_steps([t[index] for t in many]), batched, strict=True):
            torch.testing.assert_close(one, all_[index], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("scale", [1e-30, 1e-24, 1e22, 1e30])
def test_extreme_gradients_keep_their_direction_in_float32(scale):
    gradient = torch.tensor([3.0, -4.0]) * scale
    (update,), _ = Normalize(SGD()).update([gradient], [{}], [gradient])
    torch.testing.assert_close(update, torch.tensor([0.6, -0.8]), rtol=1e-6, atol=0)


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_float64_holds_squares_of_1e150(scale, scope):
    gradients = _gradients(1)[0]
    (plain,) = _updates(Normalize(scope=scope), [gradients])
    (scaled,) = _updates(Normalize(scope=scope), [[scale * g for g in gradients]])
    for a, b in zip(plain, scaled, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=0)


@pytest.mark.parametrize("rule", [Adam((0.0, 0.9), 1e-30), RMSprop(eps=1e-30)], ids=repr)
def test_second_moments_hold_squares_of_1e18_in_float32(rule):
    """Beyond, a square is inf, and so is the second moment for good: the update is zero."""
    gradients = [torch.tensor([3.0, -4.0])]
    plain, small, large = (_updates(rule, [[c * g for g in gradients]] * 2) for c in (1.0, 1e-17, 1e18))
    for step, *others in zip(plain, small, large, strict=True):
        for other in others:
            torch.testing.assert_close(other, step, rtol=1e-5, atol=0)
    _, (after,) = _updates(rule, [[1e20 * g for g in gradients], gradients])
    assert after.tolist() == [0.0, 0.0]


def test_norms_are_accurate_over_millions_of_elements():
    gradient = torch.randn(4_000_000, generator=torch.Generator().manual_seed(0))
    (update,), _ = Normalize(SGD()).update([gradient], [{}], [gradient])
    assert update.double().norm().item() == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_updates_keep_their_gradients_dtype(dtype):
    gradients = [g.to(dtype) for g in _gradients(1)[0]]
    for rule in RULES.values():
        updates, _ = rule.update(gradients, [rule.init(g) for g in gradients], gradients)
        assert all(u.dtype == dtype for u in updates)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: SGD(1.0), "momentum"),
        (lambda: SGD(-0.1), "momentum"),
        (lambda: SGD(math.nan), "momentum"),
        (lambda: Adam((1.0, 0.9)), r"betas\[0\]"),
        (lambda: Adam((0.0, -0.1)), r"betas\[1\]"),
        (lambda: Adam(eps=-1e-8), "eps"),
        (lambda: Adam(eps=math.inf), "eps"),
        (lambda: Adam(eps=0.0), "eps must be finite and > 0"),
        (lambda: Adam((0.9,)), "betas must be two"),
        (lambda: RMSprop(alpha=1.5), "alpha"),
        (lambda: Normalize(scope="tensor"), "scope"),
        (lambda: Normalize(unit="mean"), "unit must be 'length' or 'rms', got 'mean'"),
        (lambda: Graft(SGD(), SGD(), "player"), "scope"),
    ],
)
def test_settings_out_of_range_are_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()


def test_decay_rates_from_a_file_are_the_same_rule():
    """JSON and YAML know lists alone; equal rules are equal and can be hashed."""
    assert {Adam([0.5, 0.9])} == {Adam((0.5, 0.9))}
