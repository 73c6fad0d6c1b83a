"""Three Ray nodes on one machine. Workers and nodes die, and all work is still done.

``make test-ray`` runs these tests.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from paripassu.engine import PackEngine, RayEngine
from paripassu.protocol import run_study
from paripassu.train import Pack

ray = pytest.importorskip("ray")

from ray.cluster_utils import Cluster  # noqa: E402
from tests.cases.bits import left_by  # noqa: E402
from tests.cases.studies import Here, tiny_study  # noqa: E402

# Warnings of Ray itself.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{kind}Warning") for kind in ("Resource", "Future", "Deprecation")
]

_MEMORY = 80 * 2**20  # of each node's object store; Ray takes no less


@pytest.fixture(scope="module")
def cluster():
    room = {"num_cpus": 1, "object_store_memory": _MEMORY, "include_dashboard": False}
    # A dead node is noticed after ten refused calls, a second apart. One that is only slow has ten minutes:
    # Ray ends a node that it has given up, and then the program that is connected to it, without a word.
    checks = {"period_ms": 1000, "timeout_ms": 60_000, "failure_threshold": 10, "initial_delay_ms": 0}
    room["_system_config"] = {f"health_check_{name}": value for name, value in checks.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_DISABLE_IMPORT_WARNING", "1")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Cluster(initialize_head=True, head_node_args=room)
        cluster.others = [
            cluster.add_node(num_cpus=1, num_gpus=gpus, object_store_memory=_MEMORY) for gpus in (1, 0)
        ]
        yield cluster
        ray.shutdown()
        cluster.shutdown()


def test_a_worker_without_memory_raises(tmp_path):
    """Ray itself would repeat such a task for ever. This test is first, because it needs its own cluster."""
    monitor = {"memory_usage_threshold": 0.01, "memory_monitor_refresh_ms": 100}
    hungry = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "object_store_memory": _MEMORY,
            "include_dashboard": False,
            "_system_config": monitor,
        },
    )
    try:
        with pytest.raises(RuntimeError, match="ended 2 times because its node had no memory left"):
            list(RayEngine(hungry.address, folder=tmp_path, retries=1).execute(time.sleep, [60]))
    finally:
        ray.shutdown()
        hungry.shutdown()


def test_the_task_of_a_killed_worker_is_done_again(cluster, tmp_path):
    def die_once(number):
        mark = tmp_path / str(number)
        if number == 2 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number**2

    done = list(RayEngine(cluster.address, folder=tmp_path).execute(die_once, range(5)))
    assert sorted(done) == [(n, n**2) for n in range(5)]
    assert (tmp_path / "2").exists()


def test_a_worker_that_always_dies_raises(cluster, tmp_path):
    def die(_):
        with (tmp_path / "tries").open("a") as tries:
            tries.write("x")
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(RuntimeError, match="died 2 times"):
        list(RayEngine(cluster.address, folder=tmp_path, retries=1).execute(die, [0]))
    assert (tmp_path / "tries").read_text() == "xx"


def test_a_task_sees_its_share_of_a_gpu(cluster, tmp_path):
    engine = RayEngine(cluster.address, cpus=0.5, gpus=0.5, folder=tmp_path)
    seen = [visible for _, visible in engine.execute(lambda _: os.environ["CUDA_VISIBLE_DEVICES"], [1, 2])]
    assert seen == ["0", "0"]


def test_a_gpu_gets_a_pack_of_runs(cluster, tmp_path):
    engine = RayEngine(cluster.address, gpus=1.0, folder=tmp_path / "packed")
    assert (engine.at_once, RayEngine(cluster.address, cpus=0.5).at_once) == (1, 6)
    run_study(tiny_study(), "untuned", tmp_path / "alone", engine=Here())
    packs = PackEngine(engine, Pack(3))
    assert run_study(tiny_study(), "untuned", tmp_path / "packed", engine=packs).finished
    alone, packed = (
        {run.relative_to(tmp_path / out): left_by(run) for run in (tmp_path / out).glob("runs/*/*/*")}
        for out in ("alone", "packed")
    )
    assert packed == alone


def test_an_error_in_a_task_reaches_the_caller(cluster, tmp_path):
    def fail(number):
        raise ValueError(f"task {number} cannot be done")

    with pytest.raises(ValueError, match=r"^task 3 cannot be done$"):
        list(RayEngine(cluster.address, folder=tmp_path).execute(fail, [3]))


def test_an_error_that_is_pickled_as_its_text_is_no_dead_node(cluster, tmp_path):
    class ParticularError(Exception):
        def __init__(self, number, *, unit):
            super().__init__(f"{number} {unit}")

    def fail(number):
        raise ParticularError(number, unit="kg")

    with pytest.raises(RuntimeError, match=r"^ParticularError: 3 kg$"):
        list(RayEngine(cluster.address, folder=tmp_path).execute(fail, [3]))


def test_a_cluster_too_small_raises_instead_of_waiting(cluster):
    with pytest.raises(ValueError, match=r"needs 9 GPU and the whole cluster has 1"):
        list(RayEngine(cluster.address, gpus=9).execute(abs, [1]))


def test_an_address_without_a_cluster_raises():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(ValueError, match=f"no Ray cluster answers at {address}"):
            list(RayEngine(address).execute(abs, [1]))
    with pytest.raises(ValueError, match="host:port or auto, got 'nowhere'"):
        list(RayEngine("nowhere").execute(abs, [1]))


def test_a_node_must_share_the_folder(cluster, tmp_path, monkeypatch):
    """A folder of the same name is not enough."""
    engine = RayEngine(cluster.address, folder=tmp_path)
    assert list(engine.execute(abs, [-1])) == [(-1, 1)]
    assert not list(tmp_path.iterdir())
    for lacking in (lambda *_, **__: None, lambda path, _, **__: path.touch()):
        monkeypatch.setattr(Path, "write_text", lacking)
        with pytest.raises(ValueError, match=f"does not share the folder {tmp_path}: start from"):
            list(engine.execute(abs, [-1]))


def test_a_study_outlives_a_node(cluster, tmp_path):
    """Every run is done once, and the result is that of an undisturbed study."""
    study = tiny_study({"wild": 1e-2, "calm": 1e-2})
    removed = []

    def progress(done, needed):
        if done and not removed:
            removed.append(cluster.others.pop())
            cluster.remove_node(removed[0], allow_graceful=False)

    engine = RayEngine(cluster.address, folder=tmp_path / "ray")
    disturbed = run_study(study, "smoke", tmp_path / "ray", engine=engine, progress=progress)
    assert removed
    calm = run_study(study, "smoke", tmp_path / "local", engine=Here())
    assert disturbed.games == calm.games
    runs = [
        sorted(p.relative_to(tmp_path / name) for p in (tmp_path / name).glob("runs/*/*/*"))
        for name in ("ray", "local")
    ]
    assert runs[0] == runs[1]


_LISTENING = """
import os, sys
from pathlib import Path
from paripassu.engine import RayEngine

