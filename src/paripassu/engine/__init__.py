"""Where many runs execute: this machine's cores or a Ray cluster, one in a process or packed on a GPU."""

from paripassu.engine.engine import Engine
from paripassu.engine.local import LocalEngine
from paripassu.engine.pack import InRounds, PackEngine
from paripassu.engine.ray import RayEngine

__all__ = ["Engine", "InRounds", "LocalEngine", "PackEngine", "RayEngine"]
