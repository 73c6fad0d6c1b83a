"""The paper's synthetic framework: exact reduction, fast simulator, and the framework as a problem."""
