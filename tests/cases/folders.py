"""Small folders of runs and studies, with hostile text wherever text can be, and their pages."""

import math
from dataclasses import asdict

import polars as pl
from PIL import Image

from paripassu.evidence.collapse import sweep_tables
from paripassu.evidence.intervals import estimate
from paripassu.files import sealed, unsealed
from paripassu.records import (
    REAL_PICTURE,
    ArmResult,
    Ease,
    Effect,
    End,
    Environment,
    Finding,
    GameResult,
    Losses,
    Metric,
    Pace,
    RunHeader,
    Samples,
    Settings,
    Shadow,
    StudyResult,
    TrialResult,
    Update,
    Verdict,
)
from paripassu.records.codec import RecordWriter, dump
from paripassu.report.board import write_board
from paripassu.report.run import write_run_page
from paripassu.report.side_by_side import write_side_by_side
from paripassu.report.study import write_study_page
from paripassu.theory import Framework

HOSTILE = "<script>alert('x')</script></script><img src=x onerror=alert(1)>&\"'"
WHERE = Environment(HOSTILE, {"python": "3.11"}, "a CPU", 2, "", "2026-01-01T00:00:00+00:00")


def run_folder(folder, *, outcome="finished", name="mode-overlap@50", steps=(0, 5, 10), end=True):
    (folder / "samples").mkdir(parents=True)
    Image.new("RGB", (4, 4), (0, 0, 255)).save(folder / REAL_PICTURE)
    (folder / "run.json").write_text(dump(RunHeader({"name": HOSTILE, "seed": 3}, WHERE)))
    with RecordWriter(folder / "records.jsonl") as write:
        for step in steps:
            write(Metric(step, name, step / 20))
            picture = f"samples/{step:09d}.png"
            Image.new("RGB", (4, 4), (step, 0, 0)).save(folder / picture)
            write(Samples(step, picture))
            write(Losses(step, 1.0, float("nan")))
            write(Update(step, "discriminator", "", 1.0, 0.2, 4.0, 1.0))
            write(Update(step, "generator", "", 1.0, 0.1, 4.0, 1.0))
            write(Update(step, "generator", "0.weight", 1.0, 99.0 + step, 4.0, 1.0))
            write(Shadow(step, "generator", "0.weight", "Adam()", 10.0, 9.9, step / 10))
            write(Pace(step, "discriminator", "generator", 2.0))
        if end:
            write(End(steps[-1], outcome, "the loss is not finite" if outcome == "diverged" else "", 1.0))


def as_of_schema_1(path):
    """Give a record's file an older schema version, with a seal that fits."""
    path.write_text(sealed(unsealed(path.read_bytes()) | {"schema": 1}), encoding="utf-8")


def study_result(name="tiny", scale="smoke", kind="comparison", **given):
    """A result with a hostile question and an answer to nothing, but for what is given."""
    defaults = {
        "question": HOSTILE,
        "claim": "a claim",
        "rule": "Two.",
        "protocol": "One.",
        "settings": {"device": "cpu", "tuning_seeds": [0], "confirmation_seeds": [1, 2]},
        "cut": ["Much."],
        "decides": True,
        "finished": True,
        "environment": WHERE,
    }
    return StudyResult(name, scale, kind, **defaults | given)


def write_study(folder, result):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.json").write_text(dump(result))
    return result


def game_result(values, *, better="higher"):
    """One game with a metric ``m`` of some arms' values over seeds."""
    settings = Settings(0.1, 0.1, "constant")
    arms = [ArmResult(arm, "", [], settings, [], {"m": estimate(own)}, 0, []) for arm, own in values.items()]
    return GameResult("game", "a setting", "m", better, arms)


def study_folder(folder, *, finished=True, values=(0.4, 0.6), claim="a claim", extra=None):
    """A comparison of two arms on one game."""
    arms = []
    for arm, factor in ((HOSTILE, 1.0), ("sgda", 0.1)):
        runs = [f"runs/ring8/{len(arms)}/{seed}" for seed in range(2)]
        for run in runs:
            run_folder(folder / run, outcome="diverged" if arm == "sgda" else "finished")
        deciding = estimate([factor * v for v in values])
        points = [Settings(lr, 2 * lr, "linear") for lr in (0.01, 0.1)]
        trials = [TrialResult(point, deciding.values, 0) for point in points]
        ease = Ease([0.4, 0.5], [0.3, 0.4], [0.5, 0.6], 0.45, 0.35, 0.55, 0.5)
        estimates = {"mode-overlap@50": deciding} | {n: estimate(v) for n, v in (extra or {}).items()}
        diverged = 2 * (arm == "sgda")
        edges = ["largest of the generator's rate"]
        arms.append(ArmResult(arm, HOSTILE, trials, points[1], edges, estimates, diverged, runs, ease))
    verdict = Verdict("supported", "because " + HOSTILE, Effect("a lead", 0.3, 0.2, 0.4))
    game = GameResult("ring8", "a ring", "mode-overlap@50", "higher", arms)
    found = Finding(claim, "ring8", verdict, "2 arms, 2 seeds, 12 runs")
    games, findings = ([game], [found]) if finished else ([], [])
    result = study_result(claim=claim, finished=finished, games=games, findings=findings)
    return write_study(folder, result)


