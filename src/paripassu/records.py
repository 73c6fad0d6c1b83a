"""The schema of what runs and studies write: all that writers and readers share.

A run folder holds ``run.json`` (`RunHeader`) and ``records.jsonl``, one record a line, appended as
training goes on. A study folder holds ``study.json`` (`StudyResult`) and one run folder per run under
``runs/``. A sweep's folder holds ``sweep.json`` (`SweepResult`) and Parquet tables. Numbers that are not
finite are written as ``null`` and read as NaN.
"""

import json
import math
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import cattrs
from cattrs.strategies import configure_tagged_union

SCHEMA = 1
RUN_FILE = "run.json"
RECORDS_FILE = "records.jsonl"
STUDY_FILE = "study.json"
SWEEP_FILE = "sweep.json"

PlayerName = Literal["generator", "discriminator"]
Outcome = Literal["finished", "diverged"]
VerdictName = Literal["supported", "contradicted", "undecided"]
Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Losses:
    """Both players' losses at a step, each the loss its player minimizes."""

    step: int
    discriminator: float
    generator: float


@dataclass(frozen=True)
class Update:
    """What one optimizer step did to a player, or to one of its tensors.

    Attributes:
        step: generator updates done when it was taken.
        player: whose step it was.
        layer: the parameter's name; empty for the whole player.
        gradient: norm of the gradient, of the loss that the player minimizes, unscaled.
        update: norm of the true displacement of the weights.
        weight: norm of the weights before the step.
        cosine: between the displacement and the negative gradient, in [-1, 1]; NaN where one is zero.
    """

    step: int
    player: str
    layer: str
    gradient: float
    update: float
    weight: float
    cosine: float


@dataclass(frozen=True)
class Shadow:
    """What another rule would have done in place of a probed step, from every gradient up to it.

    Attributes:
        step: as in `Update`.
        player: as in `Update`.
        layer: as in `Update`.
        rule: the name it was given.
        magnitude: norm of its update, before any learning rate.
        ratio: norm of the true displacement over that, which is the learning rate at which the rule would
            have gone as far; NaN where the rule's update is zero.
        cosine: between the true displacement and the rule's step, in [-1, 1]; NaN where one is zero.
    """

    step: int
    player: str
    layer: str
    rule: str
    magnitude: float
    ratio: float
    cosine: float


@dataclass(frozen=True)
class Pace:
    """One player's relative step over another's: how evenly they move.

    Attributes:
        step: generator updates done when the steps were taken.
        player: whose relative step, its displacement over its weights' norm, is the numerator.
        against: whose is the denominator.
        value: at least 0; NaN where ``against`` did not move or a player's weights are zero.
    """

    step: int
    player: str
    against: str
    value: float


@dataclass(frozen=True)
class Metric:
    """A measurement of the generator; ``name`` says the feature network and the sample count."""

    step: int
    name: str
    value: float


@dataclass(frozen=True)
class Samples:
    """A picture of generated samples, its path relative to the run folder."""

    step: int
    path: str


@dataclass(frozen=True)
class End:
    """The last record of a run; a diverged run is a result too.

    Attributes:
        step: generator updates done.
        outcome: how it ended.
        reason: for a diverged run, what became non-finite.
        seconds: of training, over all sittings.
    """

    step: int
    outcome: Outcome
    reason: str
    seconds: float


Measured = Update | Shadow | Pace  # by the probe
Record = Losses | Measured | Metric | Samples | End


@dataclass(frozen=True)
class Environment:
    """What a run or study ran on and how it was asked for."""

    command: str
    versions: dict[str, str]
    device: str
    cores: int
    commit: str
    date: str


