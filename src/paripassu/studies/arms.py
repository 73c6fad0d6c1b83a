"""The arms that studies compare: Adam, its two halves, and methods without Adam's magnitude."""

from paripassu.protocol import Arm
from paripassu.rules import SGD, Adam, Graft, Normalize

_ADAM = Adam(betas=(0.5, 0.999))

ADAM = Arm("adam", "A", _ADAM)
ADAM_MAGNITUDE = Arm(
    "adam magnitude", "‖A‖ g / ‖g‖ per layer (Ada-nSGDA)", Graft(magnitude=_ADAM, direction=SGD())
)
ADAM_DIRECTION = Arm(
    "adam direction", "‖g‖ A / ‖A‖ per layer (AdaDir)", Graft(magnitude=SGD(), direction=_ADAM)
)
NSGDA_LAYER = Arm("nsgda layer", "g / ‖g‖ per layer", Normalize(SGD(), "layer"))
NSGDA_GLOBAL = Arm("nsgda global", "g / ‖g‖ per player", Normalize(SGD(), "global"))
SGDA = Arm("sgda", "g", SGD())
