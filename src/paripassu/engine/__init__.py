"""Where many runs execute."""

from paripassu.engine.local import execute

__all__ = ["execute"]
