"""The gallery's pictures are what the examples make.

``make test-browser`` makes the pictures anew, with the pages' own screenshots.
"""

from pathlib import Path

import pytest
import torch

pytest.importorskip("selenium")  # as for all that `make test-browser` runs

from examples import conditional, dcgan, graft_your_own, nsgd_in_your_loop, several_discriminators

from paripassu.metrics import mode_coverage
from paripassu.report import svg
from paripassu.train import pictures

pytestmark = pytest.mark.browser

_DOCS = Path(__file__).parents[2] / "docs"
# A picture alone has no page to style it; blue, vermillion and green of Okabe and Ito.
_STYLE = (
    "<style>text{font:12px sans-serif;fill:#57606a}.grid{stroke:#d8dee4}polyline{fill:none;stroke-width:2.5}"
)
_COLOURS = ("#0072b2", "#d55e00", "#009e73")


def _picture(name: str) -> Path:
    return _DOCS / "images" / f"gallery-{name}"


def _write_lines(name: str, series: list[svg.Line], **axes: object) -> None:
    drawn = svg.lines(series, x="step", **axes)
    own = "".join(
        f"polyline.a{n}{{stroke:{colour}}}circle.a{n},text.a{n}{{fill:{colour}}}"
        for n, colour in enumerate(_COLOURS)
    )
    head, tail = str(drawn).split(">", 1)
    paper = '<rect width="100%" height="100%" fill="#fff"/>'
    alone = f'{head} xmlns="http://www.w3.org/2000/svg">{_STYLE}{own}</style>{paper}{tail}'
    _picture(name).write_text(alone, encoding="utf-8")


def test_samples_of_the_dcgan_are_drawn():
    samples = dcgan.main()
    assert samples.isfinite().all()
    assert samples.std(dim=0).mean() > 0.1, "not one picture alone"
    pictures.grid(samples[:64], _picture("dcgan.png"))


def test_samples_by_label_are_drawn_a_column_a_digit():
    samples, labels = conditional.main()
    assert labels[:10].tolist() == [*range(10)]
    pictures.grid(samples[:100].reshape(-1, 1, 8, 8), _picture("conditional.png"))


def test_the_ring_is_drawn_with_its_modes():
    samples, ring = nsgd_in_your_loop.main(), nsgd_in_your_loop.RING
    assert mode_coverage(samples, ring.centres(), ring.std).captured == 8
    pictures.scatter(samples, torch.as_tensor(ring.centres()), _picture("nsgd-in-your-loop.png"), rings=True)


def test_the_spirals_are_drawn():
    passed = graft_your_own.main()
    short = {"RMSprop's length on momentum's direction": "their graft"}
    series = [
        svg.Line(short.get(name, name), n, [*enumerate(values)][::20])
        for n, (name, values) in enumerate(passed.items())
    ]
    assert series[2].points[-1][1] < series[0].points[-1][1]
    _write_lines("graft-your-own.svg", series, y="distance from the equilibrium", log_y=True)


def test_the_waveforms_distance_is_drawn():
    passed = several_discriminators.main()
    assert passed[-1] < passed[0] / 3
    line = svg.Line("generator", 0, [*enumerate(passed)])
    _write_lines("several-discriminators.svg", [line], y="distance from the waveforms")
