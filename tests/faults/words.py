"""Commands that nobody should type: each is carried out, or refused and leaves nothing behind."""

import json
import os
import random
import shlex
from dataclasses import fields, is_dataclass
from pathlib import Path

from tests.faults import scenarios
from tests.faults.child import Answer
from tests.faults.vocabulary import Facts, Fault, Golden, Place, Scenario

from paripassu.printable import printable

_WORDS = "words.json"
_HUGE = (2**63, 2**64, 9999999999999999999999, 10**30, 10**400)
_LARGE = (2**31, 2**32 + 1, 2**53 + 1, 2**63 - 1)
_NUMBERS = (
    "nan",
    "inf",
    "-inf",
    "1e-400",
    "1e308",
    "1e400",
    "-0.0",
    "0",
    "-1",
    "1",
    "2",
    "0x10",
    "1_000",
    "٣",
)
_TEXTS = (
    "", " ", "-", "--", "=", "x", "None", "x[/b]y", "x[bold]y", "[red]", "\udcff", "x\udcffy", "\u202eabc",
    "🙂", "\x1b]0;owned\x07", "a\nb", "a\tb", "..", ".", "/", "~", "*", "x" * 300, "a/" * 200,
    "{0}", "%s", "'; --", "mine.py:NAME", ":", "con", "name=", "=value", "a=b=c",
)  # fmt: skip
_PIPES = ("pipe", "pipe.npz", "pipe.zip", "pipe-idx3-ubyte", "pipe.parquet")
_PATHS = (
    "/dev/null",
    "/dev/zero",
    "/proc/self/mem",
    "/nowhere/at/all",
    "run/run.json",
    "run",
    "loop",
    *_PIPES,
)
# More of these is legitimate, and takes as long as it says.
_SIZES = {
    "steps", "batch", "eval_samples", "generator_batches", "n_critic", "seeds", "fresh_seeds", "modes",
    "rates", "n_discriminator", "n_generator", "samples", "depth", "mapping_depth", "resolution",
    "workers", "d",
}  # fmt: skip
_SHARES = {"train": 6, "theory": 8, "eval": 2}  # by their numbers of options
_TRAIN = shlex.split(
    "train --data ring --model mlp --width 4 --depth 1 --latent 4 --steps 2 --batch 4 --eval-samples 8"
)
_SWEEP = shlex.split("theory run --d 60 --n-discriminator 4 --n-generator 3 --seeds 1 --steps 5")


def _options() -> dict[tuple[str, ...], list[str]]:
    """The options of each command, by the words of a small valid command."""
    from paripassu.cli.eval import Eval
    from paripassu.cli.report import Report
    from paripassu.cli.study import DiffStudy, ReportStudy, RunStudy
    from paripassu.cli.train import Train
    from paripassu.protocol.sweeps import RunSweep
    from paripassu.theory import Framework

    sweep = [*_names(RunSweep), *_names(Framework), "workers", "out", "engine"]
    return {
        tuple(_TRAIN): _names(Train),
        (*_TRAIN, "--dry-run"): _names(Train),
        ("eval", "run"): _names(Eval),
        ("report", "run"): _names(Report),
        tuple(_SWEEP): sweep,
        ("study", "run", "study.py", "--scale", "smoke", "--dry-run"): _names(RunStudy),
        ("study", "report", "study.py", "--scale", "smoke"): _names(ReportStudy),
        ("study", "diff", "run", "run"): _names(DiffStudy),
        ("study", "list"): [],
    }


def _names(kind: type) -> list[str]:
    skipped = {
        "dry_run",
        "ray_address",
        "compile",
        "inception_weights",
        "device",
        "framework",
        "folder",
        "paths",
    }
    names: list[str] = []
    for field in fields(kind):
        # Options may be in groups.
        inner = field.default_factory if isinstance(field.default_factory, type) else None
        names += _names(inner) if is_dataclass(inner) else [field.name]
    return [name for name in names if name not in skipped]


def _value(option: str, rng: random.Random) -> str:
    if option == "engine":
        return rng.choice(("local", *_TEXTS))
    numbers = [*_NUMBERS, *map(str, _HUGE)] + ([] if option in _SIZES else list(map(str, _LARGE)))
    # Whole numbers are what most options take, and the parser refuses the rest by itself.
    whole = [number for number in numbers if number.lstrip("-").isdigit()]
    return rng.choice(rng.choice((whole, whole, numbers, numbers, _TEXTS, _PATHS)))


def odd_words(place: Place, rng: random.Random) -> Fault:
    """A small valid command with one or two odd options."""
    options = _options()
    bases = sorted(options)
    base = rng.choices(bases, [_SHARES.get(words[0], 1) for words in bases])[0]
    words = list(base)
    for _ in range(rng.randint(1, 2)):
        if options[base] and rng.random() < 0.95:
            option = rng.choice(options[base])
            words += [f"--{option.replace('_', '-')}", _value(option, rng)]
            if option == "betas":
                words.append(_value(option, rng))
        else:
            words.insert(rng.randint(1, len(words)), _value("", rng))
    return _given(place, words)


def odd_folder(place: Place, rng: random.Random) -> Fault:
    """A small valid command whose folder, data or study has an odd name."""
    name = rng.choice((*_TEXTS, *_PATHS))
    kind = rng.choice(("out", "data", "study", "run", "metric"))
    if kind == "out":
        words = [*rng.choice((_TRAIN, _SWEEP)), "--out", rng.choice((name, f"runs/{name}"))]
    elif kind == "data":
        words = [*_TRAIN, "--resolution", "8", "--model", "mlp", "--data", name]
    elif kind == "study":
        words = ["study", "run", name, "--scale", "smoke", "--out", "study"]
    elif kind == "metric":
        words = [
            "eval",
            "run",
            "--metric",
            rng.choice((f"fd-digits@{rng.choice(_HUGE)}", f"fd-{name}@10", name)),
        ]
    else:
        words = [rng.choice(("eval", "report")), name]
    return _given(place, words)


def _given(place: Place, words: list[str]) -> Fault:
    # No argument of a process has a zero byte.
    words = [word.replace("\0", "") for word in words]
    path = place.folder / _WORDS
    path.write_text(json.dumps(words))
    return Fault(ascii(words), touched=(path,), is_input=True)


def _command() -> int:
    for name in _PIPES:
        if not Path(name).exists():
            os.mkfifo(name)
    return scenarios.command(*json.loads(Path(_WORDS).read_text()))


def _facts(folder: Path, answer: Answer) -> Facts:
    pages = [line.partition("Page: ")[2] for line in answer.out.splitlines() if line.startswith("Page: ")]
    there = sorted(str(path.relative_to(folder)) for path in folder.iterdir())
    # Paths are printed with each character escaped that would be obeyed.
    shown = {printable(str(path.relative_to(folder))) for path in folder.rglob("index.html")}
    lost = [p for p in pages if "\ufffd" not in p and p not in shown and not (folder / p).exists()]
    return {"there": there, "pages that are not there": lost}


def _is_done(_: Golden, facts: Facts, __: Answer, ___: Path) -> bool:
    return not facts["pages that are not there"]


def _prepared(folder: Path) -> None:
    scenarios.with_study(scenarios.after(scenarios.TRAIN))(folder)
    (folder / "loop").symlink_to("loop")
    (folder / _WORDS).write_text(json.dumps(["--version"]))


COMMANDS = Scenario(
    "command line", {"beside a run": _prepared}, _command, _facts, accepts=_is_done, names_files=False
)
