"""Settings and results in words: a reader needs no JSON to know what was trained and which arm does best."""

import math
from dataclasses import replace

import pytest
from tests.cases.folders import game_result

from paripassu.records import better
from paripassu.report.answer import answer
from paripassu.report.comparison import best_arm
from paripassu.report.run import log_spaced
from paripassu.report.words import optimizer_in_words, run_in_words

SGD = {"is": "SGD", "momentum": 0.0}
OWN = {"file": "/home/own.py", "sha256": "0" * 64}
ADAM = {"is": "Adam", "betas": [0.5, 0.999], "eps": 1e-8}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"is": "Normalize", "rule": SGD, "scope": "layer", "unit": "length"}, "nSGDA (layer)"),
        (
            {"is": "Normalize", "rule": SGD | {"momentum": 0.5}, "scope": "global"},
            "nSGDA (global), momentum 0.5",
        ),
        ({"is": "Normalize", "rule": SGD, "scope": "layer", "unit": "rms"}, "nSGDA (layer, rms)"),
        ({"is": "Graft", "magnitude": {"is": "Adam"}, "direction": SGD}, "Adam's length on SGD's direction"),
        (ADAM, "Adam (betas 0.5 and 0.999, eps 1e-08)"),
        (SGD, "SGD"),
        ({"is": "mine.py:Lion", "beta": 0.9}, "mine.py:Lion (beta 0.9)"),
        (OWN | {"is": "Lion", "settings": {"b1": 0.5}}, "Lion (b1 0.5)"),
        (
            {"is": "FromTorch", "optimizer": "RAdam", "settings": [["betas", [0.5, 0.999]]]},
            "FromTorch (optimizer RAdam, betas 0.5 and 0.999)",
        ),
        ({"is": "Optimistic", "rule": ADAM}, "Optimistic, of Adam (betas 0.5 and 0.999, eps 1e-08)"),
        ({"is": "Sign", "rule": SGD | {"momentum": 0.9}}, "Sign, momentum 0.9"),
    ],
)
def test_an_optimizer_is_named_as_papers_do(rule, words):
    assert optimizer_in_words({"rule": rule, "lr": 0.1, "weight_decay": 0.0}) == f"{words}, lr 0.1"


@pytest.mark.parametrize(
    "settings", [{}, {"generator": 3}, {"data": "x", "model": None}, {"generator": {"rule": 1}}]
)
def test_settings_of_another_shape_have_no_words(settings):
    assert run_in_words(settings) == ""


def test_own_networks_and_data_have_their_names_and_a_pace_is_said():
    player = {"rule": SGD, "lr": 0.1}
    settings = {
        "data": {"is": "FromDataset", "dataset": OWN | {"is": "Discs"}},
        "model": {"is": "FromFunction", "function": OWN | {"is": "networks"}, "latent": 16},
        "generator": player,
        "discriminator": player,
        "pace": 1.0,
    }
    assert run_in_words(settings) == (
        "networks on Discs. Both players: SGD, lr 0.1. The generator's steps are rescaled to a pace of 1."
    )


def test_players_that_differ_are_both_named():
    settings = {"generator": {"rule": SGD, "lr": 0.1}, "discriminator": {"rule": SGD, "lr": 0.2}}
    assert run_in_words(settings) == "Generator: SGD, lr 0.1. Discriminator: SGD, lr 0.2."


def test_the_answer_names_the_best_arm_and_who_is_level_with_it():
    game = game_result(
        {"a": [9.0, 9.1, 9.2], "b": [9.2, 8.9, 9.0], "c": [1.0, 1.1, 1.2], "d": [2.0, 2.1, 2.2]}
    )
    assert answer(game) == (
        "On game, a does best: its m is 9.1 (higher is better). 3 seeds do not separate it from b. "
        "2 arms are behind, and c is last, at 1.1."
    )


def test_the_answer_of_one_seed_separates_nothing():
    assert "1 seed does not separate it from b." in answer(game_result({"a": [9.0], "b": [1.0]}))


@pytest.mark.parametrize("metric", ["fd-digits@1797", "kid-inception@50k"])
def test_distances_are_better_lower(metric):
    assert better(metric) == "lower"


@pytest.mark.parametrize("steps", [list(range(0, 3000, 10)), [0, 1, 2], [7], list(range(12)), [0, 999, 1000]])
def test_steps_shown_begin_and_end_with_the_run_and_rise(steps):
    shown = log_spaced(steps, 12)
    assert len(shown) == min(12, len(steps))
    assert (shown[0], shown[-1]) == (steps[0], steps[-1])
    assert shown == sorted(set(shown) & set(steps))


def test_arms_of_one_mean_do_best_together():
    found = answer(game_result({"a": [1.0] * 5, "b": [1.0] * 5, "c": [0.0] * 5}))
    assert found == "On game, a and b do best: their m is 1 (higher is better). c is behind, at 0."


def test_one_arm_alone_has_its_value_said():
    assert answer(game_result({"a": [1.0, 3.0], "b": [math.nan] * 2})) == (
        "On game, only a has a value: its m is 2 (higher is better)."
    )


def test_no_arm_does_best_where_all_diverged():
    game = game_result({"a": [9.0] * 2, "b": [9.0] * 2}, better="lower")
    arms = [replace(arm, diverged=2, runs=["x", "y"]) for arm in game.arms]
    assert answer(replace(game, arms=arms)) == "On game, every run of every arm diverged."


def test_an_arm_without_a_mean_is_not_marked_as_the_best():
    unknown = [math.nan] * 2
    assert best_arm(game_result({"a": unknown, "b": [2.0, 3.0], "c": [1.0] * 2})) == 1
    assert best_arm(game_result({"a": unknown, "b": unknown})) is None
