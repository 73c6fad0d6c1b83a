r"""Gradients of the value for eight runs at once.

.. math::
    \nabla_{w_i} = \sum_x p_x (1 - D(x)) a \sigma'(\langle w_i, x \rangle) x - \sum_j C_{ij} v_j, \qquad
    \nabla_{v_j} = -\sum_i C_{ij} w_i, \qquad
    C_{ij} = \sum_{z \ni j} p_z D(G(z)) a \sigma'(\langle w_i, G(z) \rangle)

The generator's outputs are sums of one or two neurons, so all that the discriminator sees of them are the
inner products of w_i and v_j: a step costs about 3 m_D m_G k multiply-adds and m_D evaluations of the cubic
per latent, whatever d is.
"""

# numba compiles these functions: plain loops are its idiom and it infers all types.
# pyright: basic, reportCallIssue=false, reportArgumentType=false

from numba import njit

from paripassu.theory.lanes import exp_negative, load, splat, store, where_less


@njit
def _cubic(x, bend):
    """The activation and its slope: with c = x held within the bend, c^3 + 3 c^2 (x - c) and 3 c^2."""
    c = where_less(bend, x, bend, x)
    c = where_less(c, 0.0 - bend, 0.0 - bend, c)
    slope = 3.0 * c * c
    return c * c * c + slope * (x - c), slope


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
def _product(out, rows, columns, terms, A, a_row, a_term, B, b_term, b_column, subtract):
    """``out = A B``, or ``out - A B`` to ``subtract``; strides are counted in lanes.

    Two rows by two columns at a time, so that each load serves twice; at an odd end one is done twice.
    """
    for row in range(0, rows, 2):
        next_row = min(row + 1, rows - 1)
        for column in range(0, columns, 2):
            next_column = min(column + 1, columns - 1)
            s00, s01, s10, s11 = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
            for term in range(terms):
                a0, a1 = load(A, row * a_row + term * a_term), load(A, next_row * a_row + term * a_term)
                b0 = load(B, term * b_term + column * b_column)
                b1 = load(B, term * b_term + next_column * b_column)
                s00, s01 = s00 + a0 * b0, s01 + a0 * b1
                s10, s11 = s10 + a1 * b0, s11 + a1 * b1
            o00, o01 = row * columns + column, row * columns + next_column
            o10, o11 = next_row * columns + column, next_row * columns + next_column
            if subtract:
                s00, s01 = load(out, o00) - s00, load(out, o01) - s01
                s10, s11 = load(out, o10) - s10, load(out, o11) - s11
            store(out, o00, s00)
            store(out, o01, s01)
            store(out, o10, s10)
            store(out, o11, s11)


@njit
def gradients_of_value(W, V, ab, points, x_rates, latents, z_rates, bend, P, C, slopes, gW, gV, gab, outputs):
    """Gradients of the value: gW, gab to ascend, gV to descend; outputs: mean D on data and on fakes.

    All arrays end in an axis of lanes, the laws' points and latents excepted.
    """
    m_d, k, m_g, span = W.shape[0], W.shape[1], V.shape[0], points.shape[1]
    zero, bends = splat(0.0), splat(bend)
    a, b = load(ab, 0), load(ab, 1)
    ga, gb, real, fake = zero, zero, zero, zero
    gW[:] = 0.0
    for x in range(points.shape[0]):
        total = zero
        for i in range(m_d):
            inner = zero
            for c in range(span):
                inner = inner + load(W, i * k + c) * points[x, c]
            value, slope = _cubic(inner, bends)
            store(slopes, i, slope)
            total = total + value
        rate = load(x_rates, x)
        D, rest = _sigmoids(a * total + b)  # 1 - D loses every digit where D is nearly sure
        real = real + rate * D
        weight = rate * rest
        ga, gb = ga + weight * total, gb + weight
        for i in range(m_d):
            factor = weight * a * load(slopes, i)
            for c in range(span):
                store(gW, i * k + c, load(gW, i * k + c) + factor * points[x, c])

    _product(P, m_d, m_g, k, W, k, 1, V, 1, k, subtract=False)
    C[:] = 0.0
    for z in range(latents.shape[0]):
        j, other = latents[z, 0], latents[z, 1]
        total = zero
        for i in range(m_d):
            inner = load(P, i * m_g + j)
            if other >= 0:
                inner = inner + load(P, i * m_g + other)
            value, slope = _cubic(inner, bends)
            store(slopes, i, slope)
            total = total + value
        D, _ = _sigmoids(a * total + b)
        weight = load(z_rates, z) * D
        fake = fake + weight
        ga, gb = ga - weight * total, gb - weight
        weight = weight * a
        for i in range(m_d):
            factor = weight * load(slopes, i)
            store(C, i * m_g + j, load(C, i * m_g + j) + factor)
            if other >= 0:
                store(C, i * m_g + other, load(C, i * m_g + other) + factor)
    # The discriminator is pushed off the fakes, the generator's neurons along the discriminator's.
    _product(gW, m_d, k, m_g, C, m_g, 1, V, k, 1, subtract=True)
    gV[:] = 0.0
    _product(gV, m_g, k, m_d, C, 1, m_g, W, k, 1, subtract=True)
    store(gab, 0, ga)
    store(gab, 1, gb)
    store(outputs, 0, real)
    store(outputs, 1, fake)
