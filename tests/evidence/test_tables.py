"""A run's table says what its records say, and is made anew when it no longer belongs to them."""

import errno
import math
import os
import shutil
import string

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from tests.cases.folders import run_folder

from paripassu.evidence import parse, tables
from paripassu.evidence.tables import (
    INDEX_FILE,
    SCHEMA,
    TABLE_FILE,
    RunEnd,
    run_ends,
    run_table,
    run_tables,
    write_run_table,
)
from paripassu.records import End, Losses, Metric, Pace, Samples, Shadow, Update
from paripassu.records.codec import RecordWriter, read_records

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
SIZES = NUMBERS.map(abs)
STEPS = st.integers(0, 10**12)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["", '"', "\\", "\n", "é😀", "\x7f\x00", '", "kind": "End"}']
)
RECORDS = (
    st.builds(Losses, STEPS, NUMBERS, NUMBERS)
    | st.builds(Update, STEPS, TEXTS, TEXTS, SIZES, SIZES, SIZES, NUMBERS)
    | st.builds(Shadow, STEPS, TEXTS, TEXTS, TEXTS, SIZES, SIZES, NUMBERS)
    | st.builds(Pace, STEPS, TEXTS, TEXTS, SIZES)
    | st.builds(Metric, STEPS, TEXTS, NUMBERS)
    | st.builds(Samples, STEPS, TEXTS)
)


def slow_table(path):
    """The twin of `run_table`: records read one by one."""
    rows = [
        {"kind": type(record).__name__} | {k: v for k, v in vars(record).items() if k != "sha256"}
        for record in read_records(path)
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def write(folder, *records):
    folder.mkdir(parents=True, exist_ok=True)
    with RecordWriter(folder / "records.jsonl") as append:
        for record in records:
            append(record)


@given(records=st.lists(RECORDS, max_size=8), has_ended=st.booleans())
def test_a_table_is_what_the_slow_reader_reads(records, has_ended, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    records.sort(key=lambda record: record.step)
    write(folder, *records, *([End(10**12, "finished", "", 1 / 3)] if has_ended else []))
    expected = slow_table(folder / "records.jsonl")
    assert_frame_equal(run_table(folder), expected)
    assert (folder / TABLE_FILE).is_file() == has_ended
    assert_frame_equal(run_table(folder), expected)


def test_records_as_we_write_them_need_no_slow_reader(tmp_path, monkeypatch):
    run_folder(tmp_path / "run")
    expected = slow_table(tmp_path / "run" / "records.jsonl")
    monkeypatch.setattr(parse, "read_records", None)
    assert_frame_equal(run_table(tmp_path / "run"), expected)


def test_json_written_by_another_program_is_read_too(tmp_path):
    (tmp_path / "records.jsonl").write_text('{"kind":"Metric","value":1,"name":"m","step":3}\n')
    assert run_table(tmp_path).select("kind", "step", "name", "value").rows() == [("Metric", 3, "m", 1.0)]


def test_an_ended_run_is_parsed_once(tmp_path, monkeypatch):
    run_folder(tmp_path / "run")
    write_run_table(tmp_path / "run")
    monkeypatch.setattr(tables, "parse", None)
    assert len(run_table(tmp_path / "run")) == 3 * 8 + 1
    assert len(run_tables([tmp_path / "run"], ["Metric"])) == 3
    assert run_ends([tmp_path / "run"]) == [
        RunEnd("finished", 10, 1.0, {"mode-overlap@50": 0.5}, {"mode-overlap@50": 0.0})
    ]


@pytest.mark.parametrize(
    "line",
    [
        b'{"step": 1, "value": 0.5, "kind": "Metric"}',
        b'{"step": 1, "name": "m", "value": "much", "kind": "Metric"}',
        b'{"step": 1, "name": "m", "value": 0.5, "more": 1, "kind": "Metric"}',
        b'{"step": 1, "name": "m", "value": 0.5, "kind": "Meter"}',
        b'{"step": 1, "outcome": "lost", "reason": "", "seconds": 1.0, "kind": "End"}',
        b'{"step": 1, "name": "m", "val',
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"step": 99999999999999999999999, "name": "m", "value": 0.5, "kind": "Metric"}',
        b'{"step": 1, "name": "m", "value": 1e999, "kind": "Metric"}',
        b'{"step": -1, "name": "m", "value": 0.5, "kind": "Metric"}',
        b"",
    ],
)
def test_a_damaged_line_is_named(line, tmp_path):
    run_folder(tmp_path / "run")
    path = tmp_path / "run" / "records.jsonl"
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:2], line, *lines[2:]]))
    for read in (run_table, write_run_table, lambda folder: run_tables([folder], ["Metric"])):
        with pytest.raises(ValueError, match=r"records\.jsonl, line 3 is no record of schema version"):
            read(tmp_path / "run")
    assert not (tmp_path / "run" / TABLE_FILE).exists()


