"""Records survive being written and read, and what a kill leaves of them."""

import math

import pytest

from paripassu.files import write_whole
from paripassu.records import End, Environment, Losses, Metric, RunHeader, Samples, Update, environment
from paripassu.records.codec import RecordWriter, dump, end_of, load, read_records, rewind

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
    assert end_of(read_records(path)) == RECORDS[-1]


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


def test_rewinding_drops_what_came_after_and_the_end(path):
    rewind(path, 1)
    assert list(read_records(path)) == RECORDS[:2]
    with RecordWriter(path) as write:
        write(RECORDS[2])
    assert list(read_records(path)) == RECORDS[:3]


def test_headers_come_back_and_other_schemas_are_refused(tmp_path):
    where = environment("paripassu train")
    assert where.versions["torch"]
    header = RunHeader({"a": [1, None, "x"]}, where)
    path = tmp_path / "run.json"
    write_whole(path, dump(header))
    assert load(path, RunHeader) == header
    for other in (1, 99):
        path.write_text(dump(header).replace('"schema": 2', f'"schema": {other}'))
        with pytest.raises(ValueError, match=rf"schema version {other}, and this paripassu reads version 2"):
            load(path, RunHeader)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 2}', '{"schema": 2, "surprise": 2}'])
def test_damaged_files_are_named(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ValueError, match=r"run.json is corrupt"):
        load(tmp_path / "run.json", Environment)
