"""The words of the laboratory: a scenario meets an injection, and a trial ends in an outcome."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.faults.child import Answer

OutcomeName = Literal["recovered", "refused", "without effect", "wrong"]

Facts = dict[str, object]
"""What must be equal after a fault and without one, by name."""


@dataclass(frozen=True, eq=False)
class Scenario:
    """Something that a person does with files.

    Attributes:
        name: a few words.
        states: the states of the folder that it can begin from, each made by a function of the folder's path.
        command: what the person does; works in the folder and gives the exit code.
        facts: what it gave.
        targets: the files that damage may hit.
        accepts: whether other facts than the undisturbed ones are right after a fault, because the person
            was warned, or because they are true of what the files now hold. Takes the undisturbed facts and
            answer, the facts and answer at hand, and the folder.
        names_files: whether a refusal of a damaged file must name it, or a folder that it is in.
        limit: seconds that it may take.
    """

    name: str
    states: Mapping[str, Callable[[Path], None]]
    command: Callable[[], int]
    facts: Callable[[Path, Answer], Facts]
    targets: Callable[[Path], Sequence[Path]] = lambda _: ()
    accepts: Callable[["Golden", Facts, Answer, Path], bool] = lambda *_: False
    names_files: bool = True
    limit: float = 60.0


@dataclass(frozen=True)
class Golden:
    """What a scenario gives from one state where nothing goes wrong.

    Attributes:
        facts: its facts.
        answer: its process's answer.
        seconds: what it took.
        calls: how many system calls of each counted kind it made below the folder.
    """

    facts: Facts
    answer: Answer
    seconds: float
    calls: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """One fault, drawn.

    Attributes:
        words: what it is.
        in_child: called in the command's process before the command.
        kill_after: seconds after which the process is killed.
        touched: the files that were damaged.
        is_input: whether what was touched is what the command was given: it is never without effect.
        must_recover: whether a refusal is wrong, since a second command or the system would have gone on.
        is_reached: whether it happened; asked after the command.
        expected: the facts that are right after it, where these are not the undisturbed ones.
    """

    words: str
    in_child: Callable[[], None] = lambda: None
    kill_after: float | None = None
    touched: tuple[Path, ...] = ()
    is_input: bool = False
    must_recover: bool = False
    is_reached: Callable[[Answer], bool] = lambda _: True
    expected: Facts | None = None


Draw = Callable[["Place", random.Random], Fault | None]
"""An injection: draws one fault in a folder; None where the state has nothing to hit."""


@dataclass(frozen=True)
class Place:
    """Where a trial is.

    Attributes:
        folder: the working directory of the command.
        scenario: what is done in it.
        golden: what it gives undisturbed.
        in_state: gives a folder in another state of the scenario.
    """

    folder: Path
    scenario: Scenario
    golden: Golden
    in_state: Callable[[str], Path]


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        number: of the trial; it repeats the trial.
        scenario: what was done.
        kind: of the injection.
        state: of the folder at the start.
        words: the fault.
        name: the outcome.
        why: for a wrong one, what is wrong; for a refusal, its sentence.
    """

    number: int
    scenario: str
    kind: str
    state: str
    words: str
    name: OutcomeName
    why: str = ""
