"""Does Adam help a GAN through its magnitude or through its direction?

Claim under test: C2 of arXiv:2210.04319: the adaptive magnitude of Adam is what GAN training needs; put on
the direction of SGD it trains like Adam.

Verdict rule, per dataset, from the confirmation runs. A, M, D and S are the arms' mean values (higher is
better): adam, adam magnitude, adam direction, sgda; every interval is a bootstrap 95 % interval over seeds.

1. Unless A - S is above zero with its whole interval, there is nothing to explain: *undecided*.
2. *Supported* if M - D is above zero with its whole interval, and the share (M - S) / (A - S) of Adam's
   advantage that its magnitude alone recovers is above one half with its whole interval.
3. *Contradicted* if M - D is below zero with its whole interval, or the whole interval of that share is
   below one half.
4. Otherwise *undecided*.

The grids' centres were moved once, after a pilot on the tuning seeds alone in which some arms were best at
the edge of theirs.
"""

from collections.abc import Mapping, Sequence

from paripassu.data import Digits, Ring
from paripassu.games import WganGP, wasserstein
from paripassu.models import DCGAN, MLP
from paripassu.records import Verdict
from paripassu.report.statistics import bootstrap_interval
from paripassu.rules import SGD, Adam, Graft, Normalize, Rule
from paripassu.studies.protocol import Arm, Dataset, Scale, Study
from paripassu.train import Player, Run

_ADAM = Adam(betas=(0.5, 0.999))

ARMS = (
    Arm("adam", "A", _ADAM),
    Arm("adam magnitude", "‖A‖ g / ‖g‖ per layer (Ada-nSGDA)", Graft(magnitude=_ADAM, direction=SGD())),
    Arm("adam direction", "‖g‖ A / ‖A‖ per layer (AdaDir)", Graft(magnitude=SGD(), direction=_ADAM)),
    Arm("nsgda layer", "g / ‖g‖ per layer", Normalize(SGD(), "layer")),
    Arm("nsgda global", "g / ‖g‖ per player", Normalize(SGD(), "global")),
    Arm("sgda", "g", SGD()),
)


def _ring(rule: Rule, lr: float, steps: int, seed: int) -> Run:
    player = Player(rule, lr)
    return Run(
        Ring(),
        MLP(latent=2, width=128, depth=3),
        generator=player,
        discriminator=player,
        batch=256,
        steps=steps,
        seed=seed,
        eval_every=max(1, steps // 6),
        checkpoint_every=max(1, steps // 3),
        probe_every=max(1, steps // 60),
    )


def _digits(rule: Rule, lr: float, steps: int, seed: int) -> Run:
    player = Player(rule, lr)
    return Run(
        Digits(),
        DCGAN(latent=32, width=16, norm="none"),
        generator=player,
        discriminator=player,
        loss=wasserstein,
        penalty=WganGP(),
        batch=64,
        steps=steps,
        seed=seed,
        log_every=25,
        eval_every=max(1, steps // 6),
        checkpoint_every=max(1, steps // 3),
        probe_every=max(1, steps // 60),
    )


DATASETS = (
    Dataset(
        name="ring8",
        setting="ring of 8 Gaussians (radius 2, std 0.02), MLP 3 x 128, non-saturating loss, batch 256",
        run=_ring,
        metric="mode-overlap@2500",
        better="higher",
        centres={
            "adam": 3.2e-4,
            "adam magnitude": 3.2e-4,
            "adam direction": 1e-2,
            "nsgda layer": 1e-2,
            "nsgda global": 3e-2,
            "sgda": 3e-2,
        },
        chosen={
            "adam": 1e-4,
            "adam magnitude": 1e-4,
            "adam direction": 3.2e-2,
            "nsgda layer": 1e-2,
            "nsgda global": 3e-2,
            "sgda": 3e-2,
        },
    ),
    Dataset(
        name="digits",
        setting="scikit-learn's digits, DCGAN 8 px of width 16 without norm, WGAN-GP (weight 10), batch 64",
        run=_digits,
        metric="fd-digits@2500",
        better="lower",
        centres={
            "adam": 3.2e-3,
            "adam magnitude": 3.2e-3,
            "adam direction": 3e-2,
            "nsgda layer": 3e-2,
            "nsgda global": 1e-1,
            "sgda": 3e-2,
        },
        chosen={
            "adam": 1e-2,
            "adam magnitude": 3.2e-2,
            "adam direction": 3e-2,
            "nsgda layer": 9.5e-2,
            "nsgda global": 3.2e-1,
            "sgda": 3e-2,
        },
    ),
)

SCALES = {
    "smoke": Scale(
        rates=3,
        tuning_seeds=1,
        confirmation_seeds=2,
        steps={"ring8": 20, "digits": 6},
        cut=("Every run is a few steps long: this scale shows that the study works, and nothing else.",),
    ),
    "demo": Scale(
        rates=1,
        tuning_seeds=0,
        confirmation_seeds=2,
        steps={"ring8": 2000, "digits": 500},
        cut=(
            "Learning rates are not tuned: each arm uses the one that scale small chose on its tuning seeds.",
            "2 seeds instead of 8, and half to two thirds of the updates of scale small.",
            "Intervals from 2 seeds cover less than they say: the result is that of scale small.",
        ),
    ),
    "small": Scale(rates=5, tuning_seeds=2, confirmation_seeds=8, steps={"ring8": 3000, "digits": 1000}),
}


def verdict(values: Mapping[str, Sequence[float]]) -> Verdict:
    """The rule in this module's docstring; ``values`` are higher for the better."""
    adam, magnitude, direction, sgda = (
        values[arm] for arm in ("adam", "adam magnitude", "adam direction", "sgda")
    )
    gain = bootstrap_interval(lambda a, s: a - s, adam, sgda)
    if gain.low <= 0:
        return Verdict("undecided", f"Adam's advantage over SGDA is {gain}: there is none to explain.")
    lead = bootstrap_interval(lambda m, d: m - d, magnitude, direction)
    share = bootstrap_interval(lambda m, s, a: (m - s) / (a - s), magnitude, sgda, adam)
    reason = (
        f"Adam's magnitude beats its direction by {lead} and recovers {share} of Adam's advantage over SGDA, "
        f"which is {gain}."
    )
    if lead.low > 0 and share.low > 0.5:
        return Verdict("supported", reason)
    if lead.high < 0 or share.high < 0.5:
        return Verdict("contradicted", reason)
    return Verdict("undecided", reason)


STUDY = Study(
    name="grafting",
    question="Does Adam help a GAN through its magnitude or through its direction?",
    claim="C2: the adaptive magnitude of Adam is what GAN training needs (arXiv:2210.04319).",
    rule=(__doc__ or "").partition("Verdict rule")[2],
    arms=ARMS,
    datasets=DATASETS,
    scales=SCALES,
    verdict=verdict,
)
