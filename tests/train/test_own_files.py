"""A person's file is imported once a text, from its path, and its errors name file and line."""

import pickle
import sys

import pytest
from tests.cases import own

from paripassu.train.own_files import OwnPartError, load_file, origin_of


def test_a_file_is_imported_once(tmp_path):
    path = own.write(tmp_path)
    assert load_file(path) is load_file(str(path))


def test_another_text_is_another_module(tmp_path):
    """Even of equal length and written within the same second."""
    path = tmp_path / "mine.py"
    path.write_text("ANSWER = 1")
    old = load_file(path)
    path.write_text("ANSWER = 2")
    assert (old.ANSWER, load_file(path).ANSWER) == (1, 2)


def test_a_module_that_is_there_is_not_imported_again():
    assert load_file(__file__) is sys.modules[__name__]
    assert load_file(own.__file__) is own


def test_objects_of_a_file_can_be_pickled(tmp_path):
    made = load_file(own.write(tmp_path)).Sign(0.25)
    assert pickle.loads(pickle.dumps(made)) == made


def test_a_file_may_import_its_neighbours(tmp_path):
    (tmp_path / "neighbour_of_mine.py").write_text("ANSWER = 42")
    path = tmp_path / "mine.py"
    path.write_text("from neighbour_of_mine import ANSWER")
    assert load_file(path).ANSWER == 42


def test_nothing_is_written_beside_a_file(tmp_path):
    load_file(own.write(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import torch\n\n1 / 0\n", "mine.py, line 3: ZeroDivisionError: division by zero"),
        ("def broken(:\n", "mine.py, line 1: invalid syntax"),
        ("import nowhere_to_be_found\n", "mine.py, line 1: ModuleNotFoundError"),
        ("import json\njson.loads('{')\n", "mine.py, line 2: JSONDecodeError"),
        ("raise SystemExit(3)\n", "mine.py, line 1: SystemExit: 3"),
    ],
)
def test_errors_while_a_file_is_imported_name_its_line(tmp_path, text, said):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(OwnPartError, match="cannot be imported: ") as caught:
        load_file(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not any(getattr(module, "__file__", None) == str(path) for module in sys.modules.values())


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(OwnPartError, match=r"nowhere\.py cannot be read \(No such file"):
        load_file(tmp_path / "nowhere.py")


def test_a_class_inside_a_function_has_no_origin():
    class Local:
        pass

    with pytest.raises(OwnPartError, match=r"Local is defined inside a function of .*define it at the top"):
        origin_of(Local)
