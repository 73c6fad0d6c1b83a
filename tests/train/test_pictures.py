"""Pictures show each image as it is, apart from the others."""

import numpy as np
import pytest
import torch
from PIL import Image

from paripassu.train.pictures import grid


@pytest.mark.parametrize(
    ("shape", "scale", "side"), [((25, 1, 8, 8), 4, 5), ((3, 3, 20, 20), 2, 2), ((1, 3, 64, 64), 1, 1)]
)
def test_a_grid_has_every_image_enlarged_by_a_whole_number(tmp_path, shape, scale, side):
    count, channels, _, size = shape
    levels = np.random.default_rng(0).integers(0, 256, shape)
    grid(torch.from_numpy(levels / 127.5 - 1.0), tmp_path / "grid.png")
    sheet = np.asarray(Image.open(tmp_path / "grid.png")).reshape(2 + side * (size * scale + 2), -1, channels)
    assert sheet.shape[0] == sheet.shape[1]
    pitch, unseen = size * scale + 2, np.ones(sheet.shape[:2], bool)
    for number in range(count):
        rows, columns = (slice(2 + n * pitch, (n + 1) * pitch) for n in divmod(number, side))
        for down in range(scale):
            for right in range(scale):
                pixels = sheet[rows, columns][down::scale, right::scale]
                assert np.array_equal(pixels.transpose(2, 0, 1), levels[number])
        unseen[rows, columns] = False
    assert (sheet[unseen] == 128).all()
