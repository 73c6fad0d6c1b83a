"""The paper's framework: two modes, an exact reduction to a few dozen dimensions, kernels."""
