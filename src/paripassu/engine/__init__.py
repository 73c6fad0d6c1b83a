"""Where many runs execute: this machine's cores, or a Ray cluster."""

from paripassu.engine.engine import Engine
from paripassu.engine.local import LocalEngine
from paripassu.engine.ray import RayEngine

__all__ = ["Engine", "LocalEngine", "RayEngine"]
