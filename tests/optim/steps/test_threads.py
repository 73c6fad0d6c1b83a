"""Functions on torch's threads, and what serves without them."""

from types import SimpleNamespace

from paripassu.optim.steps import threads


def test_without_torchs_openmp_a_pool_serves(monkeypatch):
    monkeypatch.setattr(threads, "_openmp", lambda: None)
    calls = []
    work = SimpleNamespace(address=0, ctypes=calls.append)
    threads.run_on_threads(work, 7, 3)
    assert calls == [7] * 3
    threads.run_on_threads(work, 7, 1)
    assert len(calls) == 4
