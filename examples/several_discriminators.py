"""A GAN with several discriminators, as vocoders have: each is a player with an optimizer of its own.

In one optimizer with ``scope="global"`` they would share one norm, and the one with the largest gradients
would take most of the step. All terms of the generator's loss go into one backward, because a normalised
step is a full step whatever the weight of a loss.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

import paripassu as pp

FRAMES, HOP = 32, 8  # of the generator's input, and the samples of the waveform for each


def convolutions(period: int) -> nn.Sequential:
    """A discriminator: it sees the waveform folded into columns of one period."""
    return nn.Sequential(
        nn.Unflatten(-1, (-1, period)),
        nn.Conv2d(1, 16, (5, 1), (2, 1), (2, 0)), nn.LeakyReLU(0.1), nn.Conv2d(16, 1, (3, 1)),
    )  # fmt: skip


def draw(batch: int) -> tuple[Tensor, Tensor]:
    """Tones of one pitch each: frames ``[batch, 2, FRAMES]`` and waveforms ``[batch, 1, FRAMES * HOP]``."""
    phase = torch.rand(batch, 1, 1) * torch.arange(FRAMES * HOP) * 0.3 + 6.28 * torch.rand(batch, 1, 1)
    frames = torch.cat([phase.sin(), phase.cos()], dim=1)[..., HOP // 2 :: HOP]
    return frames, phase.sin()


def main(steps: int = 300, batch: int = 16) -> list[float]:
    torch.manual_seed(0)
    generator = nn.Sequential(
        nn.Conv1d(2, 64, 5, padding=2), nn.LeakyReLU(0.1),
        nn.ConvTranspose1d(64, 32, 2 * HOP, HOP, HOP // 2), nn.LeakyReLU(0.1), nn.Conv1d(32, 1, 7, padding=3),
    )  # fmt: skip
    discriminators = [convolutions(period) for period in (2, 4, 8)]
    opt_g = pp.NSGD(generator.parameters(), lr=1e-3)
    opts_d = [pp.NSGD(d.parameters(), lr=1e-3) for d in discriminators]
    distances: list[float] = []
    for _ in range(steps):
        frames, real = draw(batch)
        fake = generator(frames)
        for D, opt_d in zip(discriminators, opts_d, strict=True):
            opt_d.zero_grad()
            ((D(real) - 1).square().mean() + D(fake.detach()).square().mean()).backward()
            opt_d.step()
        opt_g.zero_grad()
        distance = l1_loss(fake, real)
        (sum((D(fake) - 1).square().mean() for D in discriminators) + 10 * distance).backward()
        opt_g.step()
        distances.append(distance.item())
    return distances


if __name__ == "__main__":
    passed = main()
    print(f"distance from the waveforms: {passed[0]:.2f} at first, {passed[-1]:.2f} at the end")
