"""Small folders of runs and studies, with hostile text wherever text can be, and their pages."""

from dataclasses import asdict

from PIL import Image

from paripassu.evidence.intervals import estimate
from paripassu.records import (
    ArmResult,
    ClaimVerdict,
    Effect,
    End,
    Environment,
    GameResult,
    Losses,
    Metric,
    Pace,
    Purpose,
    RateResult,
    RunHeader,
    Samples,
    Shadow,
    StudyResult,
    SweepResult,
    Update,
    Verdict,
)
from paripassu.records.codec import RecordWriter, dump
from paripassu.report.board import write_board
from paripassu.report.collapse import write_theory_page
from paripassu.report.comparison import write_comparison
from paripassu.report.run import write_run_page
from paripassu.report.study import write_study_page
from paripassu.theory import Framework

HOSTILE = "<script>alert('x')</script></script><img src=x onerror=alert(1)>&\"'"
WHERE = Environment(HOSTILE, {"python": "3.11"}, "a CPU", 2, "", "2026-01-01T00:00:00+00:00")


def run_folder(folder, *, outcome="finished", name="mode-overlap@50", steps=(0, 5, 10), end=True):
    (folder / "samples").mkdir(parents=True)
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
            write(Update(step, "generator", "0.weight", 1.0, 99.0, 4.0, 1.0))
            write(Shadow(step, "generator", "0.weight", "Adam()", 10.0, 9.9, 0.5))
            write(Pace(step, "discriminator", "generator", 2.0))
        if end:
            write(End(steps[-1], outcome, "the loss is not finite" if outcome == "diverged" else "", 1.0))


def study_folder(folder, *, finished=True, values=(0.4, 0.6), claim="a claim", extra=None):
    arms = []
    for arm, factor in ((HOSTILE, 1.0), ("sgda", 0.1)):
        runs = [f"runs/ring8/{len(arms)}/{seed}" for seed in range(2)]
        for run in runs:
            run_folder(folder / run, outcome="diverged" if arm == "sgda" else "finished")
        kept = estimate([factor * v for v in values])
        grid = [RateResult(lr, kept, 0) for lr in (0.01, 0.1)]
        held = {"mode-overlap@50": kept} | {name: estimate(given) for name, given in (extra or {}).items()}
        arms.append(ArmResult(arm, HOSTILE, grid, 0.1, True, held, 2 * (arm == "sgda"), runs))
    verdict = Verdict("supported", "because " + HOSTILE, Effect("a lead", 0.3, 0.2, 0.4))
    dataset = GameResult("ring8", "a ring", "mode-overlap@50", "higher", arms, verdict)
    datasets = [dataset] if finished else []
    result = StudyResult(
        "tiny", HOSTILE, claim, "One.\n\nTwo.", "smoke", ["Much."], [0], [1, 2], datasets, WHERE
    )
    folder.mkdir(exist_ok=True)
    (folder / "study.json").write_text(dump(result))
    return result


PURPOSE = Purpose("phases", "smoke", HOSTILE, "C5: no rates; C6: the same pace.", f"If {HOSTILE}", ["A lot."])


def sweep_folder(folder, claims, purpose=PURPOSE):
    """A sweep whose tables are not there yet, so not finished; its claims are told all the same."""
    settings = {"framework": asdict(Framework(d=100)), "methods": ["nsgda"]}
    folder.mkdir(parents=True)
    result = SweepResult("phase", settings, False, claims, [], WHERE, purpose, ["It was edited."])
    (folder / "sweep.json").write_text(dump(result))


def comparison_page(folder):
    for name in ("one", "two"):
        run_folder(folder / name / "run")
    return write_comparison([folder / "one" / "run", folder / "two" / "run"], folder / "report")


def board_page(folder):
    study_folder(folder / 'a "study" & <more>', claim="C6: the same pace.")
    study_folder(folder / "another", finished=False)
    verdict = Verdict("supported", "So.", Effect("a share", 0.1, 0.05, 0.2))
    sweep_folder(folder / "phase", [ClaimVerdict(f"C5: at no rates {HOSTILE}", verdict)])
    sweep_folder(folder / "unfinished", [])
    sweep_folder(folder / "vary", [], Purpose())
    return write_board(folder)


def sweep_page(folder):
    verdict = Verdict("supported", HOSTILE, Effect("a share", 0.1, 0.05, 0.2))
    sweep_folder(folder, [ClaimVerdict("C5: at no rates", verdict)])
    return write_theory_page(folder)


def run_page(folder):
    run_folder(folder)
    return write_run_page(folder)


def study_page(folder):
    study_folder(folder)
    return write_study_page(folder)


WRITERS = {
    "run": run_page,
    "study": study_page,
    "comparison": comparison_page,
    "board": board_page,
    "sweep": sweep_page,
}