def outcomes(hits, runs=32, *, part="fresh", d=1000, lr_d=0.1, first=100.0, diverged=0, method="sgda"):
    """A sweep's outcomes of one method at one pair of rates: ``hits`` of ``runs`` recover every mode."""
    ever = ["all"] * hits + ["some"] * (runs - hits)
    return pl.DataFrame(
        {
            "part": part,
            "method": method,
            "d": d,
            "gamma": 0.1,
            "modes": 2,
            "rarest": 0.5,
            "n_discriminator": 10,
            "n_generator": 8,
            "steps": 10_000,
            "lr_d": lr_d,
            "lr_g": 0.01,
            "seed": range(runs),
            "ever": ever,
            "end": ["diverged"] * diverged + ever[diverged:],
            # Spread, as seeds are.
            "first_recovery": [first * (1 + n / runs) for n in range(hits)] + [math.inf] * (runs - hits),
        }
    )


def _paths(apart):
    runs = pl.DataFrame({"method": ["nsgda", "sgda"]}).join(pl.DataFrame({"seed": range(6)}), how="cross")
    steps = pl.DataFrame({"step": [1, 10]})
    return runs.join(steps, how="cross").with_columns(pace_d=10.0**apart, pace_g=1.0, mass=0.5)


_NEURONS = pl.DataFrame(
    {"method": m, "player": "generator", "seed": 0, "step": s, "neuron": 0, "mode_1": 0.1 * s, "mode_2": 0.0}
    for m in ("nsgda", "sgda")
    for s in (1, 10)
)


def sweep_folder(folder, *tables, kind="phase", apart=1.0, name="phases", settings=None, **given):
    """A sweep with the outcomes ``tables``; without any it is not finished."""
    framework = {"framework": asdict(Framework(d=1000)), "seeds": 8} | (settings or {})
    words = {"claim": "C5: no rates; C6: the same pace.", "rule": f"If {HOSTILE}", "protocol": ""}
    words |= {"cut": ["A lot."], "settings": framework, "finished": bool(tables)} | given
    result = write_study(folder, study_result(name, "small", kind, **words))
    if tables:
        frames = {"outcomes": pl.concat(tables), "paths": _paths(apart), "neurons": _NEURONS}
        sweep_tables(kind, result.settings, folder).write(frames)
    return result


SHARE = Effect("a share", 0.1, 0.05, 0.2)


def side_by_side_page(folder):
    for name in ("one", "two"):
        run_folder(folder / name / "run")
    return write_side_by_side([folder / "one" / "run", folder / "two" / "run"], folder / "report")


def board_page(folder):
    study_folder(folder / 'a "study" & <more>', claim="C6: the same pace.")
    study_folder(folder / "another", finished=False)
    found = Finding(f"C5: at no rates {HOSTILE}", "d = 1,000", Verdict("supported", "So.", SHARE))
    sweep_folder(folder / "phase", outcomes(20), outcomes(2, part="grid"), findings=[found])
    sweep_folder(folder / "unfinished")
    varied = [
        outcomes(9, part=part) for part in ("gamma", "rarest", "modes", "n_generator", "n_discriminator")
    ]
    sweep_folder(folder / "vary", *varied, kind="vary", name="theory-vary", claim="", rule="")
    return write_board(folder)


def sweep_page(folder):
    found = Finding("C5: at no rates", "d = 1,000", Verdict("supported", HOSTILE, SHARE))
    methods = [
        outcomes(n, part=part, method=m)
        for n, m in ((20, "nsgda"), (2, "sgda"))
        for part in ("grid", "fresh")
    ]
    sweep_folder(folder, *methods, findings=[found], remarks=["It was edited."])
    return write_study_page(folder)


def run_page(folder):
    run_folder(folder)
    return write_run_page(folder)


def study_page(folder):
    study_folder(folder)
    return write_study_page(folder)


WRITERS = {
    "run": run_page,
    "study": study_page,
    "side by side": side_by_side_page,
    "board": board_page,
    "sweep": sweep_page,
}
"""Every kind of page."""
