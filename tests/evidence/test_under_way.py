"""A run under way is seen from its records, each read once."""

from tests.cases.folders import run_folder

from paripassu.evidence.under_way import UnderWay


def test_no_records_are_no_steps(tmp_path):
    run = UnderWay(tmp_path / "run", 10)
    run.look()
    assert (run.step, run.metrics, run.has_begun, run.has_ended) == (0, {}, False, False)


def test_looks_at_growing_records_agree_with_one_look_at_all(tmp_path):
    run_folder(tmp_path / "run")
    records = tmp_path / "run" / "records.jsonl"
    whole = records.read_bytes()
    growing = UnderWay(tmp_path / "run", 10)
    for end in range(0, len(whole), 97):
        records.write_bytes(whole[:end])
        growing.look()
    records.write_bytes(whole)
    growing.look()
    at_once = UnderWay(tmp_path / "run", 10)
    at_once.look()
    assert growing == at_once
    assert (growing.step, growing.has_ended) == (10, True)
    assert growing.metrics == {"mode-overlap@50": [(0, 0.0), (5, 0.25), (10, 0.5)]}


def test_a_run_that_went_back_is_read_anew(tmp_path):
    run_folder(tmp_path / "run")
    run = UnderWay(tmp_path / "run", 10)
    run.look()
    records = tmp_path / "run" / "records.jsonl"
    records.write_bytes(b"".join(records.read_bytes().splitlines(keepends=True)[:3]))
    run.look()
    assert (run.step, run.has_ended, run.metrics) == (0, False, {"mode-overlap@50": [(0, 0.0)]})


def test_damaged_lines_are_passed_over(tmp_path):
    (tmp_path / "records.jsonl").write_bytes(
        b'{"kind": "Metric", "step": null}\n\xff\xfe"Metric"\n[]\n{"Metric"\n"Metric"' + b"[" * 100_000 + b"\n"
    )
    run = UnderWay(tmp_path, 10)
    run.look()
    assert (run.step, run.metrics) == (0, {})
