"""Adam and the grafts in the framework, in full dimension, through the package's own optimizers.

Adam works on coordinates and does not commute with rotations, so the reduction says nothing of it: here
every step costs about m_D m_G d multiply-adds in torch, d instead of `simulate`'s k, one run at a time.
Not in the paper.
"""

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn.functional import logsigmoid

from paripassu.optim import RuleOptimizer
from paripassu.rules import SGD, Adam, Graft, Rule
from paripassu.theory.framework import Array, Framework
from paripassu.theory.reduction import reduce_start
from paripassu.theory.simulate import RECOVERED_COSINE, Result, log_steps

_ADAM = Adam(betas=(0.0, 0.9))  # as GANs use it
# A player is one tensor here: a graft per layer and one over the whole player are the same.
FULL_METHODS: Mapping[str, Rule] = {
    "adam": _ADAM,
    "ada-nsgda": Graft(magnitude=_ADAM, direction=SGD()),
    "adadir": Graft(magnitude=SGD(), direction=_ADAM),
}


def simulate_full(
    framework: Framework,
    rule: Rule,
    *,
    method: str,
    lr_d: float,
    lr_g: float,
    steps: int,
    seeds: ArrayLike = 0,
    record: ArrayLike | None = None,
    start: tuple[ArrayLike, ArrayLike] | None = None,
) -> Result:
    """Play the game with one rule for both players, both at once, on exact expectations.

    Args:
        framework: the game.
        rule: of both players' updates.
        method: what the result calls it.
        lr_d: discriminator's learning rate, > 0.
        lr_g: generator's learning rate, > 0.
        steps: updates of each player, >= 0.
        seeds: one run each; their starts have the law of `simulate`'s but are other draws.
        record: increasing steps to record, within 0..``steps``; `log_steps` without it.
        start: ``W [R, m_D, d]`` and ``V [R, m_G, d]`` to begin from, see `reduction.reduce_start`.

    Returns:
        As `simulate`; ``W`` and ``V`` brought to reduced coordinates.

    Raises:
        ValueError: a learning rate out of range.
    """
    chosen = np.atleast_1d(np.asarray(seeds, dtype=np.int64))
    recorded = log_steps(steps) if record is None else np.asarray(record, dtype=np.int64)
    result = _blank(framework, method, lr_d, lr_g, chosen, recorded)
    for r, seed in enumerate(chosen):
        given = _draw(framework, int(seed)) if start is None else (np.array(side)[r] for side in start)
        players = [torch.tensor(weights, dtype=torch.float64, requires_grad=True) for weights in given]
        _play(result, r, players[0], players[1], rule, steps)
    every = np.all(result.recovered, axis=2)
    result.first_recovery[:] = np.where(np.any(every, axis=1), recorded[every.argmax(axis=1)], math.inf)
    return result


def _draw(framework: Framework, seed: int) -> tuple[Array, Array]:
    rng = np.random.Generator(np.random.Philox(seed))
    discriminator = rng.standard_normal((framework.n_discriminator, framework.d))
    generator = rng.standard_normal((framework.n_generator, framework.d))
    return discriminator / math.sqrt(framework.d), generator / framework.d


def _blank(
    framework: Framework,
    method: str,
    lr_d: float,
    lr_g: float,
    seeds: NDArray[np.int64],
    recorded: NDArray[np.int64],
) -> Result:
    """A result with nothing recorded yet."""
    runs, modes, m_d, m_g = len(seeds), framework.modes, framework.n_discriminator, framework.n_generator
    shape = (runs, len(recorded))
    scalars = ("norm_w", "norm_v", "gradient_w", "gradient_v", "real", "fake", "pace_d", "pace_g")
    return Result(
        framework=framework,
        method=method,
        lr_d=np.full(runs, float(lr_d)),
        lr_g=np.full(runs, float(lr_g)),
        seeds=seeds,
        steps=recorded,
        recovered=np.zeros((*shape, modes), dtype=np.bool_),
        mass=np.full((*shape, modes), np.nan),
        average_mass=np.full(shape, np.nan),
        cosines=np.full((*shape, m_g, modes), np.nan),
        correlations=np.full((*shape, m_d, modes), np.nan),
        first_recovery=np.full(runs, math.inf),
        diverged_at=np.full(runs, math.inf),
        W=np.full((runs, m_d, framework.k), np.nan),
        V=np.full((runs, m_g, framework.k), np.nan),
        ab=np.tile([framework.a, framework.b], (runs, 1)),
        **{name: np.full(shape, np.nan) for name in scalars},
    )