@pytest.mark.parametrize("damage", ["table", "body", "bit", "index", "other run", "no table", "no index"])
def test_a_table_that_does_not_belong_is_made_anew(damage, tmp_path):
    folder, other = tmp_path / "run", tmp_path / "other"
    run_folder(folder)
    run_folder(other, steps=(0, 20, 40))
    for each in (folder, other):
        write_run_table(each)
    path = folder / TABLE_FILE
    whole = path.read_bytes()
    if damage == "table":
        path.write_bytes(whole[:100])
    elif damage == "body":
        path.write_bytes(whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])
    elif damage == "bit":
        path.write_bytes(whole[:50] + bytes([whole[50] ^ 1]) + whole[51:])
    elif damage == "index":
        index = (folder / INDEX_FILE).read_text()
        (folder / INDEX_FILE).write_text(index.replace('"mode-overlap@50": 0.5', '"mode-overlap@50": 0.4'))
    elif damage == "other run":
        shutil.copy(other / TABLE_FILE, path)
        shutil.copy(other / INDEX_FILE, folder)
    elif damage == "no table":
        path.unlink()
    else:
        (folder / INDEX_FILE).unlink()
    expected = slow_table(folder / "records.jsonl")
    found = run_tables([other, folder], ["Metric", "End"])
    chosen = expected.filter(pl.col("kind").is_in(["Metric", "End"]))
    assert_frame_equal(found.filter(run=1).drop("run"), chosen.select(found.drop("run").columns))
    assert_frame_equal(run_table(folder), expected)
    assert run_ends([folder]) == [
        RunEnd("finished", 10, 1.0, {"mode-overlap@50": 0.5}, {"mode-overlap@50": 0.0})
    ]


def test_a_table_without_records_is_none(tmp_path):
    run_folder(tmp_path)
    assert len(run_table(tmp_path))
    (tmp_path / "records.jsonl").unlink()
    assert run_ends([tmp_path]) == [None]
    assert run_table(tmp_path).is_empty()


def _without_last_metric(lines):
    return [line for line in lines if not (b"Metric" in line and b'"step": 10' in line)]


@pytest.mark.parametrize("made", [False, True])
@pytest.mark.parametrize(
    "damage",
    [
        _without_last_metric,
        lambda lines: lines[-1:],
        lambda lines: [],
        lambda lines: [*lines[:3], *lines[4:]],
    ],
)
def test_a_run_whose_records_were_lost_has_not_ended(damage, made, tmp_path):
    """Else a study would count it as diverged, for it has no final metric."""
    run_folder(tmp_path)
    if made:
        write_run_table(tmp_path)
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"".join(damage(path.read_bytes().splitlines(keepends=True))))
    assert run_ends([tmp_path]) == [None]
    assert_frame_equal(run_table(tmp_path), slow_table(path))


def test_a_run_with_a_changed_digit_has_not_ended(tmp_path):
    """Its table, made before, has what was written."""
    run_folder(tmp_path)
    written = run_table(tmp_path)
    path = tmp_path / "records.jsonl"
    path.write_text(path.read_text().replace("0.5", "0.8", 1))
    assert run_ends([tmp_path]) == [None]
    assert_frame_equal(run_table(tmp_path), written)


