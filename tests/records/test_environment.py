"""Where a run ran: the commit is this package's or none."""

import subprocess
from importlib import import_module

# The package has a function of the same name.
module = import_module("paripassu.records.environment")


def git(folder, *arguments):
    who = ("-c", "user.name=n", "-c", "user.email=n@example.org")
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


def test_a_package_inside_of_another_checkout_has_no_commit(tmp_path, monkeypatch):
    """An environment in ``.venv`` of a person's project: that project's commit says nothing of ours."""
    installed = tmp_path / ".venv" / "paripassu" / "records" / "environment.py"
    installed.parent.mkdir(parents=True)
    installed.touch()
    (tmp_path / ".gitignore").write_text(".venv\n")
    git(tmp_path, "init")
    git(tmp_path, "add", ".gitignore")
    git(tmp_path, "commit", "-m", "mine")
    monkeypatch.setattr(module, "__file__", str(installed))
    assert module._commit.__wrapped__() == ""
    git(tmp_path, "add", "-f", ".venv")
    git(tmp_path, "commit", "-m", "a checkout that has it")
    assert len(module._commit.__wrapped__()) == 12
