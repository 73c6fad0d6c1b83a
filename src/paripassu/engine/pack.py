"""Many runs on each GPU: an engine that gives another engine packs of tasks (`paripassu.train.pack`)."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from paripassu.engine.engine import Engine, Result, Task

if TYPE_CHECKING:  # a process that trains nothing starts without what training needs
    from paripassu.train import Run
    from paripassu.train.pack import Pack
    from paripassu.train.rounds import Rounds
    from paripassu.train.shared import SharedData

AnyTask = TypeVar("AnyTask", contravariant=True)
AnyResult = TypeVar("AnyResult", covariant=True)


@runtime_checkable
class InRounds(Protocol[AnyTask, AnyResult]):
    """A function of a task that can also be carried out round by round."""

    def __call__(self, task: AnyTask, /) -> AnyResult:
        """Carry out a task at once."""
        ...

    def run_of(self, task: AnyTask, /) -> "Run | None":
        """The run that a task trains; None if it is no training."""
        ...

    def in_rounds(self, task: AnyTask, shared: "SharedData", /) -> "Rounds[AnyResult]":
        """Carry out a task that trains a run; others may have their rounds wherever this yields."""
        ...


class _Hand(NamedTuple):
    """The tasks of one pack, with the numbers that they have among all tasks."""

    tasks: Sequence[tuple[int, Any]]


class _Played(NamedTuple):
    results: list[tuple[int, Any]]
    sentences: list[str]
    size: int


@dataclass
class PackEngine:
    """An engine whose tasks share GPUs, many in a process each.

    Runs of one shape make a pack for each place of the other engine, and are dealt out in turn. Tasks that
    are no trainings are given to the other engine one by one. Results come when a pack has ended.

    Args:
        engine: where packs execute, one on a GPU.
        pack: how many runs of a pack take turns.
        notice: called with what packs have chosen, in sentences.

    Example:
        >>> from paripassu.engine import LocalEngine
        >>> from paripassu.train import Pack
        >>> PackEngine(LocalEngine(workers=2), Pack(8)).at_once
        16
    """

    engine: Engine
    pack: "Pack"
    notice: Callable[[str], object] = lambda _: None
    _size: int = 1  # of the last pack

    @property
    def at_once(self) -> int:
        """As `Engine.at_once`; a size that packs choose themselves counts when the first has ended."""
        return self.engine.at_once * (self._size if self.pack.size == "auto" else self.pack.size)

    def execute(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], /
    ) -> Iterator[tuple[Task, Result]]:
        """As `Engine.execute`."""
        if not isinstance(function, InRounds):
            yield from self.engine.execute(function, tasks)
            return
        from paripassu.train.pack import shape_of

        by_shape: dict[Hashable, list[tuple[int, Task]]] = {}
        for number, task in enumerate(tasks):
            run = function.run_of(task)
            by_shape.setdefault(run and shape_of(run), []).append((number, task))
        yield from self.engine.execute(function, [task for _, task in by_shape.pop(None, [])])
        if not by_shape:
            return
        places = self.engine.at_once
        hands = [_Hand(alike[i::places]) for alike in by_shape.values() for i in range(places)]
        play = partial(_play, self.pack, function)
        for _, played in self.engine.execute(play, [hand for hand in hands if hand.tasks]):
            for sentence in dict.fromkeys(played.sentences):
                self.notice(sentence)
            self._size = played.size
            for number, result in played.results:
                yield tasks[number], result


def _play(pack: "Pack", function: InRounds[Any, Any], hand: _Hand) -> _Played:
    """Carry out the tasks of one pack."""
    played = _Played([], [], 0)

    def begin(numbered: tuple[int, Any], shared: "SharedData") -> "Rounds[Any]":
        return function.in_rounds(numbered[1], shared)

    def run_of(numbered: tuple[int, Any]) -> "Run":
        run = function.run_of(numbered[1])
        assert run is not None
        return run

    size = pack.carry_out(
        hand.tasks,
        run_of,
        begin,
        lambda numbered, result: played.results.append((numbered[0], result)),
        played.sentences.append,
    )
    return played._replace(size=size)