def test_steps_that_go_back_are_named(tmp_path):
    """Such as those of lines that damage has copied to the end."""
    run_folder(tmp_path)
    path = tmp_path / "records.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[0]]))
    words = rf"records\.jsonl, line {len(lines) + 1}: a record of step 0 comes after one of step 10"
    with pytest.raises(ValueError, match=words):
        run_table(tmp_path)


def test_many_runs_are_their_tables_in_order(tmp_path):
    """A run that has not ended, one without records, one twice, and names that are patterns elsewhere."""
    folders = [tmp_path / name for name in ("b[1]", "a=*", "unended", "empty", "nowhere")]
    for number, folder in enumerate(folders[:3]):
        run_folder(folder, steps=range(0, 10 * number + 10, 5), end=folder.name != "unended")
    folders[3].mkdir()
    folders_read = [*folders, folders[0]]
    kinds = ["Metric", "Samples", "Shadow"]
    found = run_tables(folders_read, kinds)
    assert found["run"].is_sorted()
    for number, folder in enumerate(folders_read):
        own = run_table(folder).filter(pl.col("kind").is_in(kinds))
        assert_frame_equal(found.filter(run=number).drop("run"), own.select(found.drop("run").columns))
    fields = {
        "kind",
        "step",
        "name",
        "value",
        "path",
        "player",
        "layer",
        "rule",
        "magnitude",
        "ratio",
        "cosine",
    }
    assert set(found.columns) == fields | {"run"}
    assert run_tables([], kinds).schema == found.schema
    assert not (folders[2] / TABLE_FILE).exists()


def test_ends_say_how_runs_ended(tmp_path):
    write(
        tmp_path / "good",
        Metric(0, "fd-x@5", 3.0),
        Metric(1, "fd-x@5", 4.0),
        Metric(3, "m", 9.0),
        Metric(4, "early", 1.0),
        Metric(5, "m", 1.0),
        Metric(5, "m", 2.0),
        Metric(5, "n", math.nan),
    )
    write(tmp_path / "good", End(5, "finished", "", 0.5))
    write(tmp_path / "bad", Metric(5, "m", 1.0), End(5, "diverged", "the loss is not finite", 1.5))
    write(tmp_path / "unended", Metric(5, "m", 1.0))
    (tmp_path / "empty").mkdir()
    folders = [tmp_path / name for name in ("good", "bad", "unended", "empty", "nowhere")]
    expected = [
        RunEnd("finished", 5, 0.5, {"m": 2.0}, {"early": 1.0, "fd-x@5": 4.0, "m": 1.0}),
        RunEnd("diverged", 5, 1.5, {}, {"m": 1.0}),
        *3 * [None],
    ]
    assert run_ends(folders) == expected
    assert run_ends(folders) == expected  # from the tables


@pytest.mark.parametrize("cut", [1, 20])
def test_a_run_whose_end_was_cut_short_has_not_ended(cut, tmp_path):
    run_folder(tmp_path)
    write_run_table(tmp_path)
    text = (tmp_path / "records.jsonl").read_text()
    (tmp_path / "records.jsonl").write_text(text[:-cut])
    assert run_ends([tmp_path]) == [None]
    assert run_table(tmp_path)["kind"].to_list()[-1] == "Pace"


def test_text_that_looks_like_an_end_is_none(tmp_path):
    write(tmp_path, Metric(1, '"kind": "End"', 1.0))
    assert run_ends([tmp_path]) == [None]
    write_run_table(tmp_path)
    assert not (tmp_path / TABLE_FILE).exists()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_cannot_be_written_is_read(number, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    run_folder(tmp_path / "run")
    monkeypatch.setattr(tables, "replacing", refuse)
    assert run_ends([tmp_path / "run"])[0].finals == {"mode-overlap@50": 0.5}
    assert len(run_table(tmp_path / "run")) == 25


def test_a_full_disk_is_no_silence(tmp_path, monkeypatch):
    run_folder(tmp_path / "run")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        write_run_table(tmp_path / "run")
    assert not list((tmp_path / "run").glob("*.parquet*"))


def test_every_printable_character_survives(tmp_path):
    write(tmp_path, Metric(1, string.printable, 1.0), End(1, "finished", "", 1.0))
    assert run_ends([tmp_path])[0].finals == {string.printable: 1.0}
