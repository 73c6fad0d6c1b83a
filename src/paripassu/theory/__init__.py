"""Learning dynamics in float64: any rule on any problem, and mode collapse at any dimension.

`play` plays any rule on any `Problem`, many runs at once. `simulate` is the fast exact path for one problem,
the synthetic `Framework`, in which mode collapse appears and vanishes in seconds.
"""

from paripassu.extras import laboratory

with laboratory("paripassu.theory"):
    from paripassu.theory.adam import adam_bound
    from paripassu.theory.collapse.framework import Framework
    from paripassu.theory.collapse.problem import CollapseGame
    from paripassu.theory.collapse.simulate import Result, simulate
    from paripassu.theory.frequencies import Frequencies, SignPhases, dct, sign_phases
    from paripassu.theory.kernel_game import KernelGame
    from paripassu.theory.kernel_game_linear import (
        critical_width,
        jacobian,
        narrowest_width,
        spectral_radius,
    )
    from paripassu.theory.kernel_game_phases import (
        PhaseDiagram,
        cycle_radius,
        phase_diagram,
        played_phases,
        predicted_phases,
    )
    from paripassu.theory.patches import Patches
    from paripassu.theory.play import constant, inverse, inverse_sqrt, play
    from paripassu.theory.problem import Problem
    from paripassu.theory.quadratics import (
        NoisyQuadratic,
        Normal,
        TwoPoint,
        average_variance,
        no_limit_statistic,
        stationary_moments,
    )
    from paripassu.theory.recording import Trajectories, log_steps
    from paripassu.theory.scale_invariance import (
        Rayleigh,
        angular_step,
        angular_steps,
        decay_steps,
        equilibrium_norm,
        exploding_rate,
        normalized_equilibrium_norm,
    )
    from paripassu.theory.toy import Bilinear, DiracGAN, bilinear, dirac_gan

__all__ = [
    "Bilinear",
    "CollapseGame",
    "DiracGAN",
    "Framework",
    "Frequencies",
    "KernelGame",
    "NoisyQuadratic",
    "Normal",
    "Patches",
    "PhaseDiagram",
    "Problem",
    "Rayleigh",
    "Result",
    "SignPhases",
    "Trajectories",
    "TwoPoint",
    "adam_bound",
    "angular_step",
    "angular_steps",
    "average_variance",
    "bilinear",
    "constant",
    "critical_width",
    "cycle_radius",
    "dct",
    "decay_steps",
    "dirac_gan",
    "equilibrium_norm",
    "exploding_rate",
    "inverse",
    "inverse_sqrt",
    "jacobian",
    "log_steps",
    "narrowest_width",
    "no_limit_statistic",
    "normalized_equilibrium_norm",
    "phase_diagram",
    "play",
    "played_phases",
    "predicted_phases",
    "sign_phases",
    "simulate",
    "spectral_radius",
    "stationary_moments",
]
