"""Train the gallery's examples at their full length, and draw the pictures of docs/gallery.md anew.

    python -m tools.gallery

``make gallery`` takes minutes, so it is no part of what every change runs. `tests/test_examples.py` runs
every example for a few steps.
"""

import sys
from pathlib import Path

import torch
from examples import conditional, dcgan, graft_your_own, nsgd_in_your_loop, several_discriminators

from paripassu.metrics import mode_coverage
from paripassu.report import svg
from paripassu.train import pictures

_IMAGES = Path(__file__).parents[1] / "docs" / "images"
# A picture alone has no page to style it; blue, vermillion and green of Okabe and Ito.
_STYLE = (
    "<style>text{font:12px sans-serif;fill:#57606a}.grid{stroke:#d8dee4}polyline{fill:none;stroke-width:2.5}"
)
_COLOURS = ("#0072b2", "#d55e00", "#009e73")


def draw_dcgan() -> bool:
    """64 samples; whether they are more than one picture."""
    samples = dcgan.main()
    pictures.grid(samples[:64], _picture("dcgan.png"))
    return bool(samples.isfinite().all()) and float(samples.std(dim=0).mean()) > 0.1


def draw_conditional() -> bool:
    """100 samples; whether each column is of one digit."""
    samples, labels = conditional.main()
    pictures.grid(samples[:100].reshape(-1, 1, 8, 8), _picture("conditional.png"))
    return labels[:10].tolist() == [*range(10)]


def draw_ring() -> bool:
    """Samples on the ring; whether they are near all eight modes."""
    samples, ring = nsgd_in_your_loop.main(), nsgd_in_your_loop.RING
    pictures.scatter(samples, torch.as_tensor(ring.centres()), _picture("nsgd-in-your-loop.png"), rings=True)
    return mode_coverage(samples, ring.centres(), ring.std).captured == 8


def draw_spirals() -> bool:
    """Three spirals; whether the graft's is shorter than that of its direction."""
    passed = graft_your_own.main()
    short = {"RMSprop's length on momentum's direction": "their graft"}
    series = [
        svg.Line(short.get(name, name), n, [*enumerate(values)][::20])
        for n, (name, values) in enumerate(passed.items())
    ]
    _write_lines("graft-your-own.svg", series, y="distance from the equilibrium", log_y=True)
    return series[2].points[-1][1] < series[0].points[-1][1]


def draw_waveforms() -> bool:
    """The distance from waveforms; whether two thirds of it are gone."""
    passed = several_discriminators.main()
    line = svg.Line("generator", 0, [*enumerate(passed)])
    _write_lines("several-discriminators.svg", [line], y="distance from the waveforms")
    return passed[-1] < passed[0] / 3


def _picture(name: str) -> Path:
    return _IMAGES / f"gallery-{name}"


def _write_lines(name: str, series: list[svg.Line], *, y: str, log_y: bool = False) -> None:
    drawn = svg.lines(series, x="step", y=y, log_y=log_y)
    own = "".join(
        f"polyline.a{n}{{stroke:{colour}}}circle.a{n},text.a{n}{{fill:{colour}}}"
        for n, colour in enumerate(_COLOURS)
    )
    head, tail = str(drawn).split(">", 1)
    paper = '<rect width="100%" height="100%" fill="#fff"/>'
    alone = f'{head} xmlns="http://www.w3.org/2000/svg">{_STYLE}{own}</style>{paper}{tail}'
    _picture(name).write_text(alone, encoding="utf-8")


def main() -> int:
    """Draw them all; 1 if a picture does not show what the gallery says of it."""
    failed = 0
    for draw in (draw_dcgan, draw_conditional, draw_ring, draw_spirals, draw_waveforms):
        shows = draw()
        print(f"{draw.__name__}: {'drawn' if shows else 'drawn, and it does not show ' + str(draw.__doc__)}")
        failed += not shows
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
