"""A person's own file with a rule, networks and data, good ones and bad ones."""

from pathlib import Path

from paripassu import studies
from paripassu.protocol import Study

GOOD = '''
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import Dataset

from paripassu.data import ImageSet, Source
from paripassu.models import Architecture, Pair
from paripassu.rules import SGD, Graft, Rule


@dataclass(frozen=True)
class Sign(Rule):
    """The sign of a moving mean."""

    beta: float = 0.5

    def init(self, tensor):
        return {"mean": torch.zeros_like(tensor)}

    def update(self, gradients, states, weights):
        means = [s["mean"].lerp(g, 1 - self.beta) for g, s in zip(gradients, states, strict=True)]
        return [mean.sign() for mean in means], [{"mean": mean} for mean in means]


GRAFT = Graft(SGD(), Sign(0.9))


def networks(shape, latent=4):
    size = torch.Size(shape).numel()
    generator = nn.Sequential(nn.Linear(latent, size), nn.Unflatten(1, shape), nn.Tanh())
    return generator, nn.Sequential(nn.Flatten(), nn.Linear(size, 1), nn.Flatten(0))


@dataclass(frozen=True)
class Wide(Architecture):
    latent: int = 4
    widths: tuple[int, ...] = (8,)

    def build(self, shape):
        return Pair(*networks(shape, self.latent))


class Photos(Dataset):
    """Bytes and labels."""

    def __len__(self):
        return 100

    def __getitem__(self, number):
        pixels = torch.Generator().manual_seed(number)
        return torch.randint(256, (3, 8, 8), generator=pixels, dtype=torch.uint8), number % 10


PHOTOS = Photos()


@dataclass(frozen=True)
class Noise(Source):
    size: int = 8

    def load(self, device):
        rng = torch.Generator().manual_seed(0)
        shape = (100, 1, self.size, 8)
        return ImageSet.on(device, torch.randint(256, shape, generator=rng, dtype=torch.uint8))
'''


def write(folder: Path, more: str = "", name: str = "mine.py") -> Path:
    """The good file with ``more`` at its end."""
    path = folder / name
    path.write_text(GOOD + more)
    return path


SWEEP = '''"""Is the number above 0?

Claim under test: it is.

Supported if the mean is above 0, else contradicted.
"""

from dataclasses import dataclass

from paripassu.protocol import Judgement, Scale, Study, decide
from paripassu.protocol.sweeps import Cell, PlayedSweep, SeededCell, SweepDesign
from paripassu.records import Finding, Verdict
from paripassu.rules import SGD
from paripassu.theory import Bilinear


@dataclass(frozen=True)
class System:
    lr: float = 0.1
    steps: int = 2

    def measure(self, seed):
        return {"number": NUMBER}


def measure(problem, paths):
    return {"number": [NUMBER for seed in paths.seeds]}


def verdict(sweep, tables):
    mean = tables.outcomes["number"].mean()
    outcome = decide(supported=mean > 0, contradicted=mean < 0)
    return Judgement([Finding("It is.", "toy", Verdict(outcome, f"Mean {mean}."))])


CELL = SeededCell("toy", "number", System(), range(3))
PLAYED = Cell("toy", "number", Bilinear(), SGD(), (0.1,), 2, range(3), measure)


def then(outcomes):
    return [CELL]


STUDY = Study.from_file(
    __file__,
    {
        "seeded": Scale(SweepDesign(PlayedSweep([CELL]), verdict)),
        "played": Scale(SweepDesign(PlayedSweep([PLAYED], then), verdict)),
    },
)
'''


def own_study(folder: Path, number: str) -> Study:
    """A study whose system and measure give that number at each ``seed``, and are in its file."""
    path = folder / "own_sweep.py"
    path.write_text(SWEEP.replace("NUMBER", number))
    return studies.load(path)
