"""Pictures of samples: a grid of images, or points over the centres of a mixture."""

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from paripassu.data import to_bytes
from paripassu.files import replacing

_SIZE = 320  # pixels along a side that a picture has at least
_MARGIN = 1.25  # how far a scatter looks beyond the outermost centre
_INK, _PAPER, _CENTRE = (0, 90, 160), (255, 255, 255), (213, 94, 0)  # Okabe & Ito's blue and vermillion


def grid(images: Tensor, path: Path) -> None:
    """Write ``[N, C, H, W]`` images in [-1, 1] as a square grid, enlarged without smoothing."""
    pixels = to_bytes(images).permute(0, 2, 3, 1).cpu().numpy()
    side = math.ceil(math.sqrt(len(pixels)))
    blank = np.zeros((side * side - len(pixels), *pixels.shape[1:]), np.uint8)
    tiles = np.concatenate([pixels, blank])
    _, height, width, channels = tiles.shape
    rows = tiles.reshape(side, side, height, width, channels).swapaxes(1, 2)
    sheet = rows.reshape(side * height, side * width, channels)
    picture = Image.fromarray(sheet[:, :, 0] if channels == 1 else sheet)
    scale = max(1, math.ceil(_SIZE / picture.width))
    _save(picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST), path)


def scatter(points: Tensor, centres: Tensor, path: Path, *, rings: bool) -> None:
    """Write ``[N, 2]`` points as dots over the ``[K, 2]`` centres, which are circles or dots themselves."""
    reach = _MARGIN * max(float(centres.abs().max()), 1e-6)
    picture = Image.new("RGB", (_SIZE, _SIZE), _PAPER)
    draw = ImageDraw.Draw(picture)
    for x, y in _pixels(centres, reach):
        size = 7 if rings else 1
        draw.ellipse((x - size, y - size, x + size, y + size), outline=_CENTRE)
    for x, y in _pixels(points, reach):
        draw.rectangle((x, y, x + 1, y + 1), fill=_INK)
    _save(picture, path)


def _pixels(points: Tensor, reach: float) -> list[tuple[float, float]]:
    # Points beyond the edge are drawn on it: a generator that runs away should not look empty.
    unit = (points / reach).clamp(-1, 1).cpu().numpy()
    return [((x + 1) / 2 * (_SIZE - 2), (1 - y) / 2 * (_SIZE - 2)) for x, y in unit.tolist()]


def _save(picture: Image.Image, path: Path) -> None:
    memory = io.BytesIO()
    picture.save(memory, "PNG")
    with replacing(path) as partial:
        partial.write_bytes(memory.getvalue())
