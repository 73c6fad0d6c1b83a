"""Train the digit classifier whose features the package measures generated digits with.

Writes src/paripassu/metrics/digits.safetensors; deterministic on a CPU with one thread. Run as
``python -m tools.train_digit_classifier``.
"""

import json
import sys
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout, pad

from paripassu.data import Digits, to_unit
from paripassu.metrics.digits import DigitClassifier

OUTPUT = Path(__file__).parents[1] / "src/paripassu/metrics/digits.safetensors"
HELD_OUT = 360
SPLIT = f"train_test_split(test_size={HELD_OUT}, random_state=0, stratify=target)"
REQUIRED_ACCURACY = 0.97

SEED = 0
EPOCHS = 60
BATCH = 64
LR = 2e-3
WEIGHT_DECAY = 1e-2
# Against features that keep nothing but the class: they spread over more dimensions, of about unit size.
DROPOUT = 0.5
LABEL_SMOOTHING = 0.1


class Labelled(NamedTuple):
    """Images ``[N, 1, 8, 8]`` in [-1, 1] and their digits ``[N]``."""

    images: Tensor
    digits: Tensor


def split() -> tuple[Labelled, Labelled]:
    """The 1,437 digits to train on and the 360 held out, as ``SPLIT`` says."""
    images = to_unit(Digits().load(torch.device("cpu")).pixels)
    target = load_digits().target
    train, held_out = train_test_split(
        range(len(target)), test_size=HELD_OUT, random_state=0, stratify=target
    )
    digits = torch.from_numpy(target)
    return Labelled(images[train], digits[train]), Labelled(images[held_out], digits[held_out])


def accuracy(classifier: nn.Module, labelled: Labelled) -> float:
    """Share of images whose most likely class is their digit."""
    with torch.no_grad():
        return (classifier(labelled.images).argmax(dim=1) == labelled.digits).double().mean().item()


def train(labelled: Labelled) -> DigitClassifier:
    """AdamW with a cosine learning rate, on digits shifted by up to one pixel."""
    torch.manual_seed(SEED)
    classifier = DigitClassifier()
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    batches = -(-len(labelled.images) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS * batches)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(labelled.images)).split(BATCH):
            features = classifier.features(_shift(labelled.images[chosen]))
            logits = classifier.head(dropout(features, DROPOUT))
            loss = cross_entropy(logits, labelled.digits[chosen], label_smoothing=LABEL_SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return classifier


def _shift(images: Tensor) -> Tensor:
    # One shift a batch, per axis none in a third of them: the digits are centred, generated ones need not be.
    top, left = torch.randint(0, 3, (2,)).tolist()
    return pad(images, (1, 1, 1, 1), value=-1.0)[:, :, top : top + 8, left : left + 8]


def main() -> None:
    """Train, measure, and write the weights unless they are worse than required."""
    torch.set_num_threads(1)
    training, held_out = split()
    classifier = train(training)
    measured = accuracy(classifier, held_out)
    print(f"accuracy: train {accuracy(classifier, training):.4f}, held out {measured:.4f}")
    if measured < REQUIRED_ACCURACY:
        sys.exit(f"held-out accuracy {measured:.4f} is below {REQUIRED_ACCURACY}: nothing written")
    training_facts = {
        "data": "scikit-learn load_digits, 17 grey levels as bytes scaled to [-1, 1]",
        "split": SPLIT,
        "train": len(training.images),
        "held_out": len(held_out.images),
        "held_out_accuracy": measured,
        "torch": torch.__version__,
        "script": "tools/train_digit_classifier.py",
    }
    # One entry: safetensors writes several in random order, and the file would change from run to run.
    save_file(classifier.state_dict(), OUTPUT, {"training": json.dumps(training_facts)})
    print(f"wrote {OUTPUT} ({OUTPUT.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
