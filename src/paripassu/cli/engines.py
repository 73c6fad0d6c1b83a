"""Options for where many runs execute."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from paripassu.cli import output

if TYPE_CHECKING:
    from paripassu.engine import Engine
    from paripassu.train import PackSize


@dataclass(kw_only=True)
class EngineOptions:
    """Options of every command that has many runs."""

    workers: int | None = None
    """Runs at a time, or packs. Without it: one per core or GPU, or as many as fit on a Ray cluster."""
    engine: Literal["local", "ray"] = "local"
    """Processes on this machine, or a Ray cluster whose nodes share the folder of results."""
    ray_address: str | None = None
    """Address of a running cluster, host:port or auto. Without it, one is started on this machine."""
    run_cpus: float = 1.0
    """Cores per run or pack on Ray."""

    def chosen_engine(self, folder: Path, gpus: float = 0.0, pack: "PackSize | None" = None) -> "Engine":
        """The engine that the options name.

        Args:
            folder: of results.
            gpus: per run, or per pack.
            pack: runs of a pack; None without packs.

        Raises:
            ValueError: a number is out of range, or an option is for the other engine.
        """
        from paripassu.engine import LocalEngine, PackEngine, RayEngine
        from paripassu.train import Pack

        if self.engine == "ray":
            engine = RayEngine(self.ray_address, self.run_cpus, gpus, self.workers, folder)
        elif (self.ray_address, self.run_cpus) != (None, 1.0):
            raise ValueError("--ray-address and --run-cpus are for --engine ray: add it")
        else:
            engine = LocalEngine(self.workers, gpus)
        return engine if pack is None else PackEngine(engine, Pack(pack), output.notice)
