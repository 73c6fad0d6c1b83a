"""The version of what runs and studies write."""

# 2: one study for games and sweeps, with findings. Folders of version 1 are refused.
SCHEMA = 2
"""The version of all files that a run or study writes."""
