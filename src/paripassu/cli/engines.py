"""The options that say where many runs execute."""

from dataclasses import dataclass
from typing import Literal

from paripassu.engine import Engine, LocalEngine, RayEngine


@dataclass(kw_only=True)
class EngineOptions:
    """Of every command that runs many things."""

    workers: int | None = None
    """Runs at a time; as many as cores, or as a Ray cluster has room for, without it."""
    engine: Literal["local", "ray"] = "local"
    """Processes on this machine, or a Ray cluster whose nodes share the folder this is started in."""
    ray_address: str | None = None
    """Of a running cluster, host:port or auto; without it one is started on this machine."""
    run_cpus: float = 1.0
    """Cores of each run on Ray."""
    run_gpus: float = 0.0
    """GPUs of each run on Ray; 0.25 puts four runs on one."""

    def chosen_engine(self) -> Engine:
        """The engine that was asked for.

        Raises:
            ValueError: a number out of range, or options of the engine that was not asked for.
        """
        if self.engine == "ray":
            return RayEngine(self.ray_address, self.run_cpus, self.run_gpus, self.workers)
        if (self.ray_address, self.run_cpus, self.run_gpus) != (None, 1.0, 0.0):
            raise ValueError("--ray-address, --run-cpus and --run-gpus are for --engine ray: add it")
        return LocalEngine(self.workers)
