"""Train the digit classifiers; the package uses their features to measure generated digits.

Writes src/paripassu/metrics/digits.safetensors, or with ``--mnist`` mnist.safetensors. The result is
deterministic on a CPU with one thread. Run it as ``python -m tools.train_digit_classifier [--mnist FOLDER]``,
where the folder has MNIST's four files.
"""

import argparse
import gzip
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout, pad

from paripassu.data import Digits, Idx, to_unit
from paripassu.metrics import DigitFeatures, MnistFeatures
from paripassu.metrics.digits import DigitClassifier

WEIGHTS = Path(__file__).parents[1] / "src/paripassu/metrics"
HELD_OUT = 360
SPLIT = f"train_test_split(test_size={HELD_OUT}, random_state=0, stratify=target)"
CPU = torch.device("cpu")

SEED = 0
LR = 2e-3
WEIGHT_DECAY = 1e-2
# These keep features from reducing to the class; they spread over more dimensions, of about unit size.
DROPOUT = 0.5
LABEL_SMOOTHING = 0.1


class Recipe(NamedTuple):
    """Network, data, length of training and required accuracy."""

    network: DigitFeatures | MnistFeatures
    epochs: int
    batch: int
    required_accuracy: float
    facts: dict[str, str]


DIGITS = Recipe(
    DigitFeatures(),
    epochs=60,
    batch=64,
    required_accuracy=0.97,
    facts={"data": "scikit-learn load_digits, 17 grey levels as bytes scaled to [-1, 1]", "split": SPLIT},
)
MNIST = Recipe(
    MnistFeatures(),
    epochs=20,
    batch=128,
    required_accuracy=0.985,
    facts={"data": "MNIST brought to 32 px, bytes scaled to [-1, 1]", "split": "MNIST's own"},
)


class Labelled(NamedTuple):
    """Images ``[N, 1, R, R]`` in [-1, 1] and their digits ``[N]``."""

    images: Tensor
    digits: Tensor


def split() -> tuple[Labelled, Labelled]:
    """The 1,437 training digits and the 360 test digits of ``SPLIT``."""
    images = to_unit(Digits().load(CPU).pixels)
    _, target = load_digits(return_X_y=True)
    train, held_out = train_test_split(
        range(len(target)), test_size=HELD_OUT, random_state=0, stratify=target
    )
    digits = torch.from_numpy(target)
    return Labelled(images[train], digits[train]), Labelled(images[held_out], digits[held_out])


def mnist(folder: Path) -> tuple[Labelled, Labelled]:
    """MNIST's 60,000 training digits and its 10,000 test digits."""
    parts: list[Labelled] = []
    for part in ("train", "t10k"):
        pixels = Idx(folder / f"{part}-images-idx3-ubyte.gz", MNIST.network.resolution).load(CPU).pixels
        labels = gzip.decompress((folder / f"{part}-labels-idx1-ubyte.gz").read_bytes())
        digits = torch.from_numpy(np.frombuffer(labels, np.uint8, offset=8).astype(np.int64))
        parts.append(Labelled(to_unit(pixels), digits))
    return parts[0], parts[1]


def accuracy(classifier: nn.Module, labelled: Labelled) -> float:
    """Share of images whose most likely class is their digit."""
    with torch.no_grad():
        shown = torch.cat([classifier(part).argmax(dim=1) for part in labelled.images.split(1000)])
        return (shown == labelled.digits).double().mean().item()


def train(recipe: Recipe, labelled: Labelled) -> DigitClassifier:
    """AdamW with a cosine learning rate, on digits shifted by up to an eighth of their width."""
    torch.manual_seed(SEED)
    classifier = DigitClassifier(recipe.network.resolution)
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    batches = -(-len(labelled.images) // recipe.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=recipe.epochs * batches)
    for _ in range(recipe.epochs):
        for chosen in torch.randperm(len(labelled.images)).split(recipe.batch):
            features = classifier.features(_shift(labelled.images[chosen]))
            logits = classifier.head(dropout(features, DROPOUT))
            loss = cross_entropy(logits, labelled.digits[chosen], label_smoothing=LABEL_SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return classifier


def _shift(images: Tensor) -> Tensor:
    # The digits are centred, but generated ones need not be. One shift per batch is enough.
    size = images.shape[-1]
    most = size // 8
    top, left = torch.randint(0, 2 * most + 1, (2,)).tolist()
    return pad(images, (most,) * 4, value=-1.0)[:, :, top : top + size, left : left + size]


def main() -> None:
    """Train, measure, and write the weights unless they are worse than required."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="train on MNIST's files in there")
    folder = parser.parse_args().mnist
    torch.set_num_threads(1)
    recipe, (training, held_out) = (MNIST, mnist(folder)) if folder else (DIGITS, split())
    classifier = train(recipe, training)
    measured = accuracy(classifier, held_out)
    print(f"accuracy: train {accuracy(classifier, training):.4f}, held out {measured:.4f}")
    if measured < recipe.required_accuracy:
        sys.exit(f"held-out accuracy {measured:.4f} is below {recipe.required_accuracy}: nothing written")
    facts: dict[str, Any] = recipe.facts | {
        "train": len(training.images),
        "held_out": len(held_out.images),
        "held_out_accuracy": measured,
        "torch": torch.__version__,
        "script": "tools/train_digit_classifier.py",
    }
    output = WEIGHTS / recipe.network.weights
    # One entry, because safetensors writes several in random order, and the file would differ between runs.
    save_file(classifier.state_dict(), output, {"training": json.dumps(facts)})
    print(f"wrote {output} ({output.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