def listening(_):
    # Local addresses of the sockets that listen, in hex.
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path("/proc/net", name).open()]
    return {row[1] for row in rows if row[3] == "0A"}

if __name__ == "__main__":
    before = listening(0)
    ((_, during),) = RayEngine(folder=Path(sys.argv[1])).execute(listening, [0])
    print(len(during - before), *sorted(during - before))
    print(len(os.environ["RAY_AUTH_TOKEN"]), list(Path(sys.argv[1]).iterdir()))
"""


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="no /proc/net on this system")
def test_a_cluster_started_here_listens_on_the_loopback_alone(tmp_path):
    (tmp_path / "script.py").write_text(_LISTENING)
    (tmp_path / "folder").mkdir()
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "folder")]
    hidden = {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ADDRESS"}
    plain = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=plain)
    opened, rest = done.stdout.splitlines()
    count, *addresses = opened.split()
    assert int(count) > 2
    loopback = ("0100007F:", "0000000000000000FFFF00000100007F:", "00000000000000000000000001000000:")
    assert [address for address in addresses if not address.startswith(loopback)] == []
    assert rest == "64 []"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cpus": 0}, "cpus must be > 0"),
        ({"cpus": float("inf")}, "cpus must be > 0 and finite"),
        ({"gpus": -1}, "gpus must be >= 0"),
        ({"workers": 0}, "workers"),
        ({"retries": -1}, "retries"),
    ],
)
def test_settings_out_of_range_raise(settings, message):
    with pytest.raises(ValueError, match=message):
        replace(RayEngine(), **settings)
