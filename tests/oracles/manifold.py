"""Slow twins of precision, recall, density and coverage, from their definitions."""

import numpy as np


def manifold_by_loops(real, fake, neighbours):
    """Kynkäänniemi et al. 2019, Eqs. 1 and 2; Naeem et al. 2020, Eqs. 4 and 6."""

    def radii(points):
        return [sorted(np.linalg.norm(points - p, axis=1))[neighbours] for p in points]  # [0] is its own

    real_radii, fake_radii = radii(real), radii(fake)

    def inside(point, centres, reach):
        return [bool(np.linalg.norm(point - c) <= r) for c, r in zip(centres, reach, strict=True)]

    around_fakes = [inside(f, real, real_radii) for f in fake]
    around_reals = [inside(r, fake, fake_radii) for r in real]
    return {
        "precision": np.mean([any(balls) for balls in around_fakes]),
        "recall": np.mean([any(balls) for balls in around_reals]),
        "density": np.mean([sum(balls) for balls in around_fakes]) / neighbours,
        "coverage": np.mean([any(balls) for balls in zip(*around_fakes, strict=True)]),
    }
