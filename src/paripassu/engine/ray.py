"""Many independent tasks on a Ray cluster, which may be started on this machine for them.

A task is done again if its process or node dies, or if it is ended because memory ran out. Tasks write their
results into a folder. Every node must see that folder under the same path, which is checked before each task.
Every node must have this package installed.

A cluster that is started here listens on the loopback alone, and takes tasks only from programs that know a
token, drawn anew for each. A cluster at an address is as open as whoever started it made it.
"""

import math
import os
import secrets
import socket
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch

from paripassu.engine.engine import Result, Task
from paripassu.engine.parcel import Parcel
from paripassu.files import partial_of, read_whole

_SECONDS = 5  # to wait for a cluster's answer


class _Place(NamedTuple):
    """What a worker needs to know about the program that it works for."""

    start: Path
    mark: Path
    text: str


@dataclass(frozen=True)
class RayEngine:
    """Ray tasks, each with its share of processors.

    Args:
        address: of a running cluster, ``host:port`` or ``"auto"`` for this machine's. Without it, a cluster
            is started here and ended with the tasks. A process that has started one joins no other later.
        cpus: cores per task, > 0. A task has as many torch threads, and at least one.
        gpus: GPUs per task, >= 0; with 0.25, four tasks share one.
        workers: tasks at a time, >= 1; without it, as many as fit.
        folder: tasks write to it, and all nodes must share it. A cluster started here has no other nodes.
        retries: how often a task is done again if its process or node dies or memory runs out, >= 0.

    Raises:
        ValueError: a number out of range.
    """

    address: str | None = None
    cpus: float = 1.0
    gpus: float = 0.0
    workers: int | None = None
    folder: Path = Path()
    retries: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.cpus < math.inf:
            raise ValueError(f"a task's cpus must be > 0 and finite, got {self.cpus}")
        if not 0 <= self.gpus < math.inf:
            raise ValueError(f"a task's gpus must be >= 0 and finite, got {self.gpus}")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be >= 1, got {self.workers}")
        if self.retries < 0:
            raise ValueError(f"retries must be >= 0, got {self.retries}")

    @property
    def at_once(self) -> int:
        """As `Engine.at_once`: as many as the cluster had room for when this was first read."""
        return self._room if self.workers is None else self.workers

    @cached_property
    def _room(self) -> int:
        with self._connected() as ray:
            self._check_room(ray)
            has = ray.cluster_resources()
            room = [has.get(name, 0.0) / needed for name, needed in self._needs.items() if needed]
        return max(1, int(min(room)))

    def execute(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], /
    ) -> Iterator[tuple[Task, Result]]:
        """As `Engine.execute`.

        Raises:
            ValueError: ray is not installed, the cluster cannot be reached or is too small for a task, or a
                node does not share the folder.
            RuntimeError: a task's process or node died, or memory ran out, more than ``retries`` times.
        """
        if not tasks:
            return
        with self._connected() as ray:
            self._check_room(ray)
            with _marked(self.folder) as place:
                yield from self._run(ray, function, tasks, place)

    @contextmanager
    def _connected(self) -> Generator[Any]:
        if self.address is None:
            _keep_to_this_machine()
        ray = _ray()
        ours = not ray.is_initialized()
        if ours:
            self._start(ray)
        try:
            yield ray
        finally:
            if ours:
                ray.shutdown()

    def _start(self, ray: Any) -> None:
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        if self.address is None:
            # Without "local" Ray would join a cluster that anybody started on this machine.
            ray.init(address="local", include_dashboard=False, **quiet)
            return
        if self.address != "auto":
            _check_answers(self.address)
        try:
            ray.init(address=self.address, **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ValueError(
                f"there is no Ray cluster at {self.address}: start one (ray start --head) or correct the "
                f"address ({str(error).partition(chr(10))[0]})"
            ) from error

    @property
    def _needs(self) -> dict[str, float]:
        return {"CPU": self.cpus, "GPU": self.gpus}

    def _check_room(self, ray: Any) -> None:
        has = ray.cluster_resources()
        for name, needed in self._needs.items():
            if needed > has.get(name, 0.0):
                raise ValueError(
                    f"a task needs {needed:g} {name} and the whole cluster has {has.get(name, 0.0):g}: "
                    "give each task less"
                )

    def _run(
        self, ray: Any, function: Callable[[Task], Result], tasks: Sequence[Task], place: _Place
    ) -> Iterator[tuple[Task, Result]]:
        # Ray's own retries would repeat a task for ever if memory runs out.
        remote = ray.remote(num_cpus=self.cpus, num_gpus=self.gpus, max_retries=0)(_carry_out)
        threads = max(1, int(self.cpus))

        def start(task: Task) -> Any:
            # Functions of a script or inside a function go too.
            parcel = Parcel.of(function, task, ray.cloudpickle.dumps)
            return remote.remote(parcel, place, threads)

        waiting, running = iter(tasks), dict[Any, tuple[Task, int]]()
        try:
            while True:
                room = len(tasks) if self.workers is None else self.workers - len(running)
                running |= {start(task): (task, self.retries) for task in islice(waiting, room)}
                if not running:
                    return
                (done,), _ = ray.wait(list(running))
                task, left = running.pop(done)
                try:
                    result = ray.get(done)
                except ray.exceptions.RayTaskError as error:
                    raise error.cause from error
                except ray.exceptions.RayError as error:
                    if not left:
                        raise RuntimeError(self._lost(ray, error)) from error
                    running[start(task)] = task, left - 1
                else:
                    yield task, result
        finally:
            # Ray ends this program if it cancels a task whose answer it is taking in (its pull 54798).
            if running:
                _, unanswered = ray.wait(list(running), num_returns=len(running), timeout=0)
                for task_left in unanswered:
                    ray.cancel(task_left, force=True)

    def _lost(self, ray: Any, error: Exception) -> str:
        times = "once" if not self.retries else f"{self.retries + 1} times"
        if isinstance(error, ray.exceptions.OutOfMemoryError):
            return (
                f"a task was ended {times} because its node had no memory left: run the same command again "
                "to continue, with fewer workers or more cpus for each task"
            )
        return (
            f"a task's process or node died {times} ({type(error).__name__}): run the same command again to "
            "continue"
        )


@contextmanager
def _marked(folder: Path) -> Generator[_Place]:
    """Leave a mark in ``folder`` that only a node that shares it can read."""
    # Whoever locks the folder later clears what a kill left of it.
    place = _Place(Path.cwd(), partial_of(folder.absolute() / "shared"), uuid.uuid4().hex)
    place.mark.write_text(place.text, encoding="utf-8")
    try:
        yield place
    finally:
        place.mark.unlink(missing_ok=True)


def _carry_out(parcel: Parcel, place: _Place, threads: int) -> Any:
    """Run the task in a worker, in the folder in which the program was started."""
    try:
        os.chdir(place.start)
        shared = read_whole(place.mark).decode() == place.text
    except (OSError, UnicodeDecodeError):
        shared = False
    if not shared:
        raise ValueError(
            f"the node {socket.gethostname()} does not share the folder {place.mark.parent}: "
            "start from a folder that all nodes share, under the same path"
        )
    torch.set_num_threads(threads)
    return parcel.carry_out()


def _keep_to_this_machine() -> None:
    """Let a cluster that is started here listen on the loopback, take tasks from us and report to nobody.

    Whoever reaches a cluster can run code on it. Ray reads these when it is imported or starts.
    """
    # On Windows and macOS Ray listens on the loopback by itself. This says that Linux should be as these are.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    # Other people on this machine reach the loopback too.
    if os.environ.setdefault("RAY_AUTH_MODE", "token") == "token" and "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


def _ray() -> Any:
    try:
        return import_module("ray")
    except ImportError as error:
        raise ValueError("the engine ray needs Ray: pip install 'paripassu[ray]'") from error


def _check_answers(address: str) -> None:
    """Raise ``ValueError`` unless something answers; Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not (host and colon and port.isdecimal()):
        raise ValueError(f"a Ray address is host:port or auto, got {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ValueError(
            f"no Ray cluster answers at {address} ({error}): start one (ray start --head) or correct the "
            "address"
        ) from error
