"""Pure update rules: what a step is, without learning rate, parameters or in-place writes.

A rule turns one player's gradients, weights and its own state into one update per tensor; the optimizer
subtracts it, times the learning rate. The drop-in optimizers, the probe's shadow rules and the theory all
run these same rules.
"""

from paripassu.rules.adam import Adam
from paripassu.rules.clip import Clip
from paripassu.rules.from_torch import FromTorch
from paripassu.rules.graft import Graft
from paripassu.rules.max_va import MaxVA
from paripassu.rules.normalize import Normalize
from paripassu.rules.optimistic import Optimistic
from paripassu.rules.orthogonal import Orthogonal
from paripassu.rules.pace import FixedPace
from paripassu.rules.rmsprop import RMSprop
from paripassu.rules.rule import Rule, State, TensorwiseRule
from paripassu.rules.running_normalize import RunningNormalize
from paripassu.rules.scope import Scope, Unit, norms, rescale
from paripassu.rules.sgd import SGD
from paripassu.rules.sign import Sign
from paripassu.rules.weight import Weight

__all__ = [
    "SGD", "Adam", "Clip", "FixedPace", "FromTorch", "Graft", "MaxVA", "Normalize", "Optimistic",
    "Orthogonal", "RMSprop", "Rule", "RunningNormalize", "Scope", "Sign", "State", "TensorwiseRule",
    "Unit", "Weight", "norms", "rescale",
]  # fmt: skip
