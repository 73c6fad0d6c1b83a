"""Drop-in ``torch.optim`` optimizers over the rules; one instance per player."""

from paripassu.optim.graft import AdaDir, AdaNSGD, Graft
from paripassu.optim.nsgd import NSGD
from paripassu.optim.rule_optimizer import RuleOptimizer

__all__ = ["NSGD", "AdaDir", "AdaNSGD", "Graft", "RuleOptimizer"]
