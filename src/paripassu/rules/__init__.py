"""Pure update rules: what a step is, without learning rate, parameters or in-place writes.

A rule turns one player's gradients, weights and its own state into one update per tensor; the optimizer
subtracts it, times the learning rate. The drop-in optimizers, the probe's shadow rules and the theory all
run these same rules.
"""

from paripassu.rules.adam import Adam
from paripassu.rules.graft import Graft
from paripassu.rules.normalize import Normalize
from paripassu.rules.rmsprop import RMSprop
from paripassu.rules.rule import Rule, State, TensorwiseRule
from paripassu.rules.scope import Scope, Unit, norms, rescale
from paripassu.rules.sgd import SGD

__all__ = [
    "SGD", "Adam", "Graft", "Normalize", "RMSprop", "Rule", "Scope", "State", "TensorwiseRule", "Unit",
    "norms", "rescale",
]  # fmt: skip
