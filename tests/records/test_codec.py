"""Records survive being written and read, and what a kill leaves of them."""

import contextlib
import math
import shutil
from dataclasses import replace

import pytest

from paripassu.files import write_whole
from paripassu.records import End, Environment, Losses, Metric, RunHeader, Samples, Update, environment
from paripassu.records.checkpoints import read_index
from paripassu.records.codec import RecordWriter, dump, load, proved_end, read_records, truncate

RECORDS = [
    Losses(1, 0.1 + 0.2, -1e-300),
    Update(1, "generator", "0.weight", 1.0, 2.0, 3.0, -0.5),
    Metric(2, "fd-digits@1797", 1 / 3),
    Samples(2, "samples/000000002.png"),
    End(3, "finished", "", 1.5),
]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "records.jsonl"
    with RecordWriter(path) as write:
        for record in RECORDS:
            write(record)
    return path


def test_every_kind_comes_back_as_it_went(path):
    assert list(read_records(path)) == RECORDS
    assert proved_end(path) == RECORDS[-1]


def test_what_is_not_finite_is_null_there_and_nan_here(tmp_path):
    with RecordWriter(tmp_path / "r") as write:
        write(Losses(1, math.nan, math.inf))
    assert "null" in (tmp_path / "r").read_text()
    (record,) = read_records(tmp_path / "r")
    assert isinstance(record, Losses)
    assert math.isnan(record.discriminator)
    assert math.isnan(record.generator)


@pytest.mark.parametrize("cut", [1, 10, 30])
def test_a_line_cut_short_by_a_kill_is_left_out(path, cut):
    path.write_text(path.read_text()[:-cut])
    assert list(read_records(path)) == RECORDS[:-1]


def test_a_damaged_line_is_named(path):
    lines = path.read_text().splitlines(keepends=True)
    lines[1] = lines[1][:20] + "\n"
    path.write_text("".join(lines))
    with pytest.raises(ValueError, match=r"records.jsonl, line 2 is no record"):
        list(read_records(path))


def test_bytes_that_are_no_text_are_named(path):
    lines = path.read_bytes().split(b"\n")
    lines[2] = b"\xff\xfe" + lines[2]
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(ValueError, match=r"records.jsonl, line 3 is no record of schema version 2"):
        list(read_records(path))


@pytest.mark.parametrize("cut", [1, 10])
def test_what_is_appended_after_a_kill_begins_a_line_of_its_own(path, cut):
    path.write_text(path.read_text()[:-cut])
    with RecordWriter(path) as write:
        write(RECORDS[-1])
    assert list(read_records(path)) == RECORDS


def test_truncating_drops_what_came_after(path):
    lines = path.read_bytes().splitlines(keepends=True)
    truncate(path, len(lines[0] + lines[1]))
    assert list(read_records(path)) == RECORDS[:2]
    with RecordWriter(path) as write:
        write(RECORDS[2])
    assert list(read_records(path)) == RECORDS[:3]


def test_an_end_is_proved_by_the_records_before_it(path):
    assert proved_end(path) == RECORDS[-1]
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert proved_end(path) is None, place
    path.write_bytes(whole[whole.index(b"\n") + 1 :])
    assert proved_end(path) is None
    path.unlink()
    assert proved_end(path) is None


def test_the_records_of_another_run_have_no_end_here(path, tmp_path):
    """Copied between folders, they are proved by the key of the other run."""
    for key in ("one", "two"):
        (tmp_path / key).mkdir()
        write_whole(tmp_path / key / "run.json", dump(RunHeader({}, environment(""), key=key)))
        with RecordWriter(tmp_path / key / "records.jsonl") as write:
            write(RECORDS[0])
            write(RECORDS[-1])
        assert proved_end(tmp_path / key / "records.jsonl")
    shutil.copy(tmp_path / "one" / "records.jsonl", tmp_path / "two")
    assert proved_end(tmp_path / "two" / "records.jsonl") is None


@pytest.mark.parametrize(
    "line",
    [
        "null",
        "5",
        '"abc"',
        "[]",
        "[" * 100_000,
        '{"step": 99999999999999999999999, "name": "m", "value": 1, "kind": "Metric"}',
        '{"step": -1, "name": "m", "value": 1, "kind": "Metric"}',
        '{"step": true, "name": "m", "value": 1, "kind": "Metric"}',
        '{"step": 1.5, "name": "m", "value": 1, "kind": "Metric"}',
        '{"step": 1, "name": 5, "value": 1, "kind": "Metric"}',
        '{"step": 1, "name": "\\ud800", "value": 1, "kind": "Metric"}',
        '{"step": 1, "name": "m", "value": NaN, "kind": "Metric"}',
        '{"step": 1, "name": "m", "value": 1e999, "kind": "Metric"}',
        '{"step": 1, "name": "m", "value": "1", "kind": "Metric"}',
        '{"step": 1, "player": "g", "against": "d", "value": -2.0, "kind": "Pace"}',
        '{"step":1,"player":"g","layer":"","gradient":1,"update":-1,"weight":1,"cosine":0,"kind":"Update"}',
        '{"step": 1, "outcome": ["finished"], "reason": "", "seconds": 1, "kind": "End"}',
    ],
)
def test_a_line_of_another_shape_is_named(path, line):
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(ValueError, match=r"records.jsonl, line 6 is no record"):
        list(read_records(path))


def test_headers_come_back_and_other_schemas_are_refused(tmp_path):
    where = environment("paripassu train")
    assert where.versions["torch"]
    header = RunHeader({"a": [1, None, "x"]}, where)
    path = tmp_path / "run.json"
    write_whole(path, dump(header))
    assert load(path, RunHeader) == header
    for other in (1, 99):
        path.write_text(dump(replace(header, schema=other)))
        with pytest.raises(ValueError, match=rf"schema version {other}, and this paripassu reads version 2"):
            load(path, RunHeader)


def test_any_flipped_bit_of_a_header_is_found(tmp_path):
    path = tmp_path / "run.json"
    header = RunHeader({"steps": 40, "a": [1.5, None]}, environment("paripassu train"))
    whole = dump(header).encode()
    for place in range(len(whole)):
        for bit in (1, 32):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            with contextlib.suppress(_Named):
                assert _loaded(path) == header  # the bit was in a space between two words


class _Named(Exception):
    pass


def _loaded(path):
    try:
        return load(path, RunHeader)
    except ValueError as error:
        raise _Named if "run.json is corrupt" in str(error) else error from error


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"schema": 2}', '{"schema": 2, "surprise": 2}', "[" * 100_000]
)
def test_damaged_files_are_named(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ValueError, match=r"run.json is corrupt"):
        load(tmp_path / "run.json", Environment)


def test_too_little_memory_is_no_damage(path, tmp_path, monkeypatch):
    """Nobody deletes a run for that."""
    write_whole(tmp_path / "run.json", dump(RunHeader({}, environment(""))))

    def full(*_, **__):
        raise MemoryError

    monkeypatch.setattr("json.loads", full)
    with pytest.raises(MemoryError):
        load(tmp_path / "run.json", RunHeader)
    with pytest.raises(MemoryError):
        list(read_records(path))
    (tmp_path / "step-000000001").mkdir()
    (tmp_path / "step-000000001" / "checkpoint.json").write_text("{}")
    with pytest.raises(MemoryError):
        read_index(tmp_path / "step-000000001")
