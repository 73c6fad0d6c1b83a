"""Small pictures as SVG in a page, without a script: lines over steps, and points in the plane of two modes.

Colours come from the page's style: series ``n`` has the class ``an``.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 760, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 230, 12, 34
_LABEL = 15  # pixels between two labels at the ends of lines
_POINTS = 220  # pixels along a side of a plane


class Line(NamedTuple):
    """A line of a picture.

    Attributes:
        name: written at its end.
        number: of its colour.
        points: x and y.
    """

    name: str
    number: int
    points: Sequence[tuple[float, float]]


def lines(series: Sequence[Line], *, x: str, y: str, log_x: bool = False, log_y: bool = False) -> Markup:
    """Lines with their names at their ends.

    Args:
        series: in the order of drawing; a point that is not finite, or has no logarithm, is left out.
        x: title of the horizontal axis.
        y: title of the vertical axis, and what a screen reader says.
        log_x: whether the horizontal axis is logarithmic.
        log_y: whether the vertical axis is.
    """
    shown = [
        (line, [(a, b) for a, b in line.points if _usable(a, log=log_x) and _usable(b, log=log_y)])
        for line in series
    ]
    everything = [point for _, points in shown for point in points]
    if not everything:
        return Markup("")
    to_x, x_ticks = _axis([a for a, _ in everything], _LEFT, _WIDTH - _RIGHT, log=log_x)
    to_y, y_ticks = _axis([b for _, b in everything], _HEIGHT - _BOTTOM, _TOP, log=log_y)
    said = escape(f"{y} over {x}")
    parts = [f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{said}">']
    for value in y_ticks:
        at = to_y(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{_number(value)}</text>')
    below = f'y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle"'
    parts += [f'<text x="{to_x(value):.1f}" {below}>{_number(value)}</text>' for value in x_ticks]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 3}" text-anchor="middle">{escape(x)}</text>')
    drawn = [(line, points) for line, points in shown if points]
    ends = _apart([to_y(points[-1][1]) for _, points in drawn])
    for (line, points), end in zip(drawn, ends, strict=True):
        path = " ".join(f"{to_x(a):.1f},{to_y(b):.1f}" for a, b in points)
        parts.append(f'<polyline class="a{line.number}" points="{path}"/>')
        last_x, last_y = to_x(points[-1][0]), to_y(points[-1][1])
        parts.append(f'<circle class="a{line.number}" cx="{last_x:.1f}" cy="{last_y:.1f}" r="3.5"/>')
        beside = f'x="{_WIDTH - _RIGHT + 8}" y="{end + 4:.1f}"'
        parts.append(f'<text class="a{line.number}" {beside}>{escape(line.name)}</text>')
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 - every text in it is escaped


def names(series: Sequence[Line]) -> Markup:
    """The names of lines as a list, for a screen that has no room for them at their ends."""
    items = [f'<li class="a{line.number}">{escape(line.name)}</li>' for line in series]
    return Markup(f'<ul class="names">{"".join(items)}</ul>') if items else Markup("")  # noqa: S704 - escaped


def plane(points: Sequence[tuple[float, float]], number: int, name: str, gamma: float) -> Markup:
    """Neurons in the plane of two modes, which are stars, by their cosines with each.

    Args:
        points: cosines with mode 1 and mode 2.
        number: of the colour.
        name: what a screen reader says.
        gamma: inner product of the modes.
    """

    def at(a: float, b: float) -> tuple[float, float]:
        return (a + 1.15) / 2.4 * _POINTS, (1.25 - b) / 2.4 * _POINTS

    zero = at(0, 0)
    parts = [
        f'<svg class="plane" viewBox="0 0 {_POINTS} {_POINTS}" role="img" aria-label="{escape(name)}">',
        f'<line class="grid" x1="0" x2="{_POINTS}" y1="{zero[1]:.1f}" y2="{zero[1]:.1f}"/>',
        f'<line class="grid" y1="0" y2="{_POINTS}" x1="{zero[0]:.1f}" x2="{zero[0]:.1f}"/>',
    ]
    for label, (a, b) in (("mode 1", (1.0, gamma)), ("mode 2", (gamma, 1.0))):
        px, py = at(a, b)
        anchor = "end" if a > b else "start"
        parts.append(f'<circle class="mode" cx="{px:.1f}" cy="{py:.1f}" r="9"/>')
        shift = 12 if anchor == "start" else -12
        parts.append(f'<text x="{px + shift:.1f}" y="{py + 4:.1f}" text-anchor="{anchor}">{label}</text>')
    for a, b in points:
        if math.isfinite(a) and math.isfinite(b):
            px, py = at(a, b)
            parts.append(f'<circle class="a{number} neuron" cx="{px:.1f}" cy="{py:.1f}" r="3.5"/>')
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 - every text in it is escaped


def _usable(value: float, *, log: bool) -> bool:
    return math.isfinite(value) and (value > 0 or not log)


def _axis(
    values: Sequence[float], start: float, end: float, *, log: bool
) -> tuple[Callable[[float], float], list[float]]:
    """Where a value is in pixels, and the values to write at an axis."""
    low, high = min(values), max(values)
    scale = math.log10 if log else float
    if log:
        exponents = range(math.floor(scale(low)), math.ceil(scale(high)) + 1)
        ticks = [10.0**n for n in exponents if low <= 10.0**n <= high] or [low, high]
    else:
        low = min(0.0, low)
        ticks = _round_numbers(low, high)
    bottom, span = scale(low), scale(high) - scale(low) or 1.0
    return lambda value: start + (scale(value) - bottom) / span * (end - start), ticks


def _round_numbers(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten from ``low`` to ``high``, at most six."""
    span = high - low or 1.0
    power = 10.0 ** math.floor(math.log10(span / 5))
    step = next(step for n in (1, 2, 5, 10) if (step := n * power) * 5 >= span * 0.999)
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)]


def _apart(heights: Sequence[float]) -> list[float]:
    """Heights of labels, moved so that none lies over another."""
    order = sorted(range(len(heights)), key=lambda n: heights[n])
    placed = [0.0] * len(heights)
    above = -math.inf
    for n in order:
        placed[n] = above = max(heights[n], above + _LABEL)
    too_far = max(0.0, above - (_HEIGHT - _BOTTOM))
    return [height - too_far for height in placed]


def _number(value: float) -> str:
    return f"{float(f'{value:.3g}'):,.10g}"
