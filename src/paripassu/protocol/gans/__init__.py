"""Studies that compare arms on games."""
