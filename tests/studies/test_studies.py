"""Every study is complete, and runs at its smallest scale."""

import os
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from tests.cases.idx import idx
from tests.cases.studies import Here

from paripassu import studies
from paripassu.data import Augmented, Cifar
from paripassu.models import WganGPResNet
from paripassu.protocol import Comparison, Evidence, run_study
from paripassu.recipes import RECIPES
from paripassu.records import RECORDS_FILE, Metric, Settings
from paripassu.records.codec import read_records
from paripassu.report.study import write_study_page
from paripassu.rules import SGD, Adam, Graft, Normalize
from paripassu.studies.arms import ALL
from paripassu.train import train

COMPARISONS = [name for name, s in studies.find().items() if isinstance(s.scale("small").design, Comparison)]


@pytest.mark.parametrize("name", COMPARISONS)
def test_every_game_has_rates_and_steps_for_every_scale(name, tmp_path):
    for scale in ("smoke", "small", "paper"):
        design = studies.find()[name].scale(scale).design
        made = [game for by_path in design.by_path.values() for game in by_path(tmp_path)]
        for game in [*design.games, *made]:
            arms = {arm.name for arm in design.arms if arm.family == game.family}
            assert arms <= game.centres.keys() | (set() if design.tuning else game.chosen.keys())
            # Wide networks are for a GPU alone.
            assert set(game.steps) == {"gpu"} or game.steps[scale] > 0


# Another is run by the commands' tests.
@pytest.mark.parametrize("name", ["grafting", "stacked-digits"])
def test_every_study_passes_at_smoke_scale(name, tmp_path):
    """One game, untuned, with one seed and few samples: the rest is tested elsewhere."""
    study = studies.find()[name]
    smoke = study.scale("smoke")
    game = smoke.design.games[-1]

    def run(*arguments):
        return replace(game.run(*arguments), eval_samples=200)

    small = replace(game, run=run, metric=game.metric.split("@")[0] + "@200")
    quick = replace(smoke.design, games=[small], tuning=None, confirmation_seeds=1)
    study = replace(study, scales={"smoke": replace(smoke, design=quick)})
    result = run_study(study, "smoke", tmp_path / "s", engine=Here())
    assert [found.game for found in result.games] == [game.name]
    assert {finding.verdict.outcome for finding in result.findings} == {"undecided"}
    assert write_study_page(tmp_path / "s").is_file()


def test_pasted_arms_take_the_recipes_rates(tmp_path):
    design = studies.find()["pasted"].scale("small").design
    made = design.by_path["cifar10"](tmp_path)
    for game in [*design.games, *made]:
        own = [arm for arm in design.arms if arm.family == game.family]
        assert len(own) == 5
        settings = {game.chosen[arm.name] for arm in own}
        assert {(each.lr_g, each.lr_d) for each in settings} == {(2e-4, 2e-4)}
    assert [game.name for game in made if "small" in game.steps] == [
        "cifar10-dcgan", "cifar10-wgan-gp", "cifar10-r1", "cifar10-sngan",
    ]  # fmt: skip
    assert [game.name for game in made if "gpu" in game.steps] == [
        "cifar10-wide-dcgan", "cifar10-wide-wgan-gp", "cifar10-wide-r1", "cifar10-wide-sngan",
    ]  # fmt: skip


def test_the_lead_is_asked_on_seeds_of_its_own_at_adams_rates(tmp_path):
    seeds = {
        name: set(studies.find()[name].scale("small").design.seeds_to_confirm_on)
        for name in ("lead", "grafting")
    }
    assert not seeds["lead"] & seeds["grafting"]
    design = studies.find()["lead"].scale("small").design
    (by_path,) = design.by_path["cifar10"](tmp_path)
    assert by_path.name == "cifar10"
    for game in (*design.games, by_path):
        assert [arm.name for arm in design.arms] == list(game.chosen)
        assert len(set(game.chosen.values())) == 1


def test_arms_of_a_family_share_their_momentum():
    for arm in ALL:
        adam, sgd = (Adam((0.0, 0.9)), SGD()) if arm.family == "plain" else (Adam((0.5, 0.999)), SGD(0.5))
        assert str(adam) in str(arm.rule) or str(sgd) in str(arm.rule)
        assert not {str(SGD(0.5) if arm.family == "plain" else SGD())} & {str(arm.rule)}
    assert [arm.name for arm in ALL if arm.family == "plain"] == [
        arm.name for arm in ALL if arm.family == "heavy"
    ]


