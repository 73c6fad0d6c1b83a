"""The schema of what runs and studies write: plain dataclasses that writers and readers share.

`paripassu.records.codec` turns them into JSON and back.
"""

from paripassu.records.environment import Environment, environment, usable_cores
from paripassu.records.run import (
    RECORDS_FILE,
    RUN_FILE,
    End,
    Losses,
    Measured,
    Metric,
    Outcome,
    Pace,
    PlayerName,
    Record,
    RunHeader,
    RunImages,
    RunStart,
    Samples,
    Shadow,
    Update,
)
from paripassu.records.schema import SCHEMA
from paripassu.records.study import (
    STUDY_FILE,
    ArmResult,
    Better,
    Effect,
    Estimate,
    Finding,
    Fit,
    GameResult,
    RateResult,
    StudyResult,
    Verdict,
    VerdictName,
)

__all__ = [
    "RECORDS_FILE",
    "RUN_FILE",
    "SCHEMA",
    "STUDY_FILE",
    "ArmResult",
    "Better",
    "Effect",
    "End",
    "Environment",
    "Estimate",
    "Finding",
    "Fit",
    "GameResult",
    "Losses",
    "Measured",
    "Metric",
    "Outcome",
    "Pace",
    "PlayerName",
    "RateResult",
    "Record",
    "RunHeader",
    "RunImages",
    "RunStart",
    "Samples",
    "Shadow",
    "StudyResult",
    "Update",
    "Verdict",
    "VerdictName",
    "environment",
    "usable_cores",
]
