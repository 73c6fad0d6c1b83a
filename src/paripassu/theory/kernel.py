"""The inner loop of the framework: many runs in parallel, nothing allocated in a step.

The generator's outputs are sums of one or two neurons, so all that the discriminator sees of them are the
inner products <w_i, v_j>: a step costs about 3 m_D m_G k multiply-adds and m_D evaluations of the cubic per
latent, whatever d is.
"""

# numba compiles these functions: plain loops are its idiom, it infers all types, and its random numbers
# are a generator per thread behind numpy's old names.
# pyright: basic
# ruff: noqa: NPY002

import math

import numpy as np
from numba import njit, prange

# Sums may be reordered into vector instructions; NaN and infinities must stay what they are.
_FAST = {"reassoc", "contract", "nsz"}


@njit(cache=True, fastmath=_FAST, inline="always")
def _cubic(x: float, bend: float) -> tuple[float, float]:
    """The activation and its slope."""
    if x > bend:
        return 3 * bend * bend * x - 2 * bend**3, 3 * bend * bend
    if x < -bend:
        return 3 * bend * bend * x + 2 * bend**3, 3 * bend * bend
    return x * x * x, 3 * x * x


@njit(cache=True, inline="always")
def _sigmoid(x: float) -> float:
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    return math.exp(x) / (1 + math.exp(x))


@njit(cache=True, fastmath=_FAST)
def _products(A, B, out):
    """Write A B^T to ``out``."""
    for i in range(A.shape[0]):
        for j in range(B.shape[0]):
            total = 0.0
            for c in range(A.shape[1]):
                total += A[i, c] * B[j, c]
            out[i, j] = total


@njit(cache=True, fastmath=_FAST)
def _gradients(
    W, V, ab, points, point_rates, latents, latent_rates, bend, P, C, slopes, gW, gV, gab, outputs
):
    """Gradients of the value: gW, gab to ascend, gV to descend; outputs: mean D on data and on fakes."""
    m_d, m_g = W.shape[0], V.shape[0]
    k, span = W.shape[1], points.shape[1]
    a, b = ab[0], ab[1]
    gW[:] = 0.0
    gab[:] = 0.0
    outputs[:] = 0.0
    for x in range(points.shape[0]):
        rate = point_rates[x]
        if rate == 0.0:
            continue
        total = 0.0
        for i in range(m_d):
            inner = 0.0
            for c in range(span):
                inner += W[i, c] * points[x, c]
            value, slopes[i] = _cubic(inner, bend)
            total += value
        logit = a * total + b
        outputs[0] += rate * _sigmoid(logit)
        weight = rate * _sigmoid(-logit)  # 1 - D loses every digit where D is nearly sure
        gab[0] += weight * total
        gab[1] += weight
        for i in range(m_d):
            factor = weight * a * slopes[i]
            for c in range(span):
                gW[i, c] += factor * points[x, c]

    _products(W, V, P)
    C[:] = 0.0
    for z in range(latents.shape[0]):
        rate = latent_rates[z]
        if rate == 0.0:
            continue
        j, other = latents[z, 0], latents[z, 1]
        total = 0.0
        for i in range(m_d):
            inner = P[i, j] + (P[i, other] if other >= 0 else 0.0)
            value, slopes[i] = _cubic(inner, bend)
            total += value
        D = _sigmoid(a * total + b)
        outputs[1] += rate * D
        weight = rate * D
        gab[0] -= weight * total
        gab[1] -= weight
        for i in range(m_d):
            factor = weight * a * slopes[i]
            C[i, j] += factor
            if other >= 0:
                C[i, other] += factor
    # The discriminator is pushed off the fakes, the generator's neurons along the discriminator's.
    for j in range(m_g):
        for c in range(k):
            gV[j, c] = 0.0
    for i in range(m_d):
        for j in range(m_g):
            factor = C[i, j]
            for c in range(k):
                gW[i, c] -= factor * V[j, c]
                gV[j, c] -= factor * W[i, c]


@njit(cache=True, fastmath=_FAST)
def _square(A) -> float:
    total = 0.0
    for i in range(A.shape[0]):
        for c in range(A.shape[1]):
            total += A[i, c] * A[i, c]
    return total


@njit(cache=True)
def _sample(rates, size, counts):
    """Minibatch frequencies of ``size`` draws from ``rates``."""
    counts[:] = 0.0
    for _ in range(size):
        u = np.random.random()
        x = 0
        while x < len(rates) - 1 and u >= rates[x]:
            u -= rates[x]
            x += 1
        counts[x] += 1.0 / size


@njit(cache=True, fastmath=_FAST)
def _move(A, g, buffer, momentum, scale):
    for i in range(A.shape[0]):
        for c in range(A.shape[1]):
            buffer[i, c] = momentum * buffer[i, c] + g[i, c]
            A[i, c] += scale * buffer[i, c]


@njit(cache=True, fastmath=_FAST)
def _buffered_square(g, buffer, momentum) -> float:
    total = 0.0
    for i in range(g.shape[0]):
        for c in range(g.shape[1]):
            value = momentum * buffer[i, c] + g[i, c]
            total += value * value
    return total


