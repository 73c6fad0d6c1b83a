"""Frequencies are those of the cosine transform, and one can be taken out exactly."""

import pytest
import torch
from scipy.fft import dctn

from paripassu.classifiers import amount, pattern, without_frequency
from paripassu.data.digits import labelled_digits

IMAGES = torch.rand(6, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
EVERY = [(down, across) for down in range(8) for across in range(8)]


def test_amounts_are_the_cosine_transform():
    expected = torch.from_numpy(dctn(IMAGES.numpy(), axes=(1, 2), norm="ortho"))
    found = torch.stack([amount(IMAGES, frequency) for frequency in EVERY], dim=1).reshape(6, 8, 8)
    assert torch.allclose(found, expected, atol=1e-13)


def test_patterns_are_orthonormal():
    patterns = torch.stack([pattern(frequency).flatten() for frequency in EVERY])
    assert torch.allclose(patterns @ patterns.mT, torch.eye(64, dtype=torch.float64), atol=1e-14)


def test_one_frequency_goes_and_the_others_stay():
    less = without_frequency(IMAGES, (2, 5))
    for frequency in EVERY:
        expected = torch.zeros(6) if frequency == (2, 5) else amount(IMAGES, frequency)
        assert torch.allclose(amount(less, frequency), expected.double(), atol=1e-13)


def test_digits_have_least_of_the_frequency_that_the_studies_take_out():
    images, labels = labelled_digits()
    sizes = {frequency: amount(images, frequency).square().mean().sqrt() for frequency in EVERY}
    assert min(sizes, key=lambda frequency: sizes[frequency]) == (7, 1)
    assert sizes[7, 1].item() == pytest.approx(0.09, abs=0.001)
    assert labels.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@pytest.mark.parametrize("wrong", [(8, 0), (0, -1)])
def test_frequencies_out_of_range_are_named(wrong):
    with pytest.raises(ValueError, match=r"two numbers in 0\.\.7"):
        pattern(wrong)
