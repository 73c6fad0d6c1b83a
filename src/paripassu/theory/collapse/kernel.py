"""The inner loop of the framework: eight runs abreast, nothing allocated in a step."""

# numba compiles these functions: plain loops are its idiom and it infers all types.
# pyright: basic, reportCallIssue=false, reportArgumentType=false

import math

import numpy as np
from numba import njit

from paripassu.theory.collapse.gradients import gradients_of_value
from paripassu.theory.collapse.lanes import WIDTH, lanes_array, load, splat, square_root, store, where_less


@njit
def _square(A, count):
    """Sum of squares, in four independent sums."""
    s, t, u, v = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    for n in range(0, count - 3, 4):
        w, x, y, z = load(A, n), load(A, n + 1), load(A, n + 2), load(A, n + 3)
        s, t, u, v = s + w * w, t + x * x, u + y * y, v + z * z
    for n in range(count - count % 4, count):
        s = s + load(A, n) * load(A, n)
    return s + t + (u + v)


@njit
def _sample(rates, size, states, counts):
    """Per lane, the frequencies of ``size`` draws from ``rates``; splitmix64 (Steele et al. 2014)."""
    counts[:] = 0.0
    for lane in range(WIDTH):
        for _ in range(size):
            states[lane] += np.uint64(0x9E3779B97F4A7C15)
            bits = states[lane]
            bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            u = float((bits ^ (bits >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
            x = 0
            while x < len(rates) - 1 and u >= rates[x]:
                u -= rates[x]
                x += 1
            counts[x, lane] += 1.0 / size


@njit
def _blend(buffer, g, momentum, count):
    for n in range(count):
        store(buffer, n, momentum * load(buffer, n) + load(g, n))


@njit
def _move(A, direction, scale, count):
    for n in range(count):
        store(A, n, load(A, n) + scale * load(direction, n))


@njit
def _scale(rate, square, normalised):
    if not normalised:
        return rate
    zero = splat(0.0)
    # Where there is no gradient there is no direction; a NaN must stay one.
    return where_less(zero, square, rate / square_root(square), square)


@njit
def _put(weights, A, lane):
    for n in range(A.shape[0]):
        for c in range(A.shape[1]):
            A[n, c, lane] = weights[n, c]


@njit
def _take(A, lane, weights):
    for n in range(A.shape[0]):
        for c in range(A.shape[1]):
            weights[n, c] = A[n, c, lane]


@njit
def _cosines(A, modes, lane, out):
    for n in range(A.shape[0]):
        square = 0.0
        for c in range(A.shape[1]):
            square += A[n, c, lane] ** 2
        for mode in range(modes.shape[0]):
            inner = 0.0
            for c in range(modes.shape[1]):
                inner += A[n, c, lane] * modes[mode, c]
            out[n, mode] = inner / math.sqrt(square) if square > 0 else 0.0


@njit(error_model="numpy")
def _observe(V, lane, modes, latents, latent_rates, cosine_limit, output, mass):
    """Mass of the latents that output each mode and, last, the modes' average."""
    count, span = modes.shape
    mass[:] = 0.0
    for z in range(latents.shape[0]):
        square = 0.0
        for c in range(V.shape[1]):
            output[c] = V[latents[z, 0], c, lane]
            if latents[z, 1] >= 0:
                output[c] += V[latents[z, 1], c, lane]
            square += output[c] * output[c]
        norm = math.sqrt(square)
        if not norm > 0:
            continue
        hit, average_inner, average_square = False, 0.0, 0.0
        for mode in range(count):
            inner = 0.0
            for c in range(span):
                inner += output[c] * modes[mode, c]
            average_inner += inner
            if inner >= cosine_limit * norm:
                mass[mode] += latent_rates[z]
                hit = True
        for c in range(span):
            component = 0.0
            for mode in range(count):
                component += modes[mode, c]
            average_square += component * component
        if not hit and average_inner >= cosine_limit * norm * math.sqrt(average_square):
            mass[count] += latent_rates[z]


@njit(cache=True, nogil=True, error_model="numpy")
def simulate_group(
    first, W0, V0, ab0, modes, points, point_rates, latents, latent_rates, bend, cosine_limit,
    lr_d, lr_g, factors, momentum, normalised, shares, pace_asked, alternating, trainable, batch, batch_seeds,
    steps, recorded, until,
    mass, cosines, correlations, norms, gradients, outputs, pace, diverged_at, W_end, V_end, ab_end,
):  # fmt: skip
    """``WIDTH`` runs, from ``first`` on, played to the end; fills their records, see `simulate.Result`.

    With ``shares``, ``normalised`` steps have the rates' shares of their players' weights as length. The
    generator follows the discriminator at ``pace_asked``, if that is above 0.
    """
    runs, m_d, m_g, k = W0.shape[0], W0.shape[1], V0.shape[1], W0.shape[2]
    W, V, ab = lanes_array(m_d, k), lanes_array(m_g, k), lanes_array(1, 2)[0]
    rates, states = lanes_array(1, 2)[0], np.empty(WIDTH, np.uint64)
    x_rates, z_rates = lanes_array(1, len(point_rates))[0], lanes_array(1, len(latent_rates))[0]
    for lane in range(WIDTH):
        r = min(first + lane, runs - 1)  # spare lanes repeat the last run
        _put(W0[r], W, lane)
        _put(V0[r], V, lane)
        ab[:, lane], x_rates[:, lane], z_rates[:, lane] = ab0, point_rates, latent_rates
        rates[0, lane], rates[1, lane], states[lane] = lr_d[r], lr_g[r], batch_seeds[r]
    P, C = lanes_array(m_d, m_g), lanes_array(m_d, m_g)
    squares, totals = lanes_array(len(latents), m_d), lanes_array(1, len(latents))[0]
    gW, gV, gab = lanes_array(m_d, k), lanes_array(m_g, k), lanes_array(1, 2)[0]
    # Without momentum a player's direction is its gradient itself.
    uW, uV = lanes_array(m_d, k) if momentum > 0 else gW, lanes_array(m_g, k) if momentum > 0 else gV
    uab = lanes_array(1, 2)[0] if momentum > 0 else gab
    # With alternating updates W and ab move before the step ends, so what a run may end with is kept.
    W_now, ab_now = lanes_array(m_d, k) if alternating else W, lanes_array(1, 2)[0] if alternating else ab
    out, seen, sizes = lanes_array(1, 2)[0], lanes_array(1, 2)[0], lanes_array(1, 8)[0]
    output = np.empty(k)
    passes = 2 if alternating else 1  # the second is the generator's, against the new discriminator
    alive, done = np.ones(WIDTH, np.bool_), np.zeros(WIDTH, np.bool_)
    at = 0
    for step in range(steps + 1):
        if batch > 0:
            _sample(point_rates, batch, states, x_rates)
            _sample(latent_rates, batch, states, z_rates)
        recording = at < len(recorded) and recorded[at] == step
        square_d, scale_d = splat(0.0), splat(0.0)
        factor = factors[min(step, len(factors) - 1)]
        norm_w, norm_v = splat(1.0), splat(1.0)
        if shares or pace_asked > 0:
            norm_w, norm_v = square_root(_square(W, m_d * k)), square_root(_square(V, m_g * k))
        unit_w, unit_v = (norm_w, norm_v) if shares else (splat(1.0), splat(1.0))
        for number in range(passes):
            gradients_of_value(
                W, V, ab, points, x_rates, latents, z_rates, bend, P, C, squares, totals, gW, gV, gab, out
            )
            if number == 0:
                if recording:
                    store(sizes, 0, square_root(_square(W, m_d * k)))
                    store(sizes, 1, square_root(_square(V, m_g * k)))
                    store(sizes, 2, square_root(_square(gW, m_d * k)))
                    store(seen, 0, load(out, 0))
                    store(seen, 1, load(out, 1))
                if momentum > 0:
                    _blend(uW, gW, momentum, m_d * k)
                    _blend(uab, gab, momentum, 2)
                square_d = _square(uW, m_d * k)
                if trainable:
                    square_d = square_d + _square(uab, 2)
                scale_d = _scale(load(rates, 0) * factor * unit_w, square_d, normalised)
                if recording:
                    for lane in range(min(WIDTH, runs - first)):
                        if alive[lane]:
                            _cosines(W, modes, lane, correlations[first + lane, at])
                if alternating:
                    W_now[:] = W
                    ab_now[:] = ab
                    _move(W, uW, scale_d, m_d * k)
                    if trainable:
                        _move(ab, uab, scale_d, 2)
        if momentum > 0:
            _blend(uV, gV, momentum, m_g * k)
        square_g = _square(uV, m_g * k)
        if pace_asked > 0:  # as `paripassu.rules.FixedPace` says
            length = scale_d * square_root(square_d) / norm_w * norm_v / pace_asked
            scale_g = _scale(length, square_g, True)  # noqa: FBT003 - numba's calls take no names here
        else:
            scale_g = _scale(load(rates, 1) * factor * unit_v, square_g, normalised)
        store(sizes, 6, square_d)
        store(sizes, 7, square_g)
        if recording:
            store(sizes, 3, square_root(_square(gV, m_g * k)))
            store(sizes, 4, scale_d * square_root(square_d))
            store(sizes, 5, scale_g * square_root(square_g))
            for lane in range(min(WIDTH, runs - first)):
                r = first + lane
                if not alive[lane]:
                    continue
                _observe(V, lane, modes, latents, latent_rates, cosine_limit, output, mass[r, at])
                _cosines(V, modes, lane, cosines[r, at])
                for player in range(2):
                    norms[r, at, player] = sizes[player, lane]
                    gradients[r, at, player] = sizes[2 + player, lane]
                    pace[r, at, player] = sizes[4 + player, lane] / sizes[player, lane]
                    outputs[r, at, player] = seen[player, lane]
                # It may stop: it ends here as others do at their last step.
                done[lane] = until and mass[r, at, : len(modes)].min() > 0
            at += 1
        ended = True
        for lane in range(min(WIDTH, runs - first)):
            finite = math.isfinite(sizes[6, lane]) and math.isfinite(sizes[7, lane])
            if alive[lane] and (not finite or done[lane] or step == steps):
                r = first + lane
                _take(W_now, lane, W_end[r])
                _take(V, lane, V_end[r])
                ab_end[r, 0], ab_end[r, 1] = ab_now[0, lane], ab_now[1, lane]
                if not finite:
                    diverged_at[r] = step
                alive[lane] = False
            ended = ended and not alive[lane]
        if ended:
            break
        if not alternating:
            _move(W, uW, scale_d, m_d * k)
            if trainable:
                _move(ab, uab, scale_d, 2)
        _move(V, uV, 0.0 - scale_g, m_g * k)
