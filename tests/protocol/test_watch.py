"""Runs under way are looked at in a thread, whose failures are the caller's."""

import pytest

from paripassu.protocol import watch
from paripassu.protocol.watch import watched


def test_what_a_report_raises_in_the_thread_is_raised_at_the_end(monkeypatch):
    """Or a page on a full disk would print a traceback, and the study would end as if all were well."""
    monkeypatch.setattr(watch, "_SECONDS", 0.001)
    reports = []

    def report(done, runs):
        reports.append((done, runs))
        if len(reports) > 1:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        _watch_until_it_fails(report, reports)


def _watch_until_it_fails(report, reports):
    with watched([], report):
        while len(reports) < 2:
            pass


def test_looks_end_with_the_block(monkeypatch):
    monkeypatch.setattr(watch, "_SECONDS", 0.001)
    reports = []
    with watched([], lambda done, runs: reports.append((done, runs))):
        while len(reports) < 3:
            pass
    assert reports == [(0, [])] * len(reports)
