"""A GAN in accelerate: `prepare` wraps our optimizers as it does torch's (`pip install accelerate`)."""

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.functional import softplus

import paripassu as pp
from paripassu.data import Ring


def network(inputs: int, outputs: int) -> nn.Module:
    hidden = [nn.Linear(inputs, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128), nn.LeakyReLU(0.2)]
    return nn.Sequential(*hidden, nn.Linear(128, outputs))


def main(steps: int = 1000, batch: int = 256) -> Tensor:
    torch.manual_seed(0)
    accelerator = Accelerator(cpu=True)  # without cpu=True: the GPUs, and as many processes as you launch
    points = Ring().load(torch.device("cpu")).draw(steps * batch, torch.Generator().manual_seed(0))
    generator, discriminator = network(2, 2), network(2, 1)
    generator, discriminator, opt_g, opt_d, batches = accelerator.prepare(
        generator,
        discriminator,
        pp.NSGD(generator.parameters(), lr=1e-3),
        pp.NSGD(discriminator.parameters(), lr=1e-3),
        torch.utils.data.DataLoader(points, batch_size=batch),
    )
    for real in batches:
        fake = generator(torch.randn(len(real), 2, device=accelerator.device))
        opt_d.zero_grad()
        accelerator.backward((softplus(-discriminator(real)) + softplus(discriminator(fake.detach()))).mean())
        opt_d.step()

        opt_g.zero_grad()
        accelerator.backward(softplus(-discriminator(fake)).mean())
        opt_g.step()

    with torch.no_grad():
        return generator(torch.randn(2500, 2, device=accelerator.device)).cpu()


if __name__ == "__main__":
    print(f"median radius of the samples: {main().norm(dim=1).median():.2f}; the ring's is 2")
