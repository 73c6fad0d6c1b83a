"""The synthetic framework, exactly, at any dimension: mode collapse appears and vanishes in seconds."""

from paripassu.theory.collapse.framework import Framework
from paripassu.theory.collapse.simulate import Result, log_steps, simulate

__all__ = ["Framework", "Result", "log_steps", "simulate"]
