"""How long an import takes: torch alone, the package, and parts of its laboratory.

Each import runs in its own process, and the imports take turns, so that other load on the machine falls on
all of them. A row shows the median over the turns, and the median of what the import takes beyond torch in
the same turn. Time is measured from the start of the process to its end.

The claim is at most 0.15 s of wall-clock time beyond torch for ``import paripassu``.

    python benchmarks/imports.py --turns 20
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

from paripassu.records import environment

CLAIM = 0.15
MODULES = ("torch", "paripassu", "paripassu.train", "paripassu.theory")


def seconds(module: str) -> tuple[float, float]:
    """Wall-clock time and processor time of a process that imports one module."""
    started, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    wall, after = time.perf_counter() - started, os.times()
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, busy


def main() -> None:
    """Time the imports in turn and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=20, help="processes for each import")
    options = parser.parse_args()

    for module in MODULES:  # the first import reads files from the disk and compiles them
        seconds(module)
    turns = [{module: seconds(module) for module in MODULES} for _ in range(options.turns)]

    where = environment("")
    print(
        f"{where.date[:10]}, {where.device}, torch {where.versions['torch']}, commit {where.commit}. ", end=""
    )
    print(f"Medians of {options.turns} turns.\n")
    print("| import | seconds | beyond torch | processor's beyond torch |")
    print("|---|---|---|---|")
    beyond: dict[str, float] = {}
    for module in MODULES:
        whole = statistics.median(turn[module][0] for turn in turns)
        beyond[module], busy = (
            statistics.median(turn[module][clock] - turn["torch"][clock] for turn in turns)
            for clock in (0, 1)
        )
        print(f"| `{module}` | {whole:.2f} | {beyond[module]:+.3f} | {busy:+.3f} |")
    verdict = "holds" if beyond["paripassu"] <= CLAIM else "does not hold"
    print(f"\nAt most {CLAIM} s beyond torch for the package: {verdict}.")


if __name__ == "__main__":
    main()
