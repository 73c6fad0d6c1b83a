"""What records say: tables, measures, intervals, differences. No torch."""

from paripassu.extras import laboratory

with laboratory("paripassu.load"):
    from paripassu.evidence.loaded import load

__all__ = ["load"]
