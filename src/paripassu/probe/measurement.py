"""A probed step as records: norms and angles per layer and for the whole player, in float64."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from paripassu.probe.gradients import Layer
from paripassu.records import Shadow, Update
from paripassu.rules.numbers import real


@torch.no_grad()
def measure(
    step: int,
    player: str,
    layers: Sequence[Layer],
    weights: Mapping[Tensor, Tensor],
    shadows: Mapping[str, Sequence[Tensor]],
    *,
    each_layer: bool,
) -> list[Update | Shadow]:
    """What a step did, measured after it.

    Args:
        step: the round it counts as.
        player: whose step it was.
        layers: the parameters that took part, with the gradients from before the step.
        weights: each parameter's value before the step.
        shadows: each shadow rule's update, one tensor a layer.
        each_layer: whether to return records of every layer too.

    Returns:
        Records of every layer, if wanted, then those of the whole player.
    """
    # [layers, 4 + 2 shadows] squares and dot products. Their sums over the layers are the player's.
    products = torch.zeros((0, 4 + 2 * len(shadows)), dtype=torch.float64, device="cpu")
    if layers:
        by_layer = [
            _products(weights[layer.parameter], layer, [updates[i] for updates in shadows.values()])
            for i, layer in enumerate(layers)
        ]
        # Stacked on the device first, because each copy to the host waits for it.
        products = torch.stack([row.to(by_layer[0].device) for row in by_layer]).cpu()
    rows = [(layer.name, row) for layer, row in zip(layers, products, strict=True)] if each_layer else []
    rows.append(("", products.sum(dim=0)))
    return [record for name, row in rows for record in _records(step, player, name, row, list(shadows))]


def relative_step(records: Sequence[Update | Shadow]) -> float:
    """A player's step over its weights; NaN where these are zero."""
    whole = next(r for r in records if isinstance(r, Update) and not r.layer)
    return whole.update / whole.weight if whole.weight else math.nan


def _products(before: Tensor, layer: Layer, shadows: Sequence[Tensor]) -> Tensor:
    w, g = _wide(before), _wide(layer.gradient)
    delta = _wide(layer.parameter.detach()) - w
    values = [g.dot(g), delta.dot(delta), w.dot(w), -g.dot(delta)]
    for update in shadows:
        u = _wide(update)
        values += [u.dot(u), -u.dot(delta)]
    return torch.stack(values)


def _wide(tensor: Tensor) -> Tensor:
    numbers = real(tensor)
    # Apple's GPUs have no float64.
    moved = numbers.cpu() if numbers.device.type == "mps" else numbers
    return moved.to(torch.float64).flatten()


def _records(
    step: int, player: str, layer: str, products: Tensor, shadows: Sequence[str]
) -> list[Update | Shadow]:
    gg, dd, ww, along_gradient, *pairs = products.tolist()
    gradient, update, weight = math.sqrt(gg), math.sqrt(dd), math.sqrt(ww)
    cosine = _quotient(along_gradient, gradient * update)
    records: list[Update | Shadow] = [Update(step, player, layer, gradient, update, weight, _angle(cosine))]
    for rule, uu, along in zip(shadows, pairs[::2], pairs[1::2], strict=True):
        magnitude = math.sqrt(uu)
        ratio, cosine = _quotient(update, magnitude), _quotient(along, update * magnitude)
        records.append(Shadow(step, player, layer, rule, magnitude, ratio, _angle(cosine)))
    return records


def _quotient(above: float, below: float) -> float:
    return above / below if below else math.nan


def _angle(cosine: float) -> float:
    # Rounding can push the quotient slightly outside [-1, 1]. NaN stays NaN.
    return cosine if math.isnan(cosine) else max(-1.0, min(1.0, cosine))
