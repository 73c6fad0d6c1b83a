"""Studies that sweep a theory problem over its settings, in chunks of many runs."""

from paripassu.protocol.sweeps.design import SweepDesign, SweepVerdict
from paripassu.protocol.sweeps.phase import PhaseSweep
from paripassu.protocol.sweeps.run import RunSweep
from paripassu.protocol.sweeps.scaling import ScalingSweep
from paripassu.protocol.sweeps.sweep import METHODS, Sweep, Tables
from paripassu.protocol.sweeps.vary import VarySweep

__all__ = [
    "METHODS",
    "PhaseSweep",
    "RunSweep",
    "ScalingSweep",
    "Sweep",
    "SweepDesign",
    "SweepVerdict",
    "Tables",
    "VarySweep",
]