@njit(cache=True, error_model="numpy")
def _observe(W, V, modes, latents, latent_rates, cosine_limit, mass, cosines, correlations):
    """Mass of the latents that output each mode and, last, the modes' average; neurons' cosines."""
    count, span = modes.shape
    mass[:] = 0.0
    average = np.zeros(span)
    for mode in range(count):
        average += modes[mode]
    average_norm = math.sqrt((average * average).sum())
    for j in range(V.shape[0]):
        norm = math.sqrt((V[j] * V[j]).sum())
        for mode in range(count):
            inner = (V[j, :span] * modes[mode]).sum()
            cosines[j, mode] = inner / norm if norm > 0 else 0.0
    for i in range(W.shape[0]):
        norm = math.sqrt((W[i] * W[i]).sum())
        for mode in range(count):
            inner = (W[i, :span] * modes[mode]).sum()
            correlations[i, mode] = inner / norm if norm > 0 else 0.0
    for z in range(latents.shape[0]):
        output = V[latents[z, 0]].copy()
        if latents[z, 1] >= 0:
            output += V[latents[z, 1]]
        norm = math.sqrt((output * output).sum())
        if not norm > 0:
            continue
        hit = False
        for mode in range(count):
            if (output[:span] * modes[mode]).sum() >= cosine_limit * norm:
                mass[mode] += latent_rates[z]
                hit = True
        if not hit and (output[:span] * average).sum() >= cosine_limit * norm * average_norm:
            mass[count] += latent_rates[z]


@njit(cache=True, parallel=True, error_model="numpy")
def simulate_runs(
    W0, V0, ab0, modes, points, point_rates, latents, latent_rates, bend, cosine_limit,
    lr_d, lr_g, momentum, normalised, alternating, trainable, batch, batch_seeds, steps, recorded,
    mass, cosines, correlations, norms, gradients, outputs, pace, diverged_at, W_end, V_end, ab_end,
):  # fmt: skip
    """Every run from its start to ``steps``; fills the record arrays, see `simulate.Result`."""
    for r in prange(W0.shape[0]):
        W, V, ab = W0[r].copy(), V0[r].copy(), ab0.copy()
        m_d, m_g, k = W.shape[0], V.shape[0], W.shape[1]
        P, C = np.empty((m_d, m_g)), np.empty((m_d, m_g))
        slopes, gab, out = np.empty(m_d), np.empty(2), np.empty(2)
        gW, gV = np.empty((m_d, k)), np.empty((m_g, k))
        bW, bV, bab = np.zeros((m_d, k)), np.zeros((m_g, k)), np.zeros(2)
        x_rates, z_rates = point_rates.copy(), latent_rates.copy()
        if batch > 0:
            np.random.seed(batch_seeds[r])  # this thread's generator, for this run alone
        at = 0
        for step in range(steps + 1):
            if batch > 0:
                _sample(point_rates, batch, x_rates)
                _sample(latent_rates, batch, z_rates)
            _gradients(W, V, ab, points, x_rates, latents, z_rates, bend, P, C, slopes, gW, gV, gab, out)
            square_d = _buffered_square(gW, bW, momentum)
            if trainable:
                for c in range(2):
                    square_d += (momentum * bab[c] + gab[c]) ** 2
            scale_d = lr_d[r]
            if normalised:
                scale_d = lr_d[r] / math.sqrt(square_d) if square_d > 0 else 0.0
            recording = at < len(recorded) and recorded[at] == step
            if recording:
                seen = mass[r, at], cosines[r, at], correlations[r, at]
                _observe(W, V, modes, latents, latent_rates, cosine_limit, seen[0], seen[1], seen[2])
                norms[r, at, 0] = math.sqrt(_square(W))
                norms[r, at, 1] = math.sqrt(_square(V))
                gradients[r, at, 0] = math.sqrt(_square(gW))
                outputs[r, at, 0] = out[0]
                outputs[r, at, 1] = out[1]
                pace[r, at, 0] = scale_d * math.sqrt(square_d) / norms[r, at, 0]
            if alternating and step < steps:
                _move(W, gW, bW, momentum, scale_d)
                if trainable:
                    for c in range(2):
                        bab[c] = momentum * bab[c] + gab[c]
                        ab[c] += scale_d * bab[c]
                _gradients(W, V, ab, points, x_rates, latents, z_rates, bend, P, C, slopes, gW, gV, gab, out)
            square_g = _buffered_square(gV, bV, momentum)
            scale_g = lr_g[r]
            if normalised:
                scale_g = lr_g[r] / math.sqrt(square_g) if square_g > 0 else 0.0
            if recording:
                gradients[r, at, 1] = math.sqrt(_square(gV))
                pace[r, at, 1] = scale_g * math.sqrt(square_g) / norms[r, at, 1]
                at += 1
            if not (math.isfinite(square_d) and math.isfinite(square_g)):
                diverged_at[r] = step
                break
            if step == steps:
                break
            if not alternating:
                _move(W, gW, bW, momentum, scale_d)
                if trainable:
                    for c in range(2):
                        bab[c] = momentum * bab[c] + gab[c]
                        ab[c] += scale_d * bab[c]
            _move(V, gV, bV, momentum, -scale_g)
        W_end[r], V_end[r], ab_end[r] = W, V, ab
