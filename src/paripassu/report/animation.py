"""A run's pictures of samples as a GIF, each with its step, beside real data."""

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from paripassu.evidence import series
from paripassu.evidence.tables import run_table
from paripassu.files import replacing
from paripassu.records.place import elsewhere

_GAP, _LINE = 12, 24  # pixels between pictures and around them, and of a line of text
_PAPER, _INK = (255, 255, 255), (27, 31, 36)
_LAST = 4  # how many times as long the last picture stands
_LEAST = 20  # milliseconds: browsers show a shorter picture longer


def write_animation(folder: Path, out: Path, *, seconds: float = 6.0) -> Path:
    """Write the GIF of the run in ``folder``; a file that is there is replaced.

    Args:
        folder: the run's, which may still be training.
        out: the file, whose name ends in ``.gif``.
        seconds: how long it plays, in (0, 60].

    Returns:
        ``out``.

    Raises:
        ValueError: the folder has fewer than two pictures of samples, its records are damaged, ``out`` is no
            GIF or the time is out of range.
    """
    if not 0 < seconds <= 60:
        raise ValueError(f"seconds must be in (0, 60], got {seconds:g}")
    if out.suffix.lower() != ".gif":
        raise ValueError(f"{out} is no GIF: name a file that ends in .gif")
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: name one that paripassu train wrote")
    shown = sorted(series.pictures(run_table(folder), folder).items())
    if len(shown) < 2:
        raise ValueError(
            elsewhere(folder, "run")
            or f"{folder} has {len(shown)} pictures of samples, and an animation needs two: name the folder "
            "of a run on images or points that measured twice"
        )
    real = series.real_picture(folder)
    frames = [_frame([("real data", real)] if real else [], f"step {step:,}", path) for step, path in shown]
    each = max(_LEAST, math.floor(1000 * seconds / (len(frames) - 1 + _LAST)))
    durations = [each] * (len(frames) - 1) + [_LAST * each]
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as partial:
        frames[0].save(partial, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return out


def _frame(beside: Sequence[tuple[str, Path]], name: str, path: Path) -> Image.Image:
    opened = [(text, _picture(file)) for text, file in (*beside, (name, path))]
    height = max(picture.height for _, picture in opened)
    width = sum(max(picture.width, _text_width(text)) + _GAP for text, picture in opened)
    frame = Image.new("RGB", (width + _GAP, height + 2 * _GAP + _LINE), _PAPER)
    draw, left = ImageDraw.Draw(frame), _GAP
    for text, picture in opened:
        draw.text((left, _GAP), text, _INK, font=_font())
        frame.paste(picture, (left, _GAP + _LINE))
        left += max(picture.width, _text_width(text)) + _GAP
    return frame


def _picture(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def _text_width(text: str) -> int:
    # Every step has the same room, so that frames are of one size.
    return math.ceil(_font().getlength(text.ljust(len("step 000,000,000"), "0")))


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(16)
