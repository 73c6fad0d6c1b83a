"""What the package needs, what its files say that it needs, and what a command says without it."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import paripassu
from paripassu import extras
from paripassu.__main__ import main

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Modules that a distribution of another name brings.
BROUGHT_BY = {
    "PIL": "pillow",
    "llvmlite": "numba",
    "markupsafe": "jinja2",
    "sklearn": "scikit-learn",
    "torch_fidelity": "torch-fidelity",
    "triton": "torch",
}


def _declared(*parts: str) -> set[str]:
    wanted = [*PROJECT["dependencies"]] if "core" in parts else []
    for extra in PROJECT["optional-dependencies"].keys() & set(parts):
        wanted += PROJECT["optional-dependencies"][extra]
    return {canonicalize_name(Requirement(text).name) for text in wanted} - {"paripassu"}


def _imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - {"paripassu"}


def _locked(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text()
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE))
    for included in re.findall(r"^-r (\S+)$", text, re.MULTILINE):
        pinned |= _locked(included)
    return pinned


def test_every_package_that_is_imported_is_declared():
    imported = {name for path in (ROOT / "src").rglob("*.py") for name in _imported(path)}
    needed = {canonicalize_name(BROUGHT_BY.get(name, name)) for name in imported}
    assert needed <= _declared("core", *PROJECT["optional-dependencies"])


def test_the_error_knows_every_package_of_the_laboratory():
    known = {canonicalize_name(BROUGHT_BY.get(name, name)) for name in extras.LAB}
    assert known == _declared("fast", "lab")


@pytest.mark.parametrize(("lock", "parts"), [("core.txt", ["core"]), ("run.txt", ["core", "fast", "lab"])])
def test_locks_have_versions_that_are_allowed(lock, parts):
    pinned = _locked(lock)
    wanted = [*PROJECT["dependencies"]]
    for extra in parts[1:]:
        wanted += PROJECT["optional-dependencies"][extra]
    for requirement in (Requirement(text) for text in wanted if not text.startswith("paripassu")):
        assert requirement.specifier.contains(pinned[requirement.name]), requirement


def test_locks_agree():
    versions: dict[str, set[str]] = {}
    for path in (ROOT / "requirements").glob("*.txt"):
        for name, version in _locked(path.name).items():
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


LAZY = """
import sys
import torch, numpy
before = set(sys.modules)
import paripassu
new = {name.partition(".")[0] for name in sys.modules.keys() - before}
sys.exit(" ".join(sorted(new - set(sys.stdlib_module_names) - {"torch", "numpy", "paripassu"})) or 0)
"""


def test_an_import_takes_torch_and_numpy_alone_without_docstrings_too():
    done = subprocess.run([sys.executable, "-OO", "-c", LAZY], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


WITHOUT_TYRO = """
import sys
sys.modules["tyro"] = None
from paripassu.__main__ import main
sys.exit(main(["demo"]))
"""


def test_a_command_without_the_laboratory_names_the_extra():
    done = subprocess.run([sys.executable, "-OO", "-c", WITHOUT_TYRO], capture_output=True, text=True)
    assert done.stderr == "paripassu: the command line needs tyro: pip install 'paripassu[lab]'\n"
    assert done.returncode == 2


def test_a_module_that_is_not_of_the_laboratory_is_not_explained_away():
    with pytest.raises(ModuleNotFoundError, match="nothing"), extras.laboratory("the test"):
        __import__("paripassu.nothing")


def test_the_version_needs_no_laboratory(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"paripassu {paripassu.__version__}\n"