def environment(command: str, device: str = "cpu") -> Environment:
    """Where this process runs: versions, hardware, the checkout's commit, the time (UTC)."""
    names = ("paripassu", "torch", "numpy", "scipy", "numba")
    return Environment(
        command=command,
        versions={"python": platform.python_version()} | {name: version(name) for name in names},
        device=_cpu_name() if device == "cpu" else device,
        cores=usable_cores(),
        commit=_commit(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def usable_cores() -> int:
    """Cores that this process may run on, which a scheduler can have made fewer than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _commit() -> str:
    # Empty for an installed package; "-dirty" where the checkout has changes that no commit holds.
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return ""


@dataclass(frozen=True)
class RunImages:
    """The images a run began with.

    Attributes:
        count: how many.
        sha256: of their pixels as they were loaded.
    """

    count: int
    sha256: str


@dataclass(frozen=True)
class RunHeader:
    """``run.json``: the resolved settings, nested and plain, and where they ran.

    Attributes:
        settings: the run's.
        environment: where it began.
        images: its data; None where these are points, and in folders of before they were kept.
    """

    settings: dict[str, Any]
    environment: Environment
    images: RunImages | None = None
    schema: int = SCHEMA


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its bootstrap 95 % interval.

    Attributes:
        values: one per seed, in seed order; NaN for a run that diverged without a worst value.
        mean: of the values.
        std: standard deviation over seeds (ddof 1; 0 for one seed).
        low: lower end of the interval.
        high: upper end.
    """

    values: list[float]
    mean: float
    std: float
    low: float
    high: float


@dataclass(frozen=True)
class RateResult:
    """One learning rate of an arm's grid, measured on the tuning seeds."""

    lr: float
    estimate: Estimate
    diverged: int


@dataclass(frozen=True)
class ArmResult:
    """One arm on one dataset.

    Attributes:
        arm: its name.
        description: its update in words.
        grid: every learning rate tried on the tuning seeds; empty where tuning was cut.
        lr: the one chosen.
        on_edge: whether it is the smallest or largest of the grid.
        estimates: per metric and measure name, on the confirmation seeds at the chosen rate.
        diverged: confirmation runs that diverged.
        runs: the confirmation runs' folders, relative to the study folder, in seed order.
    """

    arm: str
    description: str
    grid: list[RateResult]
    lr: float
    on_edge: bool
    estimates: dict[str, Estimate]
    diverged: int
    runs: list[str]


@dataclass(frozen=True)
class Effect:
    """The one figure a verdict turns on, with its 95 % interval, Wilson's for a share, else a bootstrap's.

    Attributes:
        name: what it measures, with the value that would mean no effect where that is not zero.
        value: of the effect.
        low: lower end of the interval.
        high: upper end.
    """

    name: str
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}] {self.name}"


@dataclass(frozen=True)
class Verdict:
    """What the verdict rule says, and the figures it says it from.

    Attributes:
        outcome: of the rule.
        reason: in words and figures.
        effect: the figure it turned on; None in studies of before there was one.
    """

    outcome: VerdictName
    reason: str
    effect: Effect | None = None


@dataclass(frozen=True)
class DatasetResult:
    """All arms of a study on one dataset.

    Attributes:
        dataset: its name.
        setting: model, loss, steps and batch in words.
        metric: name of the metric that tunes and decides.
        better: which way it improves.
        arms: in the study's order.
        verdict: the study's rule applied to them.
        measures: names of the estimates that were computed from a run's records, smaller being better;
            the others are metrics.
    """

    dataset: str
    setting: str
    metric: str
    better: Better
    arms: list[ArmResult]
    verdict: Verdict
    measures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class StudyResult:
    """``study.json``: a study's question, its answer and how it was reached.

    Attributes:
        name: the study's file name.
        question: first paragraph of its docstring.
        claim: the claim under test, in words.
        protocol: how arms were tuned, confirmed and compared, the verdict rule included.
        scale: which size it was run at.
        cut: what this scale leaves out, one sentence each.
        tuning_seeds: seeds the learning rates were chosen on.
        confirmation_seeds: seeds the results are reported on.
        datasets: one result each.
        environment: where it ran.
        device: of the runs' networks.
        remarks: what a reader should know of how the folder came about, one sentence each.
    """

    name: str
    question: str
    claim: str
    protocol: str
    scale: str
    cut: list[str]
    tuning_seeds: list[int]
    confirmation_seeds: list[int]
    datasets: list[DatasetResult]
    environment: Environment
    device: str = "cpu"
    remarks: list[str] = field(default_factory=list)
    schema: int = SCHEMA


SweepKind = Literal["run", "phase", "scaling", "vary"]


@dataclass(frozen=True)
class Fit:
    """How the time to recover every mode grows: proportional to ``d ** exponent``.

    Attributes:
        method: whose time.
        exponent: by least squares on the logarithms; NaN where fewer than two dimensions were recovered.
        low: lower end of its bootstrap 95 % interval.
        high: upper end.
        dimensions: that most seeds recovered within the budget, and the fit rests on.
    """

    method: str
    exponent: float
    low: float
    high: float
    dimensions: list[int]


@dataclass(frozen=True)
class ClaimVerdict:
    """A verdict on a claim and the conditions it holds for."""

    claim: str
    verdict: Verdict


@dataclass(frozen=True)
class Purpose:
    """What a sweep is for, in words; all empty for one that tests no claim.

    Attributes:
        study: the study's name; empty for a sweep of a person's own.
        scale: which size of it.
        question: the study's.
        claim: under test.
        rule: what is measured and the verdict rules.
        cut: what this size leaves out, one sentence each.
        decides: whether its runs are long enough for a verdict.
    """

    study: str = ""
    scale: str = ""
    question: str = ""
    claim: str = ""
    rule: str = ""
    cut: list[str] = field(default_factory=list)
    decides: bool = True


