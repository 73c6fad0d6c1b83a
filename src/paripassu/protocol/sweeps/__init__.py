"""Studies that sweep theory problems over their settings and rules, many runs at a time."""

from paripassu.protocol.sweeps.design import SweepDesign, SweepVerdict
from paripassu.protocol.sweeps.dissection import DissectionSweep, TunedCells, at_best_rate
from paripassu.protocol.sweeps.framework_cell import FrameworkCell
from paripassu.protocol.sweeps.phase import PhaseSweep
from paripassu.protocol.sweeps.played import Cell, Measure, PlayedSweep, by_condition
from paripassu.protocol.sweeps.run import RunSweep
from paripassu.protocol.sweeps.scaling import ScalingSweep
from paripassu.protocol.sweeps.seeded import SeededCell, System
from paripassu.protocol.sweeps.sweep import METHODS, Sweep, Tables
from paripassu.protocol.sweeps.vary import VarySweep

__all__ = [
    "METHODS",
    "Cell",
    "DissectionSweep",
    "FrameworkCell",
    "Measure",
    "PhaseSweep",
    "PlayedSweep",
    "RunSweep",
    "ScalingSweep",
    "SeededCell",
    "Sweep",
    "SweepDesign",
    "SweepVerdict",
    "System",
    "Tables",
    "TunedCells",
    "VarySweep",
    "at_best_rate",
    "by_condition",
]
