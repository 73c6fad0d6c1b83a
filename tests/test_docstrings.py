"""Every public name says how it is used."""

import importlib
import inspect

import pytest


@pytest.mark.parametrize("package", ["paripassu", "rules", "optim", "probe", "theory", "classifiers"])
def test_every_public_class_and_function_has_an_example(package):
    module = importlib.import_module("paripassu" if package == "paripassu" else f"paripassu.{package}")
    public = {name: getattr(module, name) for name in module.__all__}
    code = {n: v for n, v in public.items() if inspect.isclass(v) or inspect.isfunction(v)}
    assert code
    assert [name for name, value in code.items() if ">>> " not in (inspect.getdoc(value) or "")] == []
