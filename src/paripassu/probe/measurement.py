"""A probed step as records: norms and angles per layer and for the whole player, in float64."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from paripassu.probe.gradients import Layer, real
from paripassu.records import Shadow, Update


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
    """What a step did, after it was taken.

    Args:
        step: the round it stands for.
        player: whose it was.
        layers: what was stepped, with the gradients from before.
        weights: of each parameter before the step.
        shadows: each shadow rule's update, one tensor a layer.
        each_layer: whether to tell of every layer, before the whole player.
    """
    # [layers, 4 + 2 shadows] squares and dot products: their sums over the layers are the player's.
    products = torch.zeros((0, 4 + 2 * len(shadows)), dtype=torch.float64)
    if layers:
        rows = [
            _products(weights[layer.parameter], layer, [updates[i] for updates in shadows.values()])
            for i, layer in enumerate(layers)
        ]
        # Gathered on the device, so that one copy waits for it instead of one a layer.
        products = torch.stack([row.to(rows[0].device) for row in rows]).cpu()
    told = [(layer.name, row) for layer, row in zip(layers, products, strict=True)] if each_layer else []
    told.append(("", products.sum(dim=0)))
    return [record for name, row in told for record in _records(step, player, name, row, list(shadows))]


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
    home = numbers.cpu() if numbers.device.type == "mps" else numbers
    return home.to(torch.float64).flatten()


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
    # Rounding can leave the quotient a little outside; NaN stays.
    return cosine if math.isnan(cosine) else max(-1.0, min(1.0, cosine))
