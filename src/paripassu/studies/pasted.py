"""What is lost if Adam is replaced by a rule without state at Adam's own rates, with nothing tuned?

Claim under test: Beyond the paper: SGDA normalised in Adam's unit does what Adam does at Adam's own learning
rates.

Every game is a published recipe, as it is but for the width of its networks. Adam has the recipe's betas. The
other arms have no momentum and no state, and take the recipe's rates unchanged. Nothing is tuned, and every
run has a seed of its own.

An arm *recovers* Adam's result if its lead over Adam in mean score, paired by seed, is above minus the
game's margin with its whole bootstrap 95 % interval. It *loses* it if the lead is below that with its whole
interval.

Verdict rule, per game.

1. *Undecided* unless Adam's lead over sgda is above the margin with its whole interval. Otherwise there is
   nothing to recover.
2. *Supported* if nsgda rms recovers Adam's result, *contradicted* if it loses it.
3. Otherwise *undecided*.

The page shows every arm. Unit-length steps at Adam's rate are far too short, which is what a person finds who
pastes the paper's rule in.

Data by path: cifar10, a folder of its binary batches.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from paripassu.data import Cifar, Digits, Source
from paripassu.games import R1, WganGP, wasserstein
from paripassu.metrics import FeatureMetric
from paripassu.models import DCGAN, SNGAN
from paripassu.protocol import CUT_ALL, Arm, Comparison, Game, Scale, Study, scale_for_a_gpu
from paripassu.recipes import RECIPES
from paripassu.records import Settings
from paripassu.rules import SGD
from paripassu.studies.arms import ADAM, HEAVY, NSGDA_GLOBAL, NSGDA_LAYER, NSGDA_RMS, PLAIN, SGDA, arms
from paripassu.studies.games import DIGITS_STEPS, IMAGE_STEPS, QUARTER, SEEN, WIDE, WIDE_STEPS, played
from paripassu.studies.grafting import judge_recovery_in_adams_unit
from paripassu.train import Player, Run

_NAMES = (ADAM, NSGDA_RMS, NSGDA_LAYER, NSGDA_GLOBAL, SGDA)


def _pasted(
    name: str,
    words: str,
    run: Run,
    family: str,
    metric: str,
    steps: Mapping[str, int],
    judged_by: FeatureMetric | None,
) -> Game:
    """A published recipe at its own rates, which every arm takes unchanged."""
    rate = Settings(run.generator.lr, run.discriminator.lr, run.decay)
    return Game(
        name=name,
        setting=f"{words}, rates {rate}",
        run=partial(played, run),
        metric=metric,
        centres=dict.fromkeys(_NAMES, rate.lr_g),
        steps=steps,
        chosen=dict.fromkeys(_NAMES, rate),
        family=family,
        margin=QUARTER,
        judged_by=judged_by,
    )


def _recipes(
    name: str,
    images: str,
    data: Source,
    metric: str,
    steps: Mapping[str, int],
    judged_by: FeatureMetric | None = None,
    width: int = 16,
) -> list[Game]:
    """Published recipes on some images, with a narrow DCGAN.

    DCGAN with batch norm and constant rates (PyTorch's example), WGAN-GP with rates that fall to zero, and
    the non-saturating loss with R1.
    """
    adam = Player(SGD(), 2e-4)
    usual = Run(data, DCGAN(latent=64, width=width), adam, adam, batch=64, log_every=25)
    bare = replace(usual, model=DCGAN(latent=64, width=width, norm="none"))
    wgan_gp = replace(bare, loss=wasserstein, penalty=WganGP(), decay="linear")
    recipes = (
        ("dcgan", "with batch norm, batch 64, non-saturating loss", usual, HEAVY),
        ("wgan-gp", "without norm, batch 64, WGAN-GP (weight 10)", wgan_gp, PLAIN),
        (
            "r1",
            "without norm, batch 64, non-saturating loss, R1 (weight 1)",
            replace(bare, penalty=R1(1.0)),
            PLAIN,
        ),
    )
    return [
        _pasted(
            f"{name}-{recipe}",
            f"{images}, DCGAN of width {width} {words}",
            run,
            family,
            metric,
            steps,
            judged_by,
        )
        for recipe, words, run, family in recipes
    ]


def _sngan(name: str, images: str, data: Source, metric: str, steps: Mapping[str, int], width: int) -> Game:
    """SNGAN's recipe, as published but for the width of its networks."""
    run = replace(
        RECIPES["sngan-cifar10"].run,
        data=data,
        model=SNGAN(width=width),
        log_every=25,
        eval_samples=2500,
        channels_last=True,  # halves the time on a CPU
    )
    words = f"{images}, SNGAN of width {width}, hinge loss, 5 discriminator updates each"
    return _pasted(f"{name}-sngan", words, run, PLAIN, metric, steps, SEEN)


_DIGITS = _recipes("digits", "scikit-learn's digits at 8 px", Digits(), "fd-digits@2500", DIGITS_STEPS)


def cifar10(path: Path) -> list[Game]:
    """Four published recipes on CIFAR-10's training images, from a folder of its binary batches.

    At scale gpu DCGANs are twice as wide, and SNGANs four times.
    """
    images, data, metric = "CIFAR-10's training images", Cifar(path), "fd-pixels8@2500"
    recipes = _recipes("cifar10", images, data, metric, IMAGE_STEPS, SEEN)
    wide = _recipes("cifar10-wide", images, data, metric, WIDE_STEPS, SEEN, WIDE)
    narrow_sngan = _sngan("cifar10", images, data, metric, {"smoke": 1, "small": 400, "paper": 30_000}, 8)
    wide_sngan = _sngan("cifar10-wide", images, data, metric, {"gpu": 2000}, 32)
    return [*recipes, narrow_sngan, *wide, wide_sngan]


def _arms() -> tuple[Arm, ...]:
    """Adam of each family, and the arms without momentum in both."""
    stateless = [arm for arm in arms(NSGDA_RMS, NSGDA_LAYER, NSGDA_GLOBAL, SGDA) if arm.family == PLAIN]
    return (*arms(ADAM), *(replace(arm, family=family) for family in (PLAIN, HEAVY) for arm in stateless))


_compare = partial(
    Comparison,
    arms=_arms(),
    games=_DIGITS,
    verdict=judge_recovery_in_adams_unit,
    tuning=None,
    by_path={"cifar10": cifar10},
)
_SMOKE = _compare(size="smoke", confirmation_seeds=2, is_judged=False)

STUDY = Study.from_file(
    __file__,
    {
        "smoke": Scale(_SMOKE, cut=(CUT_ALL,), decides=False),
        "small": Scale(_compare(size="small", confirmation_seeds=8)),
        "paper": Scale(_compare(size="paper", confirmation_seeds=20)),
    }
    | scale_for_a_gpu(_compare, tuning=None),
)
