"""Adam out, normalised SGD in: three lines change in a plain GAN loop on a ring of eight Gaussians.

They are the import and the two optimizers, which were ``torch.optim.Adam(..., lr=1e-3, betas=(0.5, 0.999))``.
The learning rate stays Adam's: about how far each weight moves in a step.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import paripassu as pp
from paripassu.data import Ring
from paripassu.metrics import mode_coverage

RING = Ring()


def network(inputs: int, outputs: int) -> nn.Module:
    hidden = [nn.Linear(inputs, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128), nn.LeakyReLU(0.2)]
    return nn.Sequential(*hidden, nn.Linear(128, outputs))


def main(steps: int = 2000) -> Tensor:
    torch.manual_seed(0)
    rng = torch.Generator().manual_seed(0)
    ring = RING.load(torch.device("cpu"))
    generator, discriminator = network(2, 2), network(2, 1)

    opt_g = pp.NSGD(generator.parameters(), lr=1e-3)
    opt_d = pp.NSGD(discriminator.parameters(), lr=1e-3)
    schedules = [
        torch.optim.lr_scheduler.LinearLR(opt, 1.0, 0.01, total_iters=steps) for opt in (opt_g, opt_d)
    ]

    for _ in range(steps):
        real, fake = ring.draw(256, rng), generator(torch.randn(256, 2))
        loss_d = (softplus(-discriminator(real)) + softplus(discriminator(fake.detach()))).mean()
        opt_d.zero_grad()
        loss_d.backward()
        opt_d.step()

        loss_g = softplus(-discriminator(fake)).mean()
        opt_g.zero_grad()
        loss_g.backward()
        opt_g.step()
        for schedule in schedules:
            schedule.step()

    with torch.no_grad():
        return generator(torch.randn(2500, 2))


if __name__ == "__main__":
    coverage = mode_coverage(main(), RING.centres(), RING.std)
    print(f"{coverage.captured} of 8 modes, {coverage.high_quality:.0%} of samples within 3 std of one")
