"""The parameter shapes of three generators at full size, on which the benchmarks run.

After pytorch/examples (DCGAN), mimicry (SNGAN) and the published settings of StyleGAN2 at 256 pixels with
half the feature maps.
"""

from itertools import pairwise

Shape = tuple[int, ...]


def dcgan_64() -> list[Shape]:
    """3.6 M parameters: five 4x4 transposed convolutions, batch norm between them."""
    channels = [100, 512, 256, 128, 64, 3]
    shapes: list[Shape] = []
    for before, after in pairwise(channels):
        shapes.append((before, after, 4, 4))
        if after != 3:
            shapes += [(after,), (after,)]
    return shapes


def sngan_32() -> list[Shape]:
    """4.3 M parameters: a linear layer, three residual blocks of 256 channels, a convolution."""
    block: list[Shape] = [
        (256, 256, 3, 3), (256,), (256, 256, 3, 3), (256,), (256, 256, 1, 1), (256,), *[(256,)] * 4,
    ]  # fmt: skip
    return [(4096, 128), (4096,), *block * 3, (256,), (256,), (3, 256, 3, 3), (3,)]


def stylegan2_256() -> list[Shape]:
    """24.8 M parameters in 110 tensors: a mapping of 8 layers, modulated convolutions."""
    shapes: list[Shape] = [(512, 512), (512,)] * 8
    shapes.append((512, 4, 4))
    before = 512
    for resolution in (4, 8, 16, 32, 64, 128, 256):
        after = min(16384 // resolution, 512)
        if resolution > 4:
            shapes += _modulated(before, after)
        shapes += _modulated(after, after)
        shapes += [(3, after, 1, 1), (3,), (after, 512), (after,)]  # to RGB
        before = after
    return shapes


def _modulated(before: int, after: int) -> list[Shape]:
    # Weight, bias, strength of the noise, and the affine map from the latent to the styles.
    return [(after, before, 3, 3), (after,), (), (before, 512), (before,)]


GENERATORS = {"DCGAN-64": dcgan_64, "SNGAN-32": sngan_32, "StyleGAN2-256": stylegan2_256}