def test_stacked_digits_takes_mnist_by_path(tmp_path):
    (tmp_path / "images-ubyte").write_bytes(idx(np.random.default_rng(0).integers(256, size=(20, 28, 28))))
    study = studies.find()["stacked-digits"].on_data({"stacked-mnist": tmp_path / "images-ubyte"})
    design = study.scale("small").design
    (game,) = design.games
    run = game.run(design.arms[0].rule, Settings(1e-3, 1e-3, "linear"), 1, 0)
    assert run.eval_samples == 26_000
    train(replace(run, eval_samples=40), tmp_path / "run")
    measured = {r.name for r in read_records(tmp_path / "run" / RECORDS_FILE) if isinstance(r, Metric)}
    assert measured == {"modes-mnist@40", "kl-mnist@40"}
    captured = {
        name: [mean - 1.0, mean, mean + 1.0, mean, mean]
        for name, mean in {"nsgda layer": 997.0, "nsgda global": 940.0, "sgda": 550.0}.items()
    }
    evidence = Evidence(game, scores={}, estimates={"modes-mnist@26000": captured})
    assert design.verdict(evidence).outcome == "supported"


def test_on_mnist_a_network_that_tells_digits_apart_decides(tmp_path):
    path = tmp_path / "images-ubyte"
    path.write_bytes(idx(np.random.default_rng(0).integers(256, size=(20, 28, 28))))
    games = studies.find()["grafting"].on_data({"mnist": path}).scale("short").design.games
    assert [(game.name, game.metric, game.deciding) for game in games] == [
        ("mnist", "fd-pixels8@2500", "fd-mnist@2500"),
        ("mnist-wgan-gp", "fd-pixels8@2500", "fd-mnist@2500"),
    ]
    run = games[0].run(SGD(), Settings(1e-3, 1e-3, "linear"), 1, 0)
    images = run.data.load(torch.device("cpu")).draw(3, torch.Generator())
    assert games[0].judged_by.network(images).shape == (3, 64)


def test_grafting_plays_the_published_resnet_on_cifar10(tmp_path):
    """All settings but those of the arm and the trial are the recipe's."""
    (tmp_path / "data_batch_1.bin").write_bytes(os.urandom(30 * 3073))
    design = studies.find()["grafting"].on_data({"cifar10-resnet": tmp_path}).scale("small").design
    (game,) = design.games
    recipe = RECIPES["wgangp-cifar10"].run
    arms = {arm.name: arm for arm in design.arms if arm.family == game.family}
    settings = Settings(1e-3, 2e-3, "linear")
    run = game.run(arms["adam"].rule, settings, 10_000, 7)
    played = {
        "data", "generator", "discriminator", "steps", "seed", "log_every", "eval_every", "checkpoint_every",
        "probe_every",
    }  # fmt: skip
    assert run.model == WganGPResNet(latent=128, width=128)
    assert run.data == Augmented(Cifar(tmp_path), dequantize=True)
    assert (run.steps, run.seed, run.n_critic, run.decay) == (10_000, 7, 5, "linear")
    assert {f.name for f in fields(run) if getattr(run, f.name) != getattr(recipe, f.name)} <= played
    assert (run.generator.lr, run.discriminator.lr) == (1e-3, 2e-3)
    assert run.generator.rule == recipe.generator.rule == Adam((0.0, 0.9))
    assert arms["adam magnitude"].rule == Graft(magnitude=Adam((0.0, 0.9)), direction=SGD())
    assert arms["nsgda rms"].rule == Normalize(SGD(), "layer", "rms")
    tiny = replace(run, model=WganGPResNet(latent=4, width=2), steps=1, batch=4, eval_samples=20)
    train(tiny, tmp_path / "run")
    measured = {r.name for r in read_records(tmp_path / "run" / RECORDS_FILE) if isinstance(r, Metric)}
    assert game.metric.replace("@5000", "@20") in measured
    assert run.eval_samples == 5000
