"""Slow float64 twins of StyleGAN2's convolutions, from their definitions."""

import torch
from torch.nn.functional import conv2d


def modulated_by_samples(x, weight, style, *, demodulate):
    """Karras et al. 2020, arXiv:1912.04958, Eqs. 1 and 3: each sample with weights of its own."""
    images = []
    for image, scales in zip(x, style, strict=True):
        own = weight * scales[None, :, None, None]
        if demodulate:
            own = own / (own.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
        images.append(conv2d(image[None], own, padding=weight.shape[-1] // 2))
    return torch.cat(images)


def stuffed(x):
    """Zeros between the pixels, and behind the last ones."""
    batch, channels, height, width = x.shape
    y = x.new_zeros(batch, channels, 2 * height, 2 * width)
    y[:, :, ::2, ::2] = x
    return y


def low_passed(x, before, after):
    """[1, 3, 3, 1] / 8 along both axes, with zeros ``before`` and ``after`` the image."""
    padded = torch.nn.functional.pad(x, (before, after, before, after))
    taps = (0.125, 0.375, 0.375, 0.125)
    size = padded.shape[-1] - 3
    return sum(
        a * b * padded[:, :, i : i + size, j : j + size]
        for i, a in enumerate(taps)
        for j, b in enumerate(taps)
    )
