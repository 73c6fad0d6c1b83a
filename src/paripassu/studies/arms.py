"""The arms that studies compare: Adam, its two halves, and methods without Adam's magnitude.

Arms are in two families, so that no arm has momentum that another lacks. In the family *plain* nothing has
momentum, and Adam has the betas of WGAN-GP. In the family *heavy* Adam has the betas of DCGAN, and every
other update has its momentum. nSGDA normalises the buffer.
"""

from paripassu.protocol import Arm
from paripassu.rules import SGD, Adam, Graft, Normalize, Rule

PLAIN = "plain"
HEAVY = "heavy"

_BASES: dict[str, tuple[Rule, Rule]] = {
    PLAIN: (Adam(betas=(0.0, 0.9)), SGD()),
    HEAVY: (Adam(betas=(0.5, 0.999)), SGD(momentum=0.5)),
}
"""By family: Adam, and SGD with the same momentum."""

ADAM = "adam"
ADAM_MAGNITUDE = "adam magnitude"
ADAM_MAGNITUDE_GLOBAL = "adam magnitude global"
ADAM_DIRECTION = "adam direction"
NSGDA_LAYER = "nsgda layer"
NSGDA_GLOBAL = "nsgda global"
NSGDA_RMS = "nsgda rms"
SGDA = "sgda"


def arms(*names: str) -> tuple[Arm, ...]:
    """The arms of some names, in both families.

    In descriptions A is Adam's update and g the gradient, or its momentum buffer in the family *heavy*.
    """
    made: list[Arm] = []
    for family, (adam, sgd) in _BASES.items():
        all_arms = {
            ADAM: ("A", adam),
            ADAM_MAGNITUDE: ("‖A‖ g / ‖g‖ per layer (Ada-nSGDA)", Graft(adam, sgd)),
            ADAM_MAGNITUDE_GLOBAL: ("‖A‖ g / ‖g‖ per player", Graft(adam, sgd, "global")),
            ADAM_DIRECTION: ("‖g‖ A / ‖A‖ per layer (AdaDir)", Graft(sgd, adam)),
            NSGDA_LAYER: ("g / ‖g‖ per layer", Normalize(sgd, "layer")),
            NSGDA_GLOBAL: ("g / ‖g‖ per player", Normalize(sgd, "global")),
            NSGDA_RMS: ("√n g / ‖g‖ per layer of n weights", Normalize(sgd, "layer", "rms")),
            SGDA: ("g", sgd),
        }
        made += [Arm(name, *all_arms[name], family) for name in names]
    return tuple(made)


ALL = arms(
    ADAM,
    ADAM_MAGNITUDE,
    ADAM_MAGNITUDE_GLOBAL,
    ADAM_DIRECTION,
    NSGDA_LAYER,
    NSGDA_GLOBAL,
    NSGDA_RMS,
    SGDA,
)
