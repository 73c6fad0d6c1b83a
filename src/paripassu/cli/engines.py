"""Options for where many runs execute."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from paripassu.engine import Engine


@dataclass(kw_only=True)
class EngineOptions:
    """Options of every command that has many runs."""

    workers: int | None = None
    """Runs at a time. Without it: one per core, or as many as fit on a Ray cluster."""
    engine: Literal["local", "ray"] = "local"
    """Processes on this machine, or a Ray cluster whose nodes share the folder of results."""
    ray_address: str | None = None
    """Address of a running cluster, host:port or auto. Without it, one is started on this machine."""
    run_cpus: float = 1.0
    """Cores per run on Ray."""

    def chosen_engine(self, folder: Path, gpus: float = 0.0) -> "Engine":
        """The engine that the options name.

        Args:
            folder: of results.
            gpus: per run.

        Raises:
            ValueError: a number is out of range, or an option is for the other engine.
        """
        from paripassu.engine import LocalEngine, RayEngine

        if self.engine == "ray":
            return RayEngine(self.ray_address, self.run_cpus, gpus, self.workers, folder)
        if (self.ray_address, self.run_cpus) != (None, 1.0):
            raise ValueError("--ray-address and --run-cpus are for --engine ray: add it")
        return LocalEngine(self.workers, gpus)
