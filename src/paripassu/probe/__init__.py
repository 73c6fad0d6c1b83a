"""The probe: what an optimizer did, measured on any training loop."""

from paripassu.probe.probe import Probe

__all__ = ["Probe"]
