"""A class-conditional GAN of your own: labels are one more input, and nothing else changes.

`paripassu train --conditional` trains the conditional DCGAN and SNGAN of the package.
"""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus

import paripassu as pp

LATENT, CLASSES, PIXELS = 16, 10, 64


class Conditional(nn.Module):
    """Two hidden layers that see an input beside its label."""

    def __init__(self, inputs: int, *end: nn.Module) -> None:
        super().__init__()
        hidden = [nn.Linear(inputs + CLASSES, 256), nn.LeakyReLU(0.2), nn.Linear(256, 256), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*hidden, *end)

    def forward(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """A sample or a logit for each row."""
        return self.layers(torch.cat([inputs, one_hot(labels, CLASSES).float()], dim=1))


def main(steps: int = 2000, batch: int = 64) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    levels, digits = load_digits(return_X_y=True)
    images, classes = torch.from_numpy(levels / 8 - 1).float(), torch.from_numpy(digits)
    G = Conditional(LATENT, nn.Linear(256, PIXELS), nn.Tanh())
    D = Conditional(PIXELS, nn.Linear(256, 1))
    opt_g = pp.NSGD(G.parameters(), lr=2e-3)
    opt_d = pp.NSGD(D.parameters(), lr=2e-3)

    for _ in range(steps):
        chosen = torch.randint(len(images), (batch,))
        real, labels = images[chosen], classes[chosen]
        fake = G(torch.randn(batch, LATENT), labels)
        opt_d.zero_grad()
        (softplus(-D(real, labels)) + softplus(D(fake.detach(), labels))).mean().backward()
        opt_d.step()

        opt_g.zero_grad()
        softplus(-D(fake, labels)).mean().backward()
        opt_g.step()

    labels = torch.arange(1000) % CLASSES
    with torch.no_grad():
        return G(torch.randn(1000, LATENT), labels), labels


if __name__ == "__main__":
    samples, _ = main()
    print("samples of", tuple(samples.shape))
