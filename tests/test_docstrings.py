"""Every public name says how it is used, and has its place in the API's page."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest


@pytest.mark.parametrize("package", ["paripassu", "rules", "optim", "probe", "theory", "classifiers"])
def test_every_public_class_and_function_has_an_example(package):
    module = importlib.import_module("paripassu" if package == "paripassu" else f"paripassu.{package}")
    public = {name: getattr(module, name) for name in module.__all__}
    code = {n: v for n, v in public.items() if inspect.isclass(v) or inspect.isfunction(v)}
    assert code
    assert [name for name, value in code.items() if ">>> " not in (inspect.getdoc(value) or "")] == []


ROOT = Path(__file__).parents[1]
DIRECTIVE = re.compile(r"^::: (paripassu[\w.]*)\n(?: +options: \{members: \[(.*?)\]\})?", re.MULTILINE)


@cache
def _nodes(module: str) -> list[ast.stmt]:
    path = ROOT / "src" / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8")).body


def _public() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "src").rglob("__init__.py")):
        package = ".".join(path.parent.relative_to(ROOT / "src").parts)
        for node in _nodes(package):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                names = ast.literal_eval(node.value)
                yield from ((package, name) for name in names if not name.startswith("_"))


def _home(module: str, name: str) -> tuple[str, str]:
    """The module that defines what ``module`` has under a name; a package is its own."""
    for node in ast.walk(ast.Module(_nodes(module), [])):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    inner = f"{node.module}.{alias.name}"
                    is_package = (ROOT / "src" / inner.replace(".", "/") / "__init__.py").is_file()
                    return (inner, "") if is_package else _home(node.module or "", alias.name)
    if module == "paripassu" and name == "rules":
        return "paripassu.rules", ""
    return module, name


def _docstring(module: str, name: str) -> str:
    nodes = _nodes(module)
    if not name:
        return ast.get_docstring(ast.Module(nodes, [])) or ""
    for node, after in zip(nodes, [*nodes[1:], ast.Pass()], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return ast.get_docstring(node) or ""
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if ast.unparse(target) == name and isinstance(after, ast.Expr):
                return str(ast.literal_eval(after.value))
    return ""


def test_every_public_name_has_a_docstring():
    """A value, such as a loss or a type, has it below."""
    homes = {(package, name): _home(package, name) for package, name in _public()}
    assert len(homes) > 200
    assert [f"{package}.{name}" for (package, name), home in homes.items() if not _docstring(*home)] == []


def test_every_public_name_has_its_place_in_the_apis_page():
    found = DIRECTIVE.findall((ROOT / "docs" / "api.md").read_text(encoding="utf-8"))
    whole = {module for module, members in found if not members}
    alone = {(module, name) for module, members in found if members for name in members.split(", ")}
    everywhere = {_home(package, name) for package, name in _public() if package in whole}
    homes = {(package, name): _home(package, name) for package, name in _public()}
    shown = everywhere | alone | {(package, "") for package in whole}
    assert [f"{package}.{name}" for (package, name), home in homes.items() if home not in shown] == []
