"""The probe: what an optimizer did, measured in any training loop, and learning rates from its records.

By default a probe also computes the step that Adam would have taken, with the rule in `ADAM`:

>>> ADAM["adam"]
Adam(betas=(0.0, 0.9), eps=1e-08)
"""

from paripassu.probe.probe import ADAM, Probe
from paripassu.probe.suggest_lr import SuggestedLR, suggest_lr
from paripassu.probe.summary import ConsoleWriter
from paripassu.probe.tensorboard import TensorBoardWriter

__all__ = ["ADAM", "ConsoleWriter", "Probe", "SuggestedLR", "TensorBoardWriter", "suggest_lr"]
