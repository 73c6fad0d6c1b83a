"""Synthetic spectra are mixtures of the materials, and smooth."""

import pytest
import torch

from paripassu.data import Spectra

CPU = torch.device("cpu")


def _rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_pixels_are_mixtures_of_the_materials():
    source = Spectra(size=5)
    samples = source.load(CPU)
    mixed = (samples.draw(8, _rng()) + 1) / 2
    shares = samples.abundances(8, _rng())
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(8, 5, 5))
    expected = torch.einsum("nkhw,kb->nbhw", shares, source.endmembers())
    torch.testing.assert_close(mixed, expected)
    # Four materials whose shares sum to 1 span three dimensions.
    pixels = mixed.movedim(1, -1).reshape(-1, 31).double()
    values = torch.linalg.svdvals(pixels - pixels.mean(dim=0))
    assert values[2] > 1
    assert values[3] < 1e-5


def test_every_material_has_one_bump():
    spectra = Spectra(bands=101, materials=4).endmembers()
    assert spectra.argmax(dim=1).tolist() == pytest.approx([12.5, 37.5, 62.5, 87.5], abs=1)
    for spectrum in spectra:
        top = int(spectrum.argmax())
        assert (spectrum[: top + 1].diff() >= 0).all()
        assert (spectrum[top:].diff() <= 0).all()
    assert spectra.min() >= 0.1
    assert spectra.max() <= 0.9


def test_neighbours_agree_when_smooth_and_not_without():
    def agreement(smooth):
        images = Spectra(size=8, smooth=smooth).load(CPU).draw(400, _rng())[:, 3]
        pair = torch.stack([images[:, 3, 3], images[:, 3, 4]])
        return torch.corrcoef(pair)[0, 1]

    assert agreement(2.0) > 0.8
    assert abs(agreement(0.0)) < 0.2


@pytest.mark.parametrize(
    "settings",
    [
        {"bands": 0},
        {"materials": 1},
        {"size": 0},
        {"smooth": -1.0},
        {"contrast": 0.0},
        {"contrast": float("nan")},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must be"):
        Spectra(**settings)