@dataclass(frozen=True)
class SweepResult:
    """``sweep.json``: runs of the synthetic framework; their tables stand beside it as Parquet.

    Attributes:
        kind: which command made it.
        settings: nested and plain; what makes one sweep another.
        finished: whether every chunk is done.
        claims: verdicts, with the rules' conditions in words.
        fits: growth with the dimension, of a scaling sweep.
        environment: where it ran.
        purpose: what it is for; empty in folders of before it was kept.
        remarks: what a reader should know of how the folder came about, one sentence each.
    """

    kind: SweepKind
    settings: dict[str, Any]
    finished: bool
    claims: list[ClaimVerdict]
    fits: list[Fit]
    environment: Environment
    purpose: Purpose = Purpose()
    remarks: list[str] = field(default_factory=list)
    schema: int = SCHEMA


T = TypeVar("T")

_converter = cattrs.Converter(forbid_extra_keys=True)
_converter.register_structure_hook(float, lambda value, _: math.nan if value is None else float(value))
_converter.register_unstructure_hook(float, lambda value: value if math.isfinite(value) else None)
configure_tagged_union(Record, _converter, tag_name="kind")


def flat_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """A sweep's settings in one dictionary, with those of its framework and its options after its own."""
    flat = {name: value for name, value in settings.items() if not isinstance(value, dict)}
    for nested in (value for value in settings.values() if isinstance(value, dict)):
        flat |= nested
    return flat


def dump(value: object) -> str:
    """Any schema object as indented JSON text."""
    return json.dumps(_converter.unstructure(value), indent=2, allow_nan=False) + "\n"


def load(path: Path, kind: type[T]) -> T:
    """Read a file that `dump` wrote.

    Raises:
        ValueError: the file is not JSON, is of another schema version or is not a ``kind``.
    """
    try:
        data = json.loads(path.read_text())
        check_schema(data.get("schema"), path)
        return _converter.structure(data, kind)
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError, cattrs.BaseValidationError) as error:
        raise ValueError(
            f"{path} is corrupt or not a {kind.__name__}: restore it or delete its folder"
        ) from error


def check_schema(schema: object, path: Path) -> None:
    """Raise ``ValueError`` unless a file's schema version is ours."""
    if schema != SCHEMA:
        raise ValueError(
            f"{path} has schema version {schema}, this paripassu reads version {SCHEMA}: "
            "use the version that wrote it"
        )


def write_atomic(path: Path, text: str) -> None:
    """Replace a file's text so that a reader, or a crash, sees the old text or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing, or nothing but hidden files, as a kill leaves of `write_atomic`."""
    return all(path.name.startswith(".") for path in folder.iterdir())


@dataclass
class RecordWriter:
    """Appends records to a run's ``records.jsonl``; each line is whole on disk before the next begins.

    A last line that a kill cut short is dropped, so that what is appended begins a line of its own.
    """

    path: Path
    _stream: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.path.exists():
            whole = self.path.read_bytes().rfind(b"\n") + 1
            if whole < self.path.stat().st_size:
                os.truncate(self.path, whole)
        self._stream = self.path.open("a", buffering=1)

    def __call__(self, record: Record) -> None:
        """Append one record."""
        self._stream.write(_line(record))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def read_records(path: Path) -> Iterator[Record]:
    """Records in the order written; a last line cut short by a kill is left out.

    Raises:
        ValueError: a line before the last is not a record.
    """
    lines = path.read_bytes().split(b"\n")
    # What follows the last newline is empty or a line that was never finished.
    for number, line in enumerate(lines[:-1], start=1):
        try:
            yield _converter.structure(json.loads(line), Record)  # pyright: ignore[reportArgumentType]
        except (ValueError, cattrs.BaseValidationError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path}, line {number} is no record of schema version {SCHEMA}: read it with the paripassu "
                "that wrote it, restore the file or delete its run"
            ) from error


def rewind(path: Path, step: int) -> None:
    """Drop the records after ``step``, and any end, so that a resumed run writes them again."""
    kept = [r for r in read_records(path) if r.step <= step and not isinstance(r, End)]
    write_atomic(path, "".join(_line(record) for record in kept))


def end_of(records: Iterable[Record]) -> End | None:
    """A run's last word, or None while it has not ended."""
    return next((r for r in records if isinstance(r, End)), None)


def _line(record: Record) -> str:
    return json.dumps(_converter.unstructure(record, Record), allow_nan=False) + "\n"
