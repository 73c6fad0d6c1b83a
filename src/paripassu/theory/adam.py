"""How far Adam can step, whatever its gradients."""

import math

from paripassu.sizes import check_sizes


def adam_bound(betas: tuple[float, float], step: int | None = None) -> float:
    r"""The largest update that Adam can make, whatever the gradients, in units of the learning rate.

    For α = ``betas[0]`` and β = ``betas[1]`` > 0, by the Cauchy-Schwarz inequality,

    .. math:: \frac{|m_t|}{\sqrt{v_t}} \le \frac{1 - α}{\sqrt{1 - β}} \Bigl(\sum_{k<t} (α^2/β)^k\Bigr)^{1/2},

    with equality for gradients in proportion to (β/α)^t. The bias corrections multiply it by
    √(1 - βᵗ)/(1 - αᵗ). If α² < β the sum is below 1/(1 - α²/β).

    Args:
        betas: Adam's decay rates, in [0, 1), the second > 0.
        step: t >= 1, counted from one. Without it, the bound on ``|m|/√v`` that holds at every step.

    Returns:
        A number > 0; inf without ``step`` if α² >= β, and where the sum is beyond float64.

    Raises:
        ValueError: a decay rate out of its range, or ``step`` < 1.

    Source: Dereich, Graeber & Jentzen 2024, arXiv:2407.08100, prove bounds of this kind.

    Example:
        >>> from paripassu.theory import adam_bound
        >>> round(adam_bound((0.9, 0.999)), 4), round(adam_bound((0.9, 0.999), step=1), 4)
        (7.2703, 1.0)
    """
    alpha, beta = betas
    if not (0.0 <= alpha < 1.0 and 0.0 < beta < 1.0):
        raise ValueError(f"betas must be in [0, 1), the second > 0, got {betas}")
    ratio = alpha**2 / beta
    first = (1 - alpha) / math.sqrt(1 - beta)
    if step is None:
        return first / math.sqrt(1 - ratio) if ratio < 1 else math.inf
    check_sizes(1, step=step)
    try:
        total = step if ratio == 1 else (1 - ratio**step) / (1 - ratio)
    except OverflowError:
        return math.inf
    return first * math.sqrt(total * (1 - beta**step)) / (1 - alpha**step)
