r"""How many images a network still knows when they are changed: by noise, or by the worst change of a size.

The worst change is searched by projected gradient descent on the *margin*, the logit of the label minus the
largest other logit. A margin, unlike the cross-entropy, has a gradient where the network is sure. A step is
:math:`\delta \leftarrow P(\delta - \alpha \, d)` with the steepest direction d of the norm, the gradient over
its length for ``"l2"`` and its sign for ``"linf"``. P projects on the ball and on the range of pixels.

Source: Madry et al. 2018, arXiv:1706.06083; the margin from Carlini & Wagner 2017, arXiv:1608.04644.
"""

import math
from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

Norm = Literal["l2", "linf"]
Logits = Callable[[Tensor], Tensor]
"""Logits ``[B, K]`` of images ``[B, ...]``."""

_SPEED = 2.5  # steps together may cross the ball's radius so many times: Madry's


def margins(logits: Tensor, labels: Tensor) -> Tensor:
    """The label's logit minus the largest other one, ``[B]``; an image is known where it is > 0.

    Example:
        >>> import torch
        >>> from paripassu.classifiers import margins
        >>> margins(torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 1.0]]), torch.tensor([0, 2])).tolist()
        [1.0, -4.0]
    """
    own = logits.gather(1, labels.unsqueeze(1))
    others = logits.scatter(1, labels.unsqueeze(1), -math.inf)
    return (own - others.amax(dim=1, keepdim=True)).squeeze(1)


def accuracy(logits: Logits, images: Tensor, labels: Tensor) -> float:
    """Share of images that are known.

    Example:
        >>> import torch
        >>> from paripassu.classifiers import accuracy
        >>> accuracy(lambda x: torch.cat([x, -x], dim=1), torch.tensor([[0.1], [-0.3]]), torch.tensor([0, 0]))
        0.5
    """
    _check_some(images)
    with torch.no_grad():
        return float((margins(logits(images), labels) > 0).double().mean())


def noisy_accuracy(
    logits: Logits, images: Tensor, labels: Tensor, std: float, draws: int = 5, seed: int = 0
) -> float:
    """Share of images that are known with Gaussian noise on each pixel, a mean over draws.

    Args:
        logits: the network.
        images: ``[B, ...]``.
        labels: ``[B]``.
        std: of the noise, >= 0; pixels are not clipped.
        draws: of noise for each image, >= 1.
        seed: of the noise, the same for every network.

    Raises:
        ValueError: a setting out of its range, or no images.

    Example:
        >>> import torch
        >>> from paripassu.classifiers import noisy_accuracy
        >>> sign = lambda x: torch.cat([x, -x], dim=1)
        >>> noisy_accuracy(sign, torch.ones(2000, 1), torch.zeros(2000, dtype=torch.long), 1.0) > 0.8
        True
    """
    if not 0 <= std < math.inf or draws < 1:
        raise ValueError(f"noise needs a finite std >= 0 and draws >= 1, got {std} and {draws}")
    generator = torch.Generator().manual_seed(seed)
    noise = [torch.randn(images.shape, generator=generator).to(images.dtype) for _ in range(draws)]
    return sum(accuracy(logits, images + std * one, labels) for one in noise) / draws


def attacked_accuracy(
    logits: Logits,
    images: Tensor,
    labels: Tensor,
    radius: float,
    norm: Norm,
    *,
    steps: int = 20,
    restarts: int = 1,
    pixels: tuple[float, float] = (0.0, 1.0),
    seed: int = 0,
) -> float:
    """Share of images that are known whatever change was found.

    It is an upper bound: a longer search can only find more. For a linear model with two classes one step
    finds the worst change. An image whose margin is NaN, as of a network that diverged, is not known.

    Args:
        logits: the network.
        images: ``[B, ...]``.
        labels: ``[B]``.
        radius: of the ball of changes, >= 0.
        norm: of the changes.
        steps: of each search, >= 1.
        restarts: searches from random changes, after one from no change; >= 0.
        pixels: the range of the images, in which a changed image stays.
        seed: of the random changes, the same for every network.

    Raises:
        ValueError: a setting out of its range, no images, or images that are not within ``pixels``.

    Example:
        >>> import torch
        >>> from paripassu.classifiers import attacked_accuracy
        >>> sign, zeros = (lambda x: torch.cat([x, -x], dim=1)), torch.zeros(3, dtype=torch.long)
        >>> attacked_accuracy(sign, torch.tensor([[0.1], [0.3], [0.5]]), zeros, 0.4, "l2", pixels=(-1.0, 1.0))
        0.3333333333333333
    """
    if norm not in get_args(Norm):
        raise ValueError(f"norm must be one of {', '.join(get_args(Norm))}, got {norm!r}")
    if not 0 <= radius < math.inf or steps < 1 or restarts < 0:
        raise ValueError(
            "an attack needs a finite radius >= 0, steps >= 1 and restarts >= 0, "
            f"got {radius}, {steps} and {restarts}"
        )
    _check_some(images)
    if bool((images < pixels[0]).any() or (images > pixels[1]).any()):
        raise ValueError(
            f"images must be within pixels {pixels}, got {float(images.min()):g} to {float(images.max()):g}: "
            "give their own range"
        )
    generator = torch.Generator().manual_seed(seed)
    known = torch.arange(len(images))
    for restart in range(restarts + 1):
        start = _random(images, radius, norm, generator) if restart else torch.zeros_like(images)
        own = images[known]
        fooled = _search(logits, own, labels[known], start[known], radius, norm, steps, pixels)
        known = known[~fooled]
        if not len(known):
            break
    return len(known) / len(images)


def _check_some(images: Tensor) -> None:
    if not len(images):
        raise ValueError("there must be at least one image, got none")


def _search(
    logits: Logits, images: Tensor, labels: Tensor, change: Tensor, radius: float, norm: Norm, steps: int,
    pixels: tuple[float, float],
) -> Tensor:  # fmt: skip
    """Which images ``[B]`` some change on the way fools."""
    rate = _SPEED * radius / steps
    fooled = torch.zeros(len(images), dtype=torch.bool)
    for step in range(steps + 1):
        changed = (images + change).clamp(*pixels).requires_grad_()
        margin = margins(logits(changed), labels)
        fooled |= ~(margin > 0).detach()  # NaN is fooled
        if step == steps or bool(fooled.all()):
            break
        (slope,) = torch.autograd.grad(margin.sum(), changed)
        moved = changed.detach() - images - rate * _steepest(slope, norm)
        change = _within(moved, radius, norm)
    return fooled


def _random(images: Tensor, radius: float, norm: Norm, generator: torch.Generator) -> Tensor:
    """Changes like ``images``: uniform in the cube, or of the ball's radius in a random direction."""
    if norm == "linf":
        return radius * (2 * torch.rand(images.shape, generator=generator).to(images.dtype) - 1)
    return radius * _unit(torch.randn(images.shape, generator=generator).to(images.dtype))


def _steepest(slope: Tensor, norm: Norm) -> Tensor:
    return slope.sign() if norm == "linf" else _unit(slope)


def _within(change: Tensor, radius: float, norm: Norm) -> Tensor:
    if norm == "linf":
        return change.clamp(-radius, radius)
    return _unit(change) * _lengths(change).clamp(max=radius)


def _unit(images: Tensor) -> Tensor:
    """Each of length 1, or 0."""
    length = _lengths(images)
    return images / torch.where(length == 0, 1.0, length)


def _lengths(images: Tensor) -> Tensor:
    """``[B, 1, ...]``."""
    return images.flatten(1).norm(dim=1).reshape(-1, *[1] * (images.dim() - 1))
