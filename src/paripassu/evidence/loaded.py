"""What a run, a study or a sweep wrote, as data frames with documented columns."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from paripassu.evidence.collapse import (
    NEURONS_TABLE,
    OUTCOMES_TABLE,
    PATHS_TABLE,
    has_table,
    sweep_table,
)
from paripassu.evidence.kinds import of_kind
from paripassu.evidence.shown import Shown
from paripassu.evidence.tables import RunEnd, run_ends, run_table
from paripassu.files import AnyPath
from paripassu.records import RECORDS_FILE, RUN_FILE, STUDY_FILE, RunHeader, StudyResult
from paripassu.records.codec import load as load_record
from paripassu.records.place import elsewhere
from paripassu.records.study import finding_title

_TEXT, _WHOLE, _NUMBER = pl.String, pl.Int64, pl.Float64
_ARMS = {
    "game": _TEXT, "arm": _TEXT, "metric": _TEXT, "mean": _NUMBER, "std": _NUMBER, "low": _NUMBER,
    "high": _NUMBER, "seeds": _WHOLE, "diverged": _WHOLE, "lr_g": _NUMBER, "lr_d": _NUMBER, "decay": _TEXT,
}  # fmt: skip
_RUNS = {
    "game": _TEXT, "arm": _TEXT, "seed": _WHOLE, "metric": _TEXT, "value": _NUMBER, "folder": _TEXT,
}  # fmt: skip
_TRIALS = {
    "game": _TEXT, "arm": _TEXT, "trial": _WHOLE, "seed": _WHOLE, "lr_g": _NUMBER, "lr_d": _NUMBER,
    "decay": _TEXT, "value": _NUMBER, "is_chosen": pl.Boolean,
}  # fmt: skip
_FINDINGS = {
    "finding": _TEXT, "outcome": _TEXT, "reason": _TEXT, "effect": _TEXT, "value": _NUMBER, "low": _NUMBER,
    "high": _NUMBER,
}  # fmt: skip


class LoadedRun(Shown):
    """A run's records as frames of polars; ``.to_pandas()`` makes them pandas'.

    Attributes:
        folder: the run's.
        header: its ``run.json``; None where a probe wrote records alone.
        end: how it ended; None if it has not, or if its records were changed since.
        records: all records, a row each; fields that a kind does not have are null.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = run_table(folder)
        self.header = load_record(folder / RUN_FILE, RunHeader) if (folder / RUN_FILE).exists() else None
        self.end: RunEnd | None = run_ends([folder])[0]

    @property
    def metrics(self) -> pl.DataFrame:
        """``step, name, value``: every measurement of the generator."""
        return self._of("Metric", "step", "name", "value")

    @property
    def losses(self) -> pl.DataFrame:
        """``step, discriminator, generator``: the loss that each player minimizes."""
        return self._of("Losses", "step", "discriminator", "generator")

    @property
    def updates(self) -> pl.DataFrame:
        """``step, player, gradient, update, weight, relative, cosine``: probed steps of whole players.

        ``relative`` is the step's length over the norm of the weights. ``cosine`` is that of the step with
        the negative gradient.
        """
        columns = ("step", "player", "gradient", "update", "weight", "relative", "cosine")
        relative = (pl.col("update") / pl.col("weight")).alias("relative")
        return self.records.filter(kind="Update", layer="").with_columns(relative).select(columns)

    @property
    def layers(self) -> pl.DataFrame:
        """``step, player, layer, gradient, update, weight, cosine``: probed steps, tensor by tensor."""
        own = self._of("Update", "step", "player", "layer", "gradient", "update", "weight", "cosine")
        return own.filter(pl.col("layer") != "")

    @property
    def shadows(self) -> pl.DataFrame:
        """``step, player, layer, rule, magnitude, ratio, cosine``: what other rules would have done.

        ``layer`` is empty for a whole player. ``ratio`` is the rate at which the rule would have gone as far.
        """
        return self._of("Shadow", "step", "player", "layer", "rule", "magnitude", "ratio", "cosine")

    @property
    def pace(self) -> pl.DataFrame:
        """``step, player, against, value``: one player's relative step over another's."""
        return self._of("Pace", "step", "player", "against", "value")

    @property
    def settings(self) -> dict[str, Any]:
        """The run's settings, nested and plain; empty where a probe wrote records alone."""
        return self.header.settings if self.header else {}

    def _of(self, kind: str, *columns: str) -> pl.DataFrame:
        return self.records.filter(kind=kind).select(columns)

    def _title(self) -> str:
        if self.end:
            return f"{self.folder}: {self.end.outcome} at step {self.end.step:,}, {self.end.seconds:.0f} s"
        return f"{self.folder}: not finished, {len(self.records):,} records"

    def _summary(self) -> pl.DataFrame:
        measured = self.metrics.group_by("name", maintain_order=True)
        return measured.agg(pl.col("value").first().alias("first"), pl.col("value").last().alias("last"))


class _LoadedResult(Shown):
    def __init__(self, folder: Path, result: StudyResult) -> None:
        self.folder, self.result = folder, result

    @property
    def findings(self) -> pl.DataFrame:
        """``finding, outcome, reason, effect, value, low, high``: what the study's rule says."""
        rows = [
            {
                "finding": finding_title(self.result, each),
                "outcome": each.verdict.outcome,
                "reason": each.verdict.reason,
                "effect": each.verdict.effect and each.verdict.effect.name,
                **{name: getattr(each.verdict.effect, name, None) for name in ("value", "low", "high")},
            }
            for each in self.result.findings
        ]
        return pl.DataFrame(rows, schema=_FINDINGS)

    def _title(self) -> str:
        state = "finished" if self.result.finished else self.result.reached or "not finished"
        return f"{self.folder}: {self.result.name}, {self.result.scale}, {state}"


