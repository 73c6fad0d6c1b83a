"""GAN losses as values: what each player minimizes, given the discriminator's logits."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import relu, softplus


class GanLoss(NamedTuple):
    """Both are minimized, each by its own player; logits are ``[B]``, losses ``[]``."""

    discriminator: Callable[[Tensor, Tensor], Tensor]  # (real, fake)
    generator: Callable[..., Tensor]  # (fake), or (real, fake) where relativistic
    relativistic: bool = False  # whether the generator's loss compares fake with real logits


# Goodfellow et al. 2014, arXiv:1406.2661, Sec. 3: G maximizes log D(G(z)) instead of minimizing
# log(1 - D(G(z))).
non_saturating = GanLoss(
    discriminator=lambda real, fake: (softplus(-real) + softplus(fake)).mean(),
    generator=lambda fake: softplus(-fake).mean(),
)
"""The usual loss: cross-entropy, and the generator maximises log D(G(z))."""

# Arjovsky et al. 2017, arXiv:1701.07875, Eq. 2; the Lipschitz constraint is the penalty's business.
wasserstein = GanLoss(
    discriminator=lambda real, fake: fake.mean() - real.mean(),
    generator=lambda fake: -fake.mean(),
)
"""Differences of mean outputs; the discriminator needs a penalty beside it."""

# Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957, Eqs. 16 and 17.
hinge = GanLoss(
    discriminator=lambda real, fake: (relu(1 - real) + relu(1 + fake)).mean(),
    generator=lambda fake: -fake.mean(),
)
"""The hinge loss; the generator raises the discriminator's output."""

# Jolicoeur-Martineau 2018, arXiv:1807.00734: real and fake logits compared in pairs, by both players; as in
# R3GAN (Huang et al. 2024, arXiv:2501.05441).
relativistic = GanLoss(
    discriminator=lambda real, fake: softplus(fake - real).mean(),
    generator=lambda real, fake: softplus(real - fake).mean(),
    relativistic=True,
)
"""Each player's loss is of the difference between a real and a generated sample's outputs."""
