"""Images changed at each draw, as their laws say."""

import pytest
import torch

from paripassu.data import Augmented, Digits, Placeholder, Ring
from paripassu.train.random import Stream, generator

CPU = torch.device("cpu")


def _draw(source, count=4000):
    return source.load(CPU).draw(count, generator(0, Stream.TRAINING, 0, CPU))


def test_flips_are_half_and_nothing_else():
    plain, flipped = _draw(Digits()), _draw(Augmented(Digits(), flip=True))
    mirrored = (flipped == plain.flip(3)).all(dim=(1, 2, 3))
    kept = (flipped == plain).all(dim=(1, 2, 3))
    assert (mirrored | kept).all()
    assert mirrored.double().mean().item() == pytest.approx(0.5, abs=0.05)


def test_dequantized_levels_fill_the_range_evenly():
    """2 (x / 256 - 1/2) + U(0, 1/128): each level keeps its own interval."""
    source = Augmented(Digits(), dequantize=True)
    drawn = _draw(source)
    rng = generator(0, Stream.TRAINING, 0, CPU)
    levels = source.load(CPU).images.pixels[torch.randint(1797, (4000,), generator=rng)]
    within = (drawn + 1) * 128 - levels
    assert (within > -1e-4).all()
    assert (within < 1 + 1e-4).all()
    assert within.mean().item() == pytest.approx(0.5, abs=0.01)
    assert within.var().item() == pytest.approx(1 / 12, rel=0.01)


def test_what_is_measured_against_is_unchanged():
    assert torch.equal(Augmented(Digits(), flip=True).load(CPU).images.pixels, Digits().load(CPU).pixels)


def test_draws_depend_on_the_generator_alone():
    source = Augmented(Digits(), flip=True, dequantize=True)
    assert torch.equal(_draw(source), _draw(source))


def test_what_cannot_be_augmented_is_refused():
    with pytest.raises(ValueError, match="use the source itself"):
        Augmented(Digits())
    with pytest.raises(ValueError, match="ring8 holds no images"):
        Augmented(Ring(), flip=True).load(CPU)


def test_wanted_data_say_what_they_are():
    with pytest.raises(ValueError, match="CIFAR-10 at 32 px"):
        Placeholder("CIFAR-10", 32).load(CPU)
    assert Placeholder("CIFAR-10", 32).name == "cifar-10"