class LoadedSweep(_LoadedResult):
    """A sweep's tables as frames of polars.

    Attributes:
        folder: the sweep's.
        result: its ``study.json``.
    """

    @property
    def runs(self) -> pl.DataFrame:
        """One row a run: its settings, rates and seed, and what came of it."""
        return sweep_table(self.result, self.folder, OUTCOMES_TABLE)

    @property
    def paths(self) -> pl.DataFrame:
        """Recorded steps of the runs that were watched; of most sweeps there are none."""
        return self._table(PATHS_TABLE)

    @property
    def neurons(self) -> pl.DataFrame:
        """Recorded neurons of the runs that were watched; of most sweeps there are none."""
        return self._table(NEURONS_TABLE)

    def _table(self, name: str) -> pl.DataFrame:
        has = has_table(self.result, self.folder, name)
        return sweep_table(self.result, self.folder, name) if has else pl.DataFrame()

    def _summary(self) -> pl.DataFrame:
        return self.findings


class LoadedStudy(_LoadedResult):
    """A comparison of arms on games, as frames of polars.

    Attributes:
        folder: the study's.
        result: its ``study.json``.
    """

    @property
    def arms(self) -> pl.DataFrame:
        """``game, arm, metric, mean, std, low, high, seeds, diverged, lr_g, lr_d, decay``.

        One row for each metric and measure. ``low`` and ``high`` are the 95 % interval of the mean over the
        confirmation seeds. The rates are those of these runs.
        """
        return pl.DataFrame(
            [
                (
                    *(game.game, arm.arm, name, each.mean, each.std, each.low, each.high, len(each.values)),
                    *(arm.diverged, arm.chosen.lr_g, arm.chosen.lr_d, arm.chosen.decay),
                )
                for game in self.result.games
                for arm in game.arms
                for name, each in arm.estimates.items()
            ],
            schema=_ARMS,
            orient="row",
        )

    @property
    def runs(self) -> pl.DataFrame:
        """``game, arm, seed, metric, value, folder``: every confirmation run, a row for each metric.

        ``seed`` is the place among the confirmation seeds, from 0. `load` reads the run in ``folder``.
        """
        return pl.DataFrame(
            [
                (game.game, arm.arm, seed, name, value, str(self.folder / run))
                for game in self.result.games
                for arm in game.arms
                for name, each in arm.estimates.items()
                for seed, (value, run) in enumerate(zip(each.values, arm.runs, strict=True))
            ],
            schema=_RUNS,
            orient="row",
        )

    @property
    def trials(self) -> pl.DataFrame:
        """``game, arm, trial, seed, lr_g, lr_d, decay, value, is_chosen``: how every arm was tuned.

        ``value`` is the metric that tunes, on a tuning seed. ``trial`` and ``seed`` are counted from 0.
        """
        return pl.DataFrame(
            [
                (
                    *(game.game, arm.arm, number, seed, trial.settings.lr_g, trial.settings.lr_d),
                    *(trial.settings.decay, value, trial.settings == arm.chosen),
                )
                for game in self.result.games
                for arm in game.arms
                for number, trial in enumerate(arm.trials)
                for seed, value in enumerate(trial.values)
            ],
            schema=_TRIALS,
            orient="row",
        )

    def _summary(self) -> pl.DataFrame:
        deciding = [game.metric for game in self.result.games]
        return self.arms.filter(pl.col("metric").is_in(deciding)).drop("diverged", "decay")


Loaded = LoadedRun | LoadedStudy | LoadedSweep

_KINDS: Mapping[str, Callable[[Path, StudyResult], LoadedStudy | LoadedSweep]] = {
    "comparison": LoadedStudy,
    **dict.fromkeys(("run", "phase", "scaling", "vary", "played", "dissection"), LoadedSweep),
}


def load(folder: AnyPath) -> Loaded:
    """The tables of a run, a study or a sweep.

    Args:
        folder: that ``paripassu`` or a probe wrote. A run may still be training.

    Returns:
        `LoadedRun` with ``metrics``, ``losses``, ``updates``, ``layers``, ``shadows`` and ``pace``;
        `LoadedStudy` with ``arms``, ``runs``, ``trials`` and ``findings``; or `LoadedSweep` with ``runs``,
        ``paths``, ``neurons`` and ``findings``. All are frames of polars.

    Raises:
        ValueError: the folder is none of these, is damaged, or was written by another version.

    Example:
        >>> import tempfile
        >>> from paripassu.records import Metric
        >>> from paripassu.records.codec import RecordWriter
        >>> folder = tempfile.mkdtemp()
        >>> with RecordWriter(f"{folder}/records.jsonl") as write:
        ...     write(Metric(0, "fd-digits@2500", 294.0))
        >>> load(folder).metrics["value"].to_list()
        [294.0]
    """
    folder = Path(folder)
    if (folder / STUDY_FILE).exists():
        result = load_record(folder / STUDY_FILE, StudyResult)
        return of_kind(_KINDS, result)(folder, result)
    if (folder / RUN_FILE).exists() or (folder / RECORDS_FILE).exists():
        return LoadedRun(folder)
    raise ValueError(
        elsewhere(folder, "run", "study")
        or f"{folder} holds no run and no study: name a folder that paripassu wrote"
    )
