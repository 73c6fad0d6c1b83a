"""Images that do not fit their device: the same draws, gathered ahead or not."""

import pytest
import torch

from paripassu.data import Augmented, Digits, ImageSet
from paripassu.data.prefetch import Prefetcher, fits

CPU = torch.device("cpu")
PIXELS = torch.arange(40, dtype=torch.uint8).view(40, 1, 1, 1)


def _rng(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _draws(prefetcher: Prefetcher, rng: torch.Generator) -> list[list[int]]:
    return [prefetcher.draw(count, rng).flatten().tolist() for count in (8, 8, 16)]


EXPECTED = {
    "nothing": None,
    "all of it": (3, [8, 8, 16]),
    "a part": (3, [8]),
    "other numbers": (3, [8, 4, 16, 16]),
    "another seed": (4, [8, 8, 16]),
}


@pytest.mark.parametrize("expected", EXPECTED.values(), ids=list(EXPECTED))
def test_what_was_expected_changes_no_draw(expected):
    prefetcher = Prefetcher(PIXELS, CPU)
    if expected:
        prefetcher.expect(*expected)
    assert _draws(prefetcher, _rng()) == _draws(Prefetcher(PIXELS, CPU), _rng())


def test_draws_follow_from_the_seed_and_the_place_alone():
    prefetcher = Prefetcher(PIXELS, CPU)
    first = _draws(prefetcher, _rng())
    assert first[0] != first[1]
    assert _draws(prefetcher, _rng(4)) != first
    used = _rng()
    torch.rand(5, generator=used)  # latents drawn in between
    assert _draws(prefetcher, used) == first


def test_every_image_is_drawn_alike():
    drawn = Prefetcher(PIXELS, CPU).draw(40_000, _rng())
    counts = torch.bincount(drawn.flatten().long(), minlength=40)
    # Chi-squared with 39 degrees of freedom is below 72 in 999 of 1,000 cases.
    assert ((counts - 1000.0).square() / 1000).sum() < 72


def test_images_and_their_changes_are_drawn_through_it(monkeypatch):
    monkeypatch.setattr("paripassu.data.source.fits", lambda *_: False)
    digits = Digits().load(CPU)
    assert digits.prefetcher
    known = {tuple(image.flatten().tolist()) for image in digits.at(torch.arange(len(digits)))}
    drawn = digits.draw(50, _rng())
    assert {tuple(image.flatten().tolist()) for image in drawn} <= known
    mirrored = Augmented(Digits(), flip=True).load(CPU).draw(50, _rng())
    same = (mirrored == drawn).flatten(1).all(dim=1)
    assert torch.equal(torch.where(same[:, None, None, None], mirrored, mirrored.flip(3)), drawn)
    assert 0 < same.sum() < 50


@pytest.mark.parametrize("free", [1, 100])
def test_what_fits_is_held_whatever_else_is_there(monkeypatch, free):
    """Else a run that goes on beside another would draw other batches."""
    cuda = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 100))
    assert fits(torch.zeros(50, dtype=torch.uint8), cuda)
    assert not fits(torch.zeros(51, dtype=torch.uint8), cuda)
    assert fits(torch.zeros(51, dtype=torch.uint8), CPU)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_reach_the_gpu(monkeypatch):
    monkeypatch.setattr("paripassu.data.source.fits", lambda *_: False)
    images = ImageSet.on(torch.device("cuda"), PIXELS)
    images.expect(3, [8])
    assert images.pixels.device == CPU
    drawn = images.draw_bytes(8, torch.Generator("cuda").manual_seed(3))
    assert drawn.is_cuda
    assert torch.equal(drawn.cpu(), Prefetcher(PIXELS, CPU).draw(8, _rng()))
