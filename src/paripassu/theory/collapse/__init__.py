"""The paper's synthetic framework: its exact reduction, the fast simulator, and the framework as a problem."""
