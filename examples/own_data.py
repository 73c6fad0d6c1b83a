"""Data of your own: a torch ``Dataset`` of images and labels.

On the command line, with any other option:

    paripassu train --data own_data.py:Discs --model dcgan --steps 500

Images are uint8, or floats in [0, 1] or [-1, 1]. The dataset is read once and measured on 8 x 8 pixels.
"""

import tempfile
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from paripassu.data import FromDataset
from paripassu.models import DCGAN
from paripassu.rules import SGD, Normalize
from paripassu.train import Player, Run, evaluate, train

SIZE = 16


class Discs(Dataset[tuple[Tensor, int]]):
    """Grey discs of random place and radius, with soft edges; the label says whether a disc is large."""

    def __len__(self) -> int:
        return 1000

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        rng = torch.Generator().manual_seed(number)
        row, column, radius = torch.rand(3, generator=rng) * torch.tensor([6.0, 6.0, 3.0])
        grid = torch.arange(SIZE)
        distance = torch.hypot(grid[:, None] - row - 5, grid - column - 5)
        image = (radius + 2.5 - distance).clamp(0, 1)  # in [0, 1]
        return image[None], int(radius > 1.5)


def main(steps: int = 200) -> dict[str, float]:
    """The metrics of the last generator, which nSGDA trained."""
    player = Player(Normalize(SGD(), "global"), 0.03)
    model = DCGAN(latent=8, width=16)
    run = Run(FromDataset(Discs()), model, player, player, steps=steps, eval_every=steps)
    with tempfile.TemporaryDirectory() as folder:
        train(run, Path(folder))
        return evaluate(run, Path(folder))[1]


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name}: {value:.4g}")
