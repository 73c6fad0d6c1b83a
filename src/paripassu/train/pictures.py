"""Pictures of samples: a grid of images, or points over the centres of a mixture."""

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from paripassu.data import to_bytes
from paripassu.files import replacing

_SIZE = 320  # pixels along a side of a scatter
_TILE = 32  # pixels along a side of an image in a grid, at least
_GUTTER = 2  # pixels between images
_GREY = 128  # of the gutters: neither the paper of a light page nor that of a dark one
_MARGIN = 1.25  # how far a scatter looks beyond the outermost centre
_INK, _PAPER, _CENTRE = (0, 90, 160), (255, 255, 255), (213, 94, 0)  # Okabe & Ito's blue and vermillion


def grid(images: Tensor, path: Path, columns: int | None = None) -> None:
    """Write ``[N, C, H, W]`` images in [-1, 1] as a grid with gutters, which is square without ``columns``.

    Small images are enlarged by a whole number, without smoothing.
    """
    scale = max(1, math.ceil(_TILE / images.shape[-1]))
    enlarged = to_bytes(images).repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    tiles = enlarged.permute(0, 2, 3, 1).cpu().numpy()
    count, height, width, channels = tiles.shape
    side = math.ceil(math.sqrt(count))
    columns, rows = (columns, math.ceil(count / columns)) if columns else (side, side)
    down, right = height + _GUTTER, width + _GUTTER
    sheet = np.full((rows * down + _GUTTER, columns * right + _GUTTER, channels), _GREY, np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        top, left = _GUTTER + row * down, _GUTTER + column * right
        sheet[top : top + height, left : left + width] = tile
    _save(Image.fromarray(sheet[:, :, 0] if channels == 1 else sheet), path)


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
