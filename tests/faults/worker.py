"""A process that does trials: a number comes in on standard input, an outcome goes out on standard output."""

import json
import os
import sys
import traceback
import warnings
from dataclasses import asdict


def main() -> None:
    """Import everything once, then fork for each trial."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing else may write between the answers
    warm()
    from tests.faults.trial import LaboratoryError, leave, trial

    try:
        for line in sys.stdin:
            number = int(line)
            try:
                answer = asdict(trial(number))
            except LaboratoryError as error:
                answer = {"number": number, "failed": str(error)}
            except Exception:
                answer = {"number": number, "failed": traceback.format_exc()}
            print(json.dumps(answer), file=answers, flush=True)
    finally:
        answers.close()
        leave()


def warm() -> None:
    """Import what commands import and compile kernels. polars stays unused: its threads survive no fork."""
    import tempfile
    from pathlib import Path

    import torch

    torch.set_num_threads(1)
    import polars  # noqa: F401
    from tests.faults import strata  # noqa: F401

    import paripassu.cli
    import paripassu.report.run
    import paripassu.report.study  # noqa: F401
    from paripassu.recipes import RECIPES, override
    from paripassu.theory import Framework, simulate
    from paripassu.train import train

    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as folder:
        run = override(RECIPES["digits"].run, model="mlp", width=8, depth=1, steps=2, batch=8, eval_samples=8)
        train(run, Path(folder) / "run")
    for updates in ("simultaneous", "alternating"):
        for method in ("nsgda", "sgda"):
            simulate(
                Framework(d=60), method, lr_d=0.1, lr_g=0.1, seeds=(0,), steps=5, updates=updates, threads=1
            )


if __name__ == "__main__":
    main()
