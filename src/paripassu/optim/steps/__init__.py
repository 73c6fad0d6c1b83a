"""The ways to carry out a step: the first that serves is taken."""