def _play(result: Result, r: int, W: Tensor, V: Tensor, rule: Rule, steps: int) -> None:
    """One run; fills row ``r`` of the result."""
    framework = result.framework
    ascend = RuleOptimizer([W], float(result.lr_d[r]), rule=rule, maximize=True)
    descend = RuleOptimizer([V], float(result.lr_g[r]), rule=rule)
    points, rates = (torch.from_numpy(part) for part in framework.data())
    latents, latent_rates = _latent_matrix(framework)
    at = 0
    before = W.detach().clone(), V.detach().clone()
    for step in range(steps + 1):
        real = _logits(framework, points, W[:, : framework.modes])
        fake = _logits(framework, latents @ V, W)
        value = rates @ logsigmoid(real) + latent_rates @ logsigmoid(-fake)
        W.grad, V.grad = torch.autograd.grad(value, (W, V))
        before = W.detach().clone(), V.detach().clone()
        if not (torch.isfinite(W.grad).all() and torch.isfinite(V.grad).all()):
            result.diverged_at[r] = step
            break
        # The step is taken before it is recorded, so that its true length is.
        ascend.step()
        descend.step()
        if at < len(result.steps) and result.steps[at] == step:
            with np.errstate(over="ignore", invalid="ignore"):  # the squares of a diverging run
                _observe(result, r, at, before, (W, V), latents, latent_rates)
            result.real[r, at] = float(rates @ torch.sigmoid(real.detach()))
            result.fake[r, at] = float(latent_rates @ torch.sigmoid(fake.detach()))
            at += 1
    result.W[r], result.V[r] = reduce_start(framework, before[0].numpy(), before[1].numpy())


def _logits(framework: Framework, points: Tensor, W: Tensor) -> Tensor:
    x, bend = points @ W.T, framework.bend
    held = x.clamp(-bend, bend)
    return framework.a * (held**3 + 3 * held**2 * (x - held)).sum(dim=1) + framework.b


def _latent_matrix(framework: Framework) -> tuple[Tensor, Tensor]:
    """``[Z, m_G]`` latents as zeros and ones, and their probabilities."""
    pairs, rates = framework.latents()
    z = np.zeros((len(pairs), framework.n_generator))
    for row, switched_on in zip(z, pairs, strict=True):
        row[switched_on[switched_on >= 0]] = 1.0
    return torch.from_numpy(z), torch.from_numpy(rates)


def _observe(
    result: Result,
    r: int,
    at: int,
    before: tuple[Tensor, Tensor],
    players: tuple[Tensor, Tensor],
    latents: Tensor,
    latent_rates: Tensor,
) -> None:
    discriminator, generator = (p.numpy() for p in before)
    modes = result.framework.mode_coordinates()
    outputs = _cosines(latents.numpy() @ generator, modes)
    hits = outputs >= RECOVERED_COSINE
    average = modes.sum(axis=0, keepdims=True) / np.linalg.norm(modes.sum(axis=0))
    averages = (_cosines(latents.numpy() @ generator, average)[:, 0] >= RECOVERED_COSINE) & ~hits.any(axis=1)
    result.recovered[r, at] = hits.any(axis=0)
    result.mass[r, at] = latent_rates.numpy() @ hits
    result.average_mass[r, at] = latent_rates.numpy() @ averages
    result.cosines[r, at], result.correlations[r, at] = (
        _cosines(generator, modes),
        _cosines(discriminator, modes),
    )
    sides = zip(
        before,
        players,
        (result.norm_w, result.norm_v),
        (result.gradient_w, result.gradient_v),
        (result.pace_d, result.pace_g),
        strict=True,
    )
    for was, now, norms, gradients, paces in sides:
        assert now.grad is not None
        norms[r, at] = float(was.norm())
        gradients[r, at] = float(now.grad.norm())
        paces[r, at] = float((now.detach() - was).norm()) / norms[r, at]


def _cosines(vectors: Array, modes: Array) -> Array:
    """``[N, modes]``, of vectors in full dimension, 0 for a zero vector."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    inner = vectors[:, : modes.shape[1]] @ modes.T
    return np.divide(inner, lengths, out=np.zeros_like(inner), where=lengths > 0)
