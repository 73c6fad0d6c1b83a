"""The probe: what an optimizer did, measured on any training loop."""

from paripassu.probe.probe import ADAM, Probe
from paripassu.probe.suggest_lr import SuggestedLR, suggest_lr
from paripassu.probe.tensorboard import TensorBoardWriter

__all__ = ["ADAM", "Probe", "SuggestedLR", "TensorBoardWriter", "suggest_lr"]
