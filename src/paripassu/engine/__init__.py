"""Where many runs execute."""

from paripassu.engine.local import count_workers, execute

__all__ = ["count_workers", "execute"]
