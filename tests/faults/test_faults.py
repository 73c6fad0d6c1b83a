"""Whatever goes wrong, a result is right or there is none: trials of many kinds of faults.

``make test-faults`` does an hour of them. A trial's number repeats it:
``pytest tests/faults --faults-number NUMBER``.
"""

import sys
import time
from itertools import count

import pytest
from tests.faults import session


@pytest.fixture
def library(tmp_path):
    """The compiled shim, or no test."""
    found = session.library_in(tmp_path)
    if found is None:
        pytest.skip("faults are injected on Linux, with a C compiler named cc")
    return found


def test_no_fault_ends_in_a_wrong_result(library, pytestconfig, capsys):
    option = pytestconfig.getoption
    seed, only, begun = option("--faults-seed"), option("--faults-number"), time.monotonic()
    budget = session.Budget(None, 1) if only is not None else session.Budget.parse(option("--faults-budget"))
    chosen = iter([only]) if only is not None else session.numbers(seed)
    done = count(1)

    def heard(outcome):
        with capsys.disabled():
            number = next(done)
            if outcome.name == "wrong" or only is not None:
                print(f"\n{line_of(outcome)}", file=sys.stderr)
            elif number % 100 == 0:
                print(f"\n{number:,} trials, {time.monotonic() - begun:.0f} s", file=sys.stderr)

    outcomes = session.run(
        chosen, budget, library, workers=1 if only is not None else option("--faults-workers"), heard=heard
    )
    text = session.table(outcomes)
    with capsys.disabled():
        print(f"\nseed {seed}\n{text}")
    if page := option("--faults-table"):
        before = page.read_text(encoding="utf-8").partition(session.MARK)[0]
        facts = session.circumstances(seed, time.monotonic() - begun)
        page.write_text(f"{before}{session.MARK}\n\n{facts}\n\n{text}\n", encoding="utf-8")
    wrong = [line_of(outcome) for outcome in outcomes if outcome.name == "wrong"]
    assert not wrong, f"{len(wrong)} of {len(outcomes)} are wrong:\n" + "\n".join(wrong)


def line_of(outcome):
    """One line on an outcome, with the number that repeats it."""
    return (
        f"{outcome.name}: --faults-number {outcome.number} "
        f"({outcome.scenario}, {outcome.state}, {outcome.kind}): {outcome.words}: {outcome.why}"
    )
