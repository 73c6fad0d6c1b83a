"""Gradients of the value for eight runs at once.

    ∇wᵢ = Σₓ pₓ (1 − D(x)) a σ′(⟨wᵢ, x⟩) x − Σⱼ Cᵢⱼ vⱼ
    ∇vⱼ = −Σᵢ Cᵢⱼ wᵢ
    Cᵢⱼ = Σ p_z D(G(z)) a σ′(⟨wᵢ, G(z)⟩) over all z with zⱼ = 1

The generator's outputs are sums of one or two neurons. So the discriminator depends on them through the inner
products of w_i and v_j alone. A step costs about 3 m_D m_G k multiply-adds and m_D evaluations of the
cubic per latent, whatever d is.
"""

# numba compiles these functions: plain loops are its idiom and it infers all types.
# pyright: basic, reportCallIssue=false, reportArgumentType=false

from numba import njit

from paripassu.theory.collapse.lanes import exp_negative, load, splat, store, where_less


@njit
def _cubic(x, bend):
    """The activation, c^2 (x + 2 (x - c)) with c = x clamped to the bend, and a third of its slope, c^2."""
    c = where_less(bend, x, bend, x)
    c = where_less(c, 0.0 - bend, 0.0 - bend, c)
    square = c * c
    return square * (x + 2.0 * (x - c)), square


@njit
def _sigmoids(x):
    """sigmoid(x) and sigmoid(-x), each with all its digits."""
    zero = splat(0.0)
    negative = where_less(zero, x, zero - x, x)
    small = exp_negative(negative)
    large = 1.0 / (1.0 + small)
    small = small * large
    return where_less(zero, x, large, small), where_less(zero, x, small, large)


@njit
def _product(out, rows, columns, terms, A, a_row, a_term, B, b_term, b_column, negate):
    """``out = A B``, or its negative; strides are counted in lanes.

    Two rows by four columns at a time: eight sums overlap in time, and each load serves several. Where the
    last block is incomplete, its last row and columns are computed again.
    """
    for row in range(0, rows, 2):
        i, j = row, min(row + 1, rows - 1)
        for column in range(0, columns, 4):
            last = columns - 1
            p, q, r, s = column, min(column + 1, last), min(column + 2, last), min(column + 3, last)
            ip, iq, ir, is_ = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
            jp, jq, jr, js = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
            for term in range(terms):
                ai, aj = load(A, i * a_row + term * a_term), load(A, j * a_row + term * a_term)
                at = term * b_term
                bp, bq = load(B, at + p * b_column), load(B, at + q * b_column)
                br, bs = load(B, at + r * b_column), load(B, at + s * b_column)
                ip, iq, ir, is_ = ip + ai * bp, iq + ai * bq, ir + ai * br, is_ + ai * bs
                jp, jq, jr, js = jp + aj * bp, jq + aj * bq, jr + aj * br, js + aj * bs
            i_out, j_out = i * columns, j * columns
            if negate:
                ip, iq, ir, is_ = 0.0 - ip, 0.0 - iq, 0.0 - ir, 0.0 - is_
                jp, jq, jr, js = 0.0 - jp, 0.0 - jq, 0.0 - jr, 0.0 - js
            store(out, i_out + p, ip)
            store(out, i_out + q, iq)
            store(out, i_out + r, ir)
            store(out, i_out + s, is_)
            store(out, j_out + p, jp)
            store(out, j_out + q, jq)
            store(out, j_out + r, jr)
            store(out, j_out + s, js)


@njit
def gradients_of_value(
    W, V, ab, points, x_rates, latents, z_rates, bend, P, C, squares, totals, gW, gV, gab, outputs
):
    """Gradients of the value: gW, gab to ascend, gV to descend; outputs: mean D on data and on fakes.

    All arrays end in an axis of lanes, except the laws' points and latents. Each loop does one thing to all
    latents, so that the processor works on several at once.
    """
    m_d, k, m_g, span = W.shape[0], W.shape[1], V.shape[0], points.shape[1]
    zero, bends = splat(0.0), splat(bend)
    a, b = load(ab, 0), load(ab, 1)
    ga, gb, real, fake = zero, zero, zero, zero

    _product(P, m_d, m_g, k, W, k, 1, V, 1, k, negate=False)
    for z in range(latents.shape[0]):
        j, other = latents[z, 0], latents[z, 1]
        total = zero
        for i in range(m_d):
            inner = load(P, i * m_g + j)
            if other >= 0:
                inner = inner + load(P, i * m_g + other)
            value, square = _cubic(inner, bends)
            store(squares, z * m_d + i, square)
            total = total + value
        store(totals, z, total)
    for z in range(latents.shape[0]):
        total = load(totals, z)
        D, _ = _sigmoids(a * total + b)
        weight = load(z_rates, z) * D
        fake = fake + weight
        ga, gb = ga - weight * total, gb - weight
        store(totals, z, 3.0 * weight * a)
    C[:] = 0.0
    for z in range(latents.shape[0]):
        j, other = latents[z, 0], latents[z, 1]
        weight = load(totals, z)
        for i in range(m_d):
            factor = weight * load(squares, z * m_d + i)
            store(C, i * m_g + j, load(C, i * m_g + j) + factor)
            if other >= 0:
                store(C, i * m_g + other, load(C, i * m_g + other) + factor)
    # The discriminator is pushed off the fakes, the generator's neurons along the discriminator's.
    _product(gW, m_d, k, m_g, C, m_g, 1, V, k, 1, negate=True)
    _product(gV, m_g, k, m_d, C, 1, m_g, W, k, 1, negate=True)

    for x in range(points.shape[0]):
        total = zero
        for i in range(m_d):
            inner = zero
            for c in range(span):
                inner = inner + load(W, i * k + c) * points[x, c]
            value, square = _cubic(inner, bends)
            store(squares, i, square)
            total = total + value
        rate = load(x_rates, x)
        D, rest = _sigmoids(a * total + b)  # 1 - D loses every digit where D is nearly sure
        real = real + rate * D
        weight = rate * rest
        ga, gb = ga + weight * total, gb + weight
        weight = 3.0 * weight * a
        for i in range(m_d):
            factor = weight * load(squares, i)
            for c in range(span):
                store(gW, i * k + c, load(gW, i * k + c) + factor * points[x, c])
    store(gab, 0, ga)
    store(gab, 1, gb)
    store(outputs, 0, real)
    store(outputs, 1, fake)
