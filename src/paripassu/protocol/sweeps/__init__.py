"""Studies that sweep a theory problem over its settings."""
