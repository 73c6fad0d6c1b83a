"""Any rule in the framework, in all d dimensions: what Adam and the grafts do there.

Adam is not equivariant under rotation, so the exact reduction does not hold for it: a step costs time and
memory in proportion to d. Nor is it indifferent to where the modes lie: those of a drawn start are in
general position, not along axes. Each player is one tensor, so the scopes ``"layer"`` and ``"global"`` agree.
The paper does not ask this question; the optimizers are the package's own.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn.functional import logsigmoid

from paripassu.optim import RuleOptimizer
from paripassu.rules import SGD, Adam, Graft, Rule
from paripassu.theory.collapse.framework import Array, Framework
from paripassu.theory.collapse.reduction import reduce_start
from paripassu.theory.collapse.simulate import Result, Updates, first_recovery, record_steps, simulate

_ADAM = Adam(betas=(0.0, 0.9))  # as GANs use it
FULL_METHODS: Mapping[str, Rule] = {
    "adam": _ADAM,
    "ada-nsgda": Graft(magnitude=_ADAM, direction=SGD()),
    "adadir": Graft(magnitude=SGD(), direction=_ADAM),
}

_OVER_TIME = (
    "recovered", "mass", "average_mass", "cosines", "correlations", "norm_w", "norm_v", "gradient_w",
    "gradient_v", "real", "fake", "pace_d", "pace_g",
)  # fmt: skip


def simulate_full(
    framework: Framework,
    rule: Rule,
    *,
    method: str,
    lr_d: ArrayLike,
    lr_g: ArrayLike,
    steps: int,
    seeds: ArrayLike = 0,
    updates: Updates = "simultaneous",
    record: ArrayLike | None = None,
    start: tuple[ArrayLike, ArrayLike] | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Result:
    """Play the game with both players following ``rule``, from every start with every pair of rates.

    Args:
        framework: the game; a step costs time and memory in proportion to its ``d``.
        rule: both players' update.
        method: what the result calls it.
        lr_d: discriminator's learning rates, > 0; broadcasts with ``lr_g`` and ``seeds`` to R runs.
        lr_g: generator's learning rates, > 0.
        steps: updates of each player, >= 0.
        seeds: of the starts and of the modes' directions, >= 0; not the starts that `simulate` draws.
        updates: ``"simultaneous"``, or ``"alternating"``: the generator answers the new discriminator.
        record: increasing steps to record, within 0..``steps``; `log_steps` without it.
        start: ``W [R, m_D, d]`` and ``V [R, m_G, d]`` to begin from; the modes then lie where
            `reduction.reduce_start` expects them, along the first axes.
        progress: called with the steps done, of R times ``steps``.

    Returns:
        What `simulate` returns, with final weights in reduced coordinates.

    Raises:
        ValueError: a setting out of its range, or shapes that do not broadcast.
    """
    recorded = record_steps(steps, record)
    # The reduced simulator checks the other settings and gives the arrays their shapes.
    blank = simulate(
        framework, "sgda", lr_d=lr_d, lr_g=lr_g, steps=0, seeds=seeds, updates=updates, start=start
    )
    runs = len(blank.seeds)
    over_time = {name: _unseen(getattr(blank, name), len(recorded)) for name in _OVER_TIME}
    diverged_at = np.full(runs, math.inf)
    W, V = np.empty_like(blank.W), np.empty_like(blank.V)
    for r in range(runs):
        if start is None:
            game = _draw(framework, int(blank.seeds[r]))
        else:
            game = _Game(framework, *(np.asarray(x)[r] for x in start), np.eye(framework.modes, framework.d))
        discriminator = RuleOptimizer([game.W], blank.lr_d[r], rule=rule, maximize=True)
        generator = RuleOptimizer([game.V], blank.lr_g[r], rule=rule)
        for step in range(steps + 1):
            finite = game.differentiate()
            if not finite or step == steps:
                W[r], V[r] = reduce_start(framework, *(x[0] for x in game.aligned()))
            if not finite:
                diverged_at[r] = step
                break
            before = game.W.detach().clone(), game.V.detach().clone()
            at = np.flatnonzero(recorded == step)
            if at.size:
                seen = simulate(framework, "sgda", lr_d=1, lr_g=1, steps=0, start=game.aligned())
                for name, values in over_time.items():
                    values[r, at] = getattr(seen, name)[0]
            discriminator.step()
            if updates == "alternating":
                game.differentiate()
            generator.step()
            if at.size:
                for name, now, then in zip(("pace_d", "pace_g"), (game.W, game.V), before, strict=True):
                    over_time[name][r, at] = float((now.detach() - then).norm() / then.norm())
            progress(min(r * steps + step + 1, (r + 1) * steps))
    return replace(
        blank,
        method=method,
        steps=recorded,
        first_recovery=first_recovery(over_time["recovered"], recorded),
        diverged_at=diverged_at,
        W=W,
        V=V,
        **over_time,
    )


class _Game:
    """Weights of both players, and the gradients of the value of their game by autograd.

    Args:
        framework: the game.
        W: ``[m_D, d]``.
        V: ``[m_G, d]``.
        span: ``[modes, d]`` orthonormal, in which `Framework.data` has its coordinates.
    """

    def __init__(self, framework: Framework, W: ArrayLike, V: ArrayLike, span: Array) -> None:
        self.W, self.V = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (W, V))
        self._framework, self._span = framework, span
        points, rates = framework.data()
        self._points, self._point_rates = torch.from_numpy(points @ span), torch.from_numpy(rates)
        neurons, rates = framework.latents()
        ones = np.zeros((len(neurons), framework.n_generator + 1))
        np.put_along_axis(ones, neurons % (framework.n_generator + 1), 1.0, axis=1)  # -1, none: the last
        self._latents, self._latent_rates = torch.from_numpy(ones[:, :-1].copy()), torch.from_numpy(rates)

    def differentiate(self) -> bool:
        """Fill both players' ``.grad`` with the gradient of the value; whether its norms are finite."""
        real = self._logits(self._points @ self.W.T)
        fake = self._logits(self._latents @ (self.V @ self.W.T))
        value = self._point_rates @ logsigmoid(real) + self._latent_rates @ logsigmoid(-fake)
        gradients = torch.autograd.grad(value, (self.W, self.V))
        self.W.grad, self.V.grad = gradients
        return all(
            math.isfinite(float(g.square().sum())) for g in (*gradients, self.W.detach(), self.V.detach())
        )

    def aligned(self) -> tuple[Array, Array]:
        """Weights ``[1, m_D, d]`` and ``[1, m_G, d]``, turned so that the modes lie along the first axes."""
        weights = np.vstack([self.W.detach().numpy(), self.V.detach().numpy()])
        inside = weights @ self._span.T
        # Any turn will do: the triangular factor keeps every inner product of what is left.
        beyond = np.linalg.qr((weights - inside @ self._span).T)[1].T
        turned = np.zeros_like(weights)
        turned[:, : inside.shape[1]] = inside
        turned[:, inside.shape[1] : self._framework.k] = beyond
        W, V = np.split(turned, [len(self.W)])
        return W[None], V[None]

    def _logits(self, inner: Tensor) -> Tensor:
        bend = self._framework.bend
        bent = inner.clamp(-bend, bend)
        activated = bent**3 + 3 * bent**2 * (inner - bent)  # beyond the bend, the cubic's tangent
        return self._framework.a * activated.sum(dim=1) + self._framework.b


def _draw(framework: Framework, seed: int) -> _Game:
    rng = np.random.Generator(np.random.Philox(seed))
    W = rng.standard_normal((framework.n_discriminator, framework.d)) / math.sqrt(framework.d)
    V = rng.standard_normal((framework.n_generator, framework.d)) / framework.d
    span = np.linalg.qr(rng.standard_normal((framework.d, framework.modes)))[0].T
    return _Game(framework, W, V, np.asarray(span, dtype=np.float64))


def _unseen(like: NDArray[Any], records: int) -> NDArray[Any]:
    """``[R, records, ...]`` of NaN, or False, for ``like [R, 1, ...]``."""
    return np.repeat(
        np.zeros_like(like) if like.dtype == np.bool_ else np.full_like(like, math.nan), records, 1
    )
