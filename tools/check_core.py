"""Check that an installed core needs torch, numpy and what those need, and nothing else.

Run it with the Python of an environment that has the core alone (``make test-core`` does):

    .venv-core/bin/python tools/check_core.py
"""

import subprocess
import sys
from collections import Counter
from importlib.metadata import packages_distributions, requires
from importlib.util import find_spec

import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import paripassu as pp
from paripassu import extras, rules

# torch itself needs these two.
OF_TORCH = {"filelock", "jinja2"}


def needed(*names: str) -> set[str]:
    """The distributions with these names and all that they require without extras."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = canonicalize_name(left.pop())
        if name not in found:
            found.add(name)
            wanted = [Requirement(text) for text in requires(name) or ()]
            left += [r.name for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found


def use_everything() -> int:
    """Make each optimizer, probe a few steps of each, suggest rates from the records; return their number."""
    adam, sgd = rules.Adam(), rules.SGD(momentum=0.9)
    makers = {
        "NSGD": lambda p: pp.NSGD(p, 1e-3),
        "AdaNSGD": lambda p: pp.AdaNSGD(p, 1e-3),
        "AdaDir": lambda p: pp.AdaDir(p, 1e-3),
        "Graft": lambda p: pp.Graft(p, 1e-3, magnitude=adam, direction=sgd),
        "Graft of RMSprop": lambda p: pp.Graft(p, 1e-3, magnitude=rules.RMSprop(), direction=sgd),
    }
    records: list[object] = []
    for name, make in makers.items():
        network = torch.nn.Linear(3, 2)
        optimizer = make(network.named_parameters())
        probe = pp.Probe({name: optimizer}, every=1, writer=records.append)
        for _ in range(2):
            optimizer.zero_grad()
            network(torch.ones(4, 3)).square().mean().backward()
            optimizer.step()
        probe.detach()
        pp.suggest_lr(records, name)
    return Counter(type(record).__name__ for record in records).total()


def main() -> None:
    """Fail with one sentence, or report what was checked."""
    installed = [name for name in extras.LAB if name not in OF_TORCH and find_spec(name)]
    if installed:
        sys.exit(f"not an environment of the core alone: it has {', '.join(installed)}")

    count = use_everything()
    owners = packages_distributions()
    used = {name for module in set(sys.modules) for name in owners.get(module.partition(".")[0], ())}
    # This script imports packaging.
    strangers = {canonicalize_name(name) for name in used} - needed(
        "torch", "numpy", "packaging", "paripassu"
    )
    if strangers:
        sys.exit(f"the core imported {', '.join(sorted(strangers))}")

    command = subprocess.run([sys.executable, "-m", "paripassu", "demo"], capture_output=True, text=True)
    if command.returncode != 2 or "paripassu[lab]" not in command.stderr or command.stderr.count("\n") != 1:
        sys.exit(f"without the laboratory, a command exits {command.returncode}: {command.stderr}")
    print(f"core alone: {count} records of the probe; only torch, numpy and what they need was imported")


if __name__ == "__main__":
    main()
