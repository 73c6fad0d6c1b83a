"""A DCGAN in a plain loop, with two lines changed: the optimizers, at the learning rate that Adam had.

Every tensor's step has a root mean square of ``lr``, about as Adam's has.
Nothing is stored but the gradients.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import paripassu as pp
from paripassu.data import Digits

LATENT, WIDTH = 32, 32


def generator() -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(LATENT, 2 * WIDTH, 2), nn.BatchNorm2d(2 * WIDTH), nn.ReLU(),
        nn.ConvTranspose2d(2 * WIDTH, WIDTH, 4, 2, 1), nn.BatchNorm2d(WIDTH), nn.ReLU(),
        nn.ConvTranspose2d(WIDTH, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def discriminator() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, WIDTH, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(WIDTH, 2 * WIDTH, 4, 2, 1), nn.BatchNorm2d(2 * WIDTH), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(8 * WIDTH, 1),
    )  # fmt: skip


def main(steps: int = 1000, batch: int = 64) -> Tensor:
    torch.manual_seed(0)
    rng = torch.Generator().manual_seed(0)
    images = Digits().load(torch.device("cpu"))  # draw() gives a batch of them, [batch, 1, 8, 8] in [-1, 1]
    G, D = generator(), discriminator()

    # torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999)), and the same for D
    opt_g = pp.NSGD(G.parameters(), lr=1e-3)
    opt_d = pp.NSGD(D.parameters(), lr=1e-3)

    for _ in range(steps):
        real, fake = images.draw(batch, rng), G(torch.randn(batch, LATENT, 1, 1))
        opt_d.zero_grad()
        (softplus(-D(real)) + softplus(D(fake.detach()))).mean().backward()
        opt_d.step()

        opt_g.zero_grad()
        softplus(-D(fake)).mean().backward()
        opt_g.step()

    with torch.no_grad():
        return G.eval()(torch.randn(1000, LATENT, 1, 1))


if __name__ == "__main__":
    print("samples of", tuple(main().shape))
