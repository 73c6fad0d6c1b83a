"""Problems of a few numbers that `play` must play, each with what the others do not have."""

import torch

from paripassu.theory import (
    Bilinear,
    CollapseGame,
    DiracGAN,
    Framework,
    Frequencies,
    KernelGame,
    NoisyQuadratic,
    Patches,
    Problem,
    Rayleigh,
)


class TwoTensors(Problem):
    """One player of two tensors, a target for the whole run and noise at each step."""

    players = ("weights",)
    steps_per_draw = 8

    def start(self, rng):
        return {"weights": [rng.standard_normal((2, 3)), rng.standard_normal(2)]}

    def run_data(self, rng):
        return {"target": rng.standard_normal(2)}

    def step_data(self, rng, steps):
        return {"x": rng.standard_normal((steps, 3))}

    def losses(self, weights, data):
        matrix, bias = weights["weights"]
        return {"weights": (torch.tanh(matrix @ data["x"]) + bias - data["target"]).square().sum()}


PROBLEMS = {
    "bilinear": Bilinear(n=3),
    "Dirac-GAN": DiracGAN(),
    "noisy quadratic": NoisyQuadratic(d=2, batch=2, initial=1.0),
    "frequencies": Frequencies(),
    "frequencies, samples": Frequencies(samples=5),
    "patches": Patches(n=4, d=9, s=2, m=3, sigma_0=1.0, decay=0.1, supports="disjoint", tests=2),
    "patches, linear, batches": Patches(n=6, d=9, s=4, m=2, q=1, batch=4, tests=2),
    "kernel game": KernelGame(
        points=((0.0, 0.0), (9.0, 0.0)), masses=(0.7, 0.3), generated=(0.4, 0.3, 0.3), offset=0.5, degree=6
    ),
    "Rayleigh": Rayleigh((0.0, 0.5, 1.0), norm=2.0, scale=3.0, noise=0.4),
    "two tensors": TwoTensors(),
    "framework": CollapseGame(Framework(d=12, n_discriminator=3, n_generator=2)),
    "framework, a and b too": CollapseGame(
        Framework(d=12, n_discriminator=3, n_generator=2, law="coefficients"), trainable=True
    ),
}


def first_of(problem, seed=0):
    """First weights of one run, and the data of its first step, as `losses` gets them."""
    weights, data = problem.starts([seed])
    data |= {name: values[:, 0] for name, values in problem.draws([seed], 0).items()}
    return (
        {player: tuple(tensor[0] for tensor in own) for player, own in weights.items()},
        {name: values[0] for name, values in data.items()},
    )
