"""The options that say where many runs execute."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from paripassu.engine import Engine, LocalEngine, RayEngine


@dataclass(kw_only=True)
class EngineOptions:
    """Of every command that runs many things."""

    workers: int | None = None
    """Runs at a time; as many as cores, or as a Ray cluster has room for, without it."""
    engine: Literal["local", "ray"] = "local"
    """Processes on this machine, or a Ray cluster whose nodes share the folder that results go to."""
    ray_address: str | None = None
    """Of a running cluster, host:port or auto; without it one is started on this machine."""
    run_cpus: float = 1.0
    """Cores of each run on Ray."""

    def chosen_engine(self, folder: Path, gpus: float = 0.0) -> Engine:
        """The engine that was asked for.

        Args:
            folder: that results go to.
            gpus: of each run.

        Raises:
            ValueError: a number out of range, or options of the engine that was not asked for.
        """
        if self.engine == "ray":
            return RayEngine(self.ray_address, self.run_cpus, gpus, self.workers, folder)
        if (self.ray_address, self.run_cpus) != (None, 1.0):
            raise ValueError("--ray-address and --run-cpus are for --engine ray: add it")
        return LocalEngine(self.workers, gpus)
