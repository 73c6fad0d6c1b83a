"""What the demo says beside what its runs show: full studies, the line to paste, what to do next."""

from typing import NamedTuple

PASTE = """\
import paripassu as pp

adams_lr = 1e-3  # the rate that Adam has now
for_d = pp.NSGD(discriminator.parameters(), lr=adams_lr, momentum=0.5)
for_g = pp.NSGD(generator.parameters(), lr=adams_lr, momentum=0.5)"""

COMMANDS = """\
paripassu theory play                                      # act 1 with sliders
paripassu train --recipe digits                            # act 2, one run, with a page of its own
paripassu study run grafting --scale small --minutes 60    # the question with tuned rates"""


class Study(NamedTuple):
    """What a full study says.

    Attributes:
        outcome: of its rule.
        words: what it found.
        short: the same in half a line.
        page: in ``docs/results``, without its ending.
    """

    outcome: str
    words: str
    short: str
    page: str


STUDIES = (
    Study(
        "supported",
        "C4: nSGDA recovers all modes of the framework. 32 of 32 fresh seeds, d = 10⁴, the best of 209 pairs "
        "of rates.",
        "C4 in the framework: 32 of 32 seeds",
        "theory",
    ),
    Study(
        "supported",
        "C5: SGDA does not, whatever its rates. 1 of 32 in 10,000 steps. In 60,000 steps 8 of 32, which "
        "decides nothing.",
        "C5 in the framework: 1 of 32 seeds",
        "theory",
    ),
    Study(
        "undecided",
        "C2 on a ring of 8: SGDA with momentum comes within 0.05 of Adam when both are tuned, so little is "
        "left for a half to explain. Adam's length beats its direction. 8 seeds.",
        "C2 on a ring: tuned SGDA is nearly as good as Adam",
        "grafting",
    ),
    Study(
        "supported",
        "C3 on CIFAR-10, everything at Adam's rate: nSGDA in Adam's unit ends at a distance of 3.6, Adam at "
        "3.7, SGDA at 28. 8 seeds.",
        "C3 on CIFAR-10: 3.6, Adam 3.7, SGDA 28",
        "recovery",
    ),
)
