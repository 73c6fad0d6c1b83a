"""Games of a few numbers, for whose learning dynamics closed forms are known.

Each returns both players' losses; each player minimizes its own.
"""

from torch import Tensor
from torch.nn.functional import softplus


def bilinear(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """``min_x max_y <x, y>``: losses of x and of y.

    Simultaneous SGDA multiplies ``|x|^2 + |y|^2`` by ``1 + lr^2`` each step.
    """
    value = (x * y).sum()
    return value, -value


def dirac_gan(theta: Tensor, psi: Tensor) -> tuple[Tensor, Tensor]:
    """The Dirac-GAN: losses of the generator ``theta`` and of the discriminator ``psi``, both ``[]``.

    Data is a point at 0, the generator's is at ``theta``, the logit is ``psi * x``, the loss saturating:
    unregularized gradient methods circle around the equilibrium (0, 0) or leave it.

    Source: Mescheder et al. 2018, arXiv:1801.04406, Def. 2.1.
    """
    fake = psi * theta
    return -softplus(fake), softplus(-psi * 0.0) + softplus(fake)
