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
        "supported",
        "C2 on CIFAR-10, WGAN-GP, every arm tuned: Adam's magnitude on SGD's direction ends at a distance of "
        "225, Adam at 224, Adam's direction at SGD's length at 370. 5 seeds. On a ring it is undecided.",
        "C2 on CIFAR-10: Adam 224, its magnitude 225, its direction 370",
        "grafting",
    ),
    Study(
        "supported",
        "C3 on CIFAR-10, WGAN-GP, every arm tuned: nSGDA in Adam's unit ends at a distance of 237, Adam at "
        "224, SGDA at 323. 5 seeds. The paper's two normalisations are undecided.",
        "C3 on CIFAR-10: nSGDA in Adam's unit 237, Adam 224, SGDA 323",
        "recovery",
    ),
)
