"""Run README's commands that train, measure and show a run, and hold what its generator reached.

    python tools/readme.py

They run in a temporary folder, as README has them. Left out are those that need an extra, a person's own
data or several GPUs. ``make test-readme`` runs this.
"""

import json
import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
RUN, METRIC = "runs/mine", "fd-digits@2500"
AT_MOST = 16.0  # 8.3 after 500 updates on an AMD EPYC; a generator that has learned nothing has hundreds
_ELSEWHERE = ("efficientnet", "torchrun")


def commands(text: str) -> list[str]:
    """The commands of a text about the run that README's first one trains."""
    typed = [line.removeprefix("$ ").partition("#")[0].strip() for line in text.splitlines()]
    about = [line for line in typed if RUN in line or line.startswith("paripassu runs ")]
    return [line for line in about if not any(word in line for word in _ELSEWHERE)]


def main() -> None:
    """Run each command; end with code 1 at the first that fails, or if the generator is too far."""
    scripts = sysconfig.get_path("scripts")
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    found = commands(README.read_text(encoding="utf-8"))
    if not found:
        sys.exit(f"README has no commands about {RUN}")
    with tempfile.TemporaryDirectory() as folder:
        for command in found:
            print(f"$ {command}", flush=True)
            subprocess.run(shlex.split(command), cwd=folder, env=environment, check=True)
        asked = ["paripassu", "eval", RUN, "--json", "--quiet"]
        said = subprocess.run(asked, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE).stdout
    metrics = json.loads(said)["metrics"]
    print(f"{metrics}; at most {AT_MOST:g} is asked")
    if not metrics[METRIC] <= AT_MOST:
        sys.exit(f"README's training reached {METRIC} {metrics[METRIC]:g}, asked is at most {AT_MOST:g}")


if __name__ == "__main__":
    main()
