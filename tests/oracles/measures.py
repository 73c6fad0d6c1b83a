"""Measures of a run from its records, one by one: the slow twin of `paripassu.evidence.measures`."""

import math
from collections import defaultdict

import numpy as np

from paripassu.records import Pace, Update

WARM_UP = 0.1


def _logarithms(records):
    return np.log10([r.value for r in records if isinstance(r, Pace) and 0 < r.value < math.inf])


def pace_gap(records):
    logarithms = _logarithms(records)
    return float(np.abs(logarithms).mean()) if logarithms.size else math.nan


def pace_wander(records):
    logarithms = _logarithms(records)
    return float(logarithms.std()) if logarithms.size else math.nan


def step_wander(records):
    return _wander(records, lambda update: update.update)


def gradient_wander(records):
    return _wander(records, lambda update: update.gradient)


def _wander(records, length):
    end = max((r.step for r in records), default=0)
    lengths = defaultdict(list)
    for record in records:
        if isinstance(record, Update) and record.layer and record.step > WARM_UP * end:
            lengths[record.player, record.layer].append(length(record))
    varied = [np.std(own) / np.mean(own) for own in lengths.values() if np.mean(own) > 0]
    return float(np.median(varied)) if varied else math.nan
