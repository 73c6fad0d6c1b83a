"""One configuration of the framework is judged on C4, C5 and C6, in the order that a reader needs."""

import polars as pl
import pytest
from tests.cases.folders import outcomes

from paripassu.protocol.sweeps import RunSweep, Tables
from paripassu.studies import custom
from paripassu.theory import Framework

_SWEEP = RunSweep(Framework(d=1000))


def _tables(nsgda, sgda, gap_nsgda, gap_sgda):
    runs = [outcomes(nsgda, 16, part="run", method="nsgda"), outcomes(sgda, 16, part="run", method="sgda")]
    at = {"lr_d": 0.1, "lr_g": 0.01, "pace_g": 1.0}
    paths = [
        pl.DataFrame(at | {"method": method, "seed": range(16), "pace_d": 10.0**gap})
        for method, gap in (("nsgda", gap_nsgda), ("sgda", gap_sgda))
    ]
    return Tables(pl.concat(runs), pl.concat(paths), pl.DataFrame())


def _judged(*given):
    design = custom.run(_SWEEP).scale(custom.SCALE).design
    return design.verdict(_SWEEP, _tables(*given)).findings


@pytest.mark.parametrize(
    ("given", "outcomes"),
    [
        ((16, 0, 0.1, 3.0), ["supported", "supported", "supported"]),
        ((16, 0, 0.97, 4.57), ["supported", "supported", "undecided"]),  # far nearer, and not equal
        ((8, 8, 0.97, 0.5), ["undecided", "undecided", "contradicted"]),  # further
        ((1, 16, 0.1, 0.0), ["contradicted", "contradicted", "contradicted"]),
    ],
)
def test_one_pair_of_rates_is_judged_on_three_claims(given, outcomes):
    findings = _judged(*given)
    assert [finding.claim[:2] for finding in findings] == ["C4", "C5", "C6"]
    assert [finding.verdict.outcome for finding in findings] == outcomes


def test_what_was_seen_is_said_before_the_numbers():
    recovered, collapsed, pace = (finding.verdict.reason for finding in _judged(16, 0, 0.97, 4.57))
    assert "16 of 16 seeds find every mode, first at step" in recovered
    assert "0 of 16 seeds find every mode;" in collapsed
    assert pace.startswith(
        "Normalising brings the pace 4,000 times nearer to 1, but not within a factor of two"
    )
    assert _judged(8, 8, 0.97, 0.5)[2].verdict.reason.startswith(
        "Normalising brings the pace 3 times further"
    )
