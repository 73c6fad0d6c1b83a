"""Pure update rules: what a step is, without learning rate, parameters or in-place writes.

A rule turns one player's gradients and its own state into one update per tensor; the optimizer
subtracts it, times the learning rate. Everything else in the package that needs an update, from
the drop-in optimizers to the probe's shadow Adam, runs one of these.
"""

from paripassu.rules.adam import Adam
from paripassu.rules.graft import Graft
from paripassu.rules.normalize import Normalize
from paripassu.rules.rmsprop import RMSprop
from paripassu.rules.rule import Rule, State
from paripassu.rules.scope import Scope
from paripassu.rules.sgd import SGD

__all__ = ["SGD", "Adam", "Graft", "Normalize", "RMSprop", "Rule", "Scope", "State"]
