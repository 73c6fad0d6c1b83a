"""Networks of your own: a function of the samples' shape and the latents' length that returns both.

On the command line, with any other option:

    paripassu train --model own_networks.py:networks --latent 32 --steps 500
"""

import tempfile
from pathlib import Path

from torch import nn

from paripassu.recipes import RECIPES, override
from paripassu.records import End
from paripassu.train import Run, train


def networks(shape: tuple[int, ...], latent: int = 16) -> tuple[nn.Module, nn.Module]:
    """Upsampling by pixel shuffle, and its mirror image; for square images of a multiple of 4 px."""
    channels, size, _ = shape
    generator = nn.Sequential(
        nn.Linear(latent, 64 * (size // 4) ** 2),
        nn.Unflatten(1, (64, size // 4, size // 4)),
        nn.SiLU(),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.SiLU(),
        nn.Conv2d(64, 16 * channels, 3, padding=1),
        nn.PixelShuffle(4),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.PixelUnshuffle(4),
        nn.Conv2d(16 * channels, 64, 3, padding=1),
        nn.SiLU(),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.SiLU(),
        nn.Flatten(),
        nn.Linear(64 * (size // 4) ** 2, 1),
        nn.Flatten(0),  # one logit a sample: [B]
    )
    return generator, discriminator


def run(steps: int) -> Run:
    """The recipe for scikit-learn's digits, with these networks."""
    return override(RECIPES["digits"].run, model=f"{__file__}:networks", latent=32, steps=steps)


def main(steps: int = 200) -> End:
    with tempfile.TemporaryDirectory() as folder:
        return train(run(steps), Path(folder))


if __name__ == "__main__":
    end = main()
    print(f"{end.outcome} after {end.step} steps, {end.seconds:.0f} s")
