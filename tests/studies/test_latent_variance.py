"""The rules of latent-variance on both sides of each bound, and its measure."""

import polars as pl
import pytest

from paripassu.protocol.sweeps import PlayedSweep
from paripassu.studies import latent_variance as study

_FIRST, _LAST = "share by samples, first", "share by samples, last"


def _fresh(rule, spectra, gain, drift, spread=0.01):
    rows = []
    for seed in range(8):
        noise = spread * (seed - 3.5)
        common = {"condition": rule, "seed": seed}
        rows += [
            {**common, "arm": study.SPECTRA, "distance": spectra + noise, "diversity": 0.5},
            {**common, "arm": study.NO_TERM, "distance": 1.0, "diversity": 0.5},
            {**common, "arm": study.MOST, "distance": 1.0, "diversity": 0.5 + gain + noise,
             _FIRST: 0.5, _LAST: 0.5 * drift + noise / 10},
        ]  # fmt: skip
    return pl.DataFrame(rows)


@pytest.mark.parametrize(
    ("adam", "nsgda", "outcomes"),
    [
        ((2.0, 0.2, 0.3), (3.0, 0.1, 0.2), ("supported",) * 3),
        ((2.0, 0.2, 0.3), (0.5, -0.1, 0.9), ("contradicted",) * 3),
        ((2.0, 0.2, 0.3), (1.0, 0.0, 0.5), ("undecided",) * 3),
        ((2.0, 0.2, 3.0), (2.0, 0.2, 0.3), ("supported",) * 3),
    ],
)
def test_each_claim_is_judged_under_both_rules(adam, nsgda, outcomes):
    fresh = pl.concat([_fresh("Adam", *adam), _fresh("nSGDA", *nsgda)])
    findings = study.judge(fresh)
    assert [finding.claim for finding in findings] == [study.BETTER, study.DIVERSE, study.DRIFTS]
    assert tuple(finding.verdict.outcome for finding in findings) == outcomes


def test_arms_on_latents_play_at_the_rate_without_the_term():
    sweep = study.STUDY.scale("smoke").design.sweep
    assert isinstance(sweep, PlayedSweep)
    rows = [
        {"condition": cell.condition, "arm": cell.arm, "part": "tuning", "distance": abs(rate - best)}
        for cell in sweep.cells
        for rate in cell.rates
        for best in [cell.rates[0] if cell.arm == study.SPECTRA else cell.rates[2]]
    ]
    fresh = sweep.stages()[1](pl.DataFrame(rows))
    for cell in fresh:
        rates = study.RULES[cell.condition][1]
        assert cell.rates == (rates[0] if cell.arm == study.SPECTRA else rates[2],)
        assert min(cell.seeds) == 1000
    outcomes = fresh[4].compute()["outcomes"]
    assert fresh[4].arm == study.MOST
    assert (outcomes["share by weights, last"] > 0).all()
