"""Check the wheel and the source archive in ``dist/``: every file is there, and every extra.

.venv-dist/bin/python tools/check_dist.py
"""

import sys
import tarfile
import tomllib
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent


def package_files() -> set[str]:
    """Files of the package as they stand in ``src``, without caches."""
    files = (path for path in (ROOT / "src" / "paripassu").rglob("*") if path.is_file())
    made = {".pyc", ".nbi", ".nbc"}
    return {path.relative_to(ROOT / "src").as_posix() for path in files if path.suffix not in made}


def problems(wheel: Path, archive: Path) -> list[str]:
    """What is wrong, one sentence each."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with ZipFile(wheel) as packed:
        inside = {name for name in packed.namelist() if ".dist-info/" not in name}
        metadata = next(name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        headers = Parser().parsestr(packed.read(metadata).decode())
    with tarfile.open(archive) as tar:
        archived = {name.partition("/")[2] for name in tar.getnames()}

    found = [f"the wheel lacks {name}" for name in sorted(package_files() - inside)]
    found += [f"the wheel has {name}, src has not" for name in sorted(inside - package_files())]
    found += [
        f"the archive lacks src/{name}" for name in sorted(package_files()) if f"src/{name}" not in archived
    ]
    if "paripassu/py.typed" not in inside:
        found.append("the wheel lacks py.typed, so that its types would not be seen")

    required = [Requirement(text) for text in headers.get_all("Requires-Dist", ())]
    core = {r.name for r in required if not r.marker}
    if core != {"torch", "numpy"}:
        found.append(f"the core requires {', '.join(sorted(core))}, not torch and numpy alone")
    for extra, wanted in project["optional-dependencies"].items():
        names = {
            canonicalize_name(r.name) for r in required if r.marker and r.marker.evaluate({"extra": extra})
        }
        # hatchling replaces an extra of this package by what that extra requires.
        asked = {canonicalize_name(Requirement(text).name) for text in wanted} - {"paripassu"}
        if missing := asked - names:
            found.append(f"the wheel's extra {extra} lacks {', '.join(sorted(missing))}")
    return found


def main() -> None:
    """Fail with a list, or report what was checked."""
    wheels, archives = sorted((ROOT / "dist").glob("*.whl")), sorted((ROOT / "dist").glob("*.tar.gz"))
    if len(wheels) != 1 or len(archives) != 1:
        sys.exit(
            f"dist/ has {len(wheels)} wheels and {len(archives)} source archives, not one of each: make dist"
        )
    found = problems(wheels[0], archives[0])
    if found:
        sys.exit("\n".join(found))
    print(f"{wheels[0].name} and {archives[0].name} have every file and every extra")


if __name__ == "__main__":
    main()
