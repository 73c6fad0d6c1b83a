"""Pictures without a script: whole XML, every point inside, labels apart, text escaped."""

import math
import xml.etree.ElementTree as ET

import pytest
from tests.cases.folders import HOSTILE

from paripassu.report.sparkline import sparkline
from paripassu.report.svg import Line, lines, names, plane


def _parsed(markup):
    return ET.fromstring(str(markup))


@pytest.mark.parametrize("log", [False, True])
def test_every_point_is_inside_and_labels_lie_apart(log):
    series = [Line(f"arm {n}", n, [(step, 10.0 + n / 100) for step in (0, 1, 10, 1000)]) for n in range(5)]
    drawn = _parsed(lines(series, x="steps", y="distance", log_x=log, log_y=log))
    _, _, width, height = map(float, drawn.get("viewBox").split())
    for line in drawn.iter("polyline"):
        points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
        assert len(points) == (3 if log else 4)  # zero has no logarithm
        assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
    heights = [float(text.get("y")) for text in drawn.iter("text") if text.get("class")]
    assert len(heights) == 5
    assert min(abs(a - b) for i, a in enumerate(heights) for b in heights[:i]) > 14


def test_an_axis_has_round_numbers():
    drawn = _parsed(lines([Line("a", 0, [(0, 0.0), (300, 1.0)])], x="steps", y="share"))
    texts = [text.text for text in drawn.iter("text")]
    assert texts[:6] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert texts[6:10] == ["0", "100", "200", "300"]


def test_nothing_measured_is_no_picture_and_no_error():
    assert lines([Line("a", 0, [(0, math.nan)])], x="steps", y="share") == ""
    assert (
        _parsed(lines([Line("a", 0, [(5, 2.0)])], x="steps", y="share", log_x=True, log_y=True)) is not None
    )


def test_names_in_a_picture_are_text():
    for markup in (
        lines([Line(HOSTILE, 0, [(0, 1.0)])], x=HOSTILE, y=HOSTILE),
        plane([(0, 1)], 0, HOSTILE, 0.1),
    ):
        assert "<script" not in markup
        assert "<img" not in markup
        _parsed(markup)


def test_sparklines_compare_arms_and_show_decades():
    assert sparkline([4, 3], among=[4, 1]) == "█▆"
    assert sparkline([300, 30, 3]) == "█▅▁"
    assert sparkline([5, 5, math.nan]) == "▁▁ "
    assert sparkline([]) == ""


def test_names_of_lines_are_a_list_and_no_markup():
    (item,) = _parsed(names([Line(HOSTILE, 3, [(0, 1.0)])]))
    assert (item.text, item.get("class")) == (HOSTILE, "a3")
    assert names([]) == ""
