"""Sources that need no download."""

import pytest
import torch

from paripassu.data import Augmented, Digits, Grid, ImageSet, Ring, Spectra, StackedDigits, to_bytes, to_unit

CPU = torch.device("cpu")


def _rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    "source", [Digits(), StackedDigits(), Ring(), Grid(), Spectra()], ids=lambda s: s.name
)
def test_what_is_drawn_depends_on_the_generator_alone(source):
    samples = source.load(CPU)
    drawn = samples.draw(16, _rng())
    assert drawn.shape == (16, *samples.shape)
    assert drawn.dtype == torch.float32
    torch.manual_seed(5)
    assert torch.equal(drawn, source.load(CPU).draw(16, _rng()))
    assert not torch.equal(drawn, samples.draw(16, _rng(1)))


def test_digits_are_all_there_and_span_the_unit_range():
    digits = Digits().load(CPU)
    assert len(digits) == 1797
    assert digits.shape == (1, 8, 8)
    assert to_unit(digits.pixels).min() == -1
    assert to_unit(digits.pixels).max() == 1
    assert len(digits.pixels.unique()) == 17


def test_stacked_channels_are_digits_drawn_apart():
    stacked, digits = StackedDigits().load(CPU), Digits().load(CPU)
    drawn = stacked.draw(50, _rng())
    real = {tuple(image.flatten().tolist()) for image in to_unit(digits.pixels)}
    channels = [tuple(channel.flatten().tolist()) for image in drawn for channel in image]
    assert set(channels) <= real
    assert len(set(channels)) > 100


def test_equal_images_have_equal_digests():
    pixels = torch.randint(0, 256, (300, 3, 4, 4), dtype=torch.uint8)
    other = pixels.clone()
    other[299, 2, 3, 3] ^= 1
    expected = ImageSet(pixels).digest
    assert ImageSet(pixels.clone()).digest == expected
    assert ImageSet.on(CPU, pixels, known="abc").digest == "abc"
    assert expected not in {ImageSet(p).digest for p in (other, pixels[:299], pixels.view(300, 3, 2, 8))}


def test_samples_tell_the_images_they_are_made_of():
    digits = Digits().load(CPU)
    for made in (digits, StackedDigits().load(CPU), Augmented(Digits(), flip=True).load(CPU)):
        assert made.images.digest == digits.digest
    assert Ring().load(CPU).images is None


def test_bytes_survive_the_round_trip():
    pixels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_bytes(to_unit(pixels)), pixels)


@pytest.mark.parametrize("source", [Ring(), Grid()], ids=lambda s: s.name)
def test_mixtures_have_their_modes_and_spread(source):
    mixture = source.load(CPU)
    points = mixture.draw(50_000, _rng())
    offsets = points[:, None] - mixture.centres
    nearest = offsets.norm(dim=2).argmin(dim=1)
    counts = torch.bincount(nearest, minlength=len(mixture.centres)).double() / len(points)
    assert (counts * len(mixture.centres) - 1).abs().max() < 0.1
    residuals = offsets[torch.arange(len(points)), nearest]
    assert residuals.std().item() == pytest.approx(mixture.std, rel=0.02)


def test_ring_and_grid_lie_where_their_protocols_say():
    assert Ring().centres().norm(dim=1).tolist() == pytest.approx([2.0] * 8)
    assert sorted(set(Grid().centres().flatten().tolist())) == [-4, -2, 0, 2, 4]
    assert len(Grid().centres()) == 25


@pytest.mark.parametrize(
    "make",
    [
        lambda: Ring(modes=0),
        lambda: Ring(modes=2.5),
        lambda: Ring(std=0.0),
        lambda: Grid(spacing=float("nan")),
        lambda: Grid(side=0),
        lambda: Grid(side=2.5),
    ],
)
def test_impossible_mixtures_are_refused(make):
    with pytest.raises(ValueError, match="must be"):
        make()
