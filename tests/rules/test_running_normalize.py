"""Division by a running mean of the norm: a reduction, a closed form, invariances."""

import pytest
import torch

from paripassu.rules import SGD, Normalize, RunningNormalize

SHAPES = [(3, 4), (5,), ()]


def _gradients(steps: int) -> list[list[torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [[torch.randn(s, generator=generator, dtype=torch.float64) for s in SHAPES] for _ in range(steps)]


def _updates(rule, gradients):
    states, every = [rule.init(g) for g in gradients[0]], []
    for step in gradients:
        updates, states = rule.update(step, states, step)
        every.append(updates)
    return every


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("unit", ["length", "rms"])
def test_without_memory_it_is_normalize(scope, unit, dtype):
    gradients = [[g.to(dtype) for g in step] for step in _gradients(3)]
    ours = _updates(RunningNormalize(SGD(0.9), 0.0, scope, unit), gradients)
    for step, expected in zip(ours, _updates(Normalize(SGD(0.9), scope, unit), gradients), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(step, expected, strict=True))


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_each_update_is_divided_by_the_weighted_mean_of_norms(scope):
    gradients = _gradients(6)
    ours = _updates(RunningNormalize(SGD(), 0.7, scope), gradients)
    for k in range(len(SHAPES)):
        norms = [
            torch.cat([g.flatten() for g in step]).norm() if scope == "global" else step[k].norm()
            for step in gradients
        ]
        for t, step in enumerate(ours):
            weights = [0.7 ** (t - s) for s in range(t + 1)]
            mean = sum(w * n for w, n in zip(weights, norms, strict=False)) / sum(weights)
            torch.testing.assert_close(step[k], gradients[t][k] / mean, rtol=1e-12, atol=0)


def test_gradients_of_constant_length_give_updates_of_length_one():
    gradients = [[g / torch.cat([x.flatten() for x in step]).norm() for g in step] for step in _gradients(5)]
    for step in _updates(RunningNormalize(), gradients):
        assert torch.cat([u.flatten() for u in step]).norm().item() == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("c", [1e-12, 1e12])
def test_scaling_every_gradient_changes_nothing(c):
    gradients = _gradients(4)
    scaled = _updates(RunningNormalize(SGD(0.5), 0.9, "layer"), [[c * g for g in step] for step in gradients])
    for a, b in zip(scaled, _updates(RunningNormalize(SGD(0.5), 0.9, "layer"), gradients), strict=True):
        for x, y in zip(a, b, strict=True):
            torch.testing.assert_close(x, y, rtol=1e-12, atol=0)


def test_settings_out_of_range_are_named():
    for settings in ({"decay": 1.0}, {"scope": "all"}, {"unit": "mean"}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            RunningNormalize(**settings)
