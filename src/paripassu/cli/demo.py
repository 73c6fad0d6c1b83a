"""``paripassu demo``: the main job in minutes."""

from dataclasses import dataclass
from pathlib import Path

from paripassu.cli import study, theory


@dataclass
class Demo:
    """Take Adam apart on a mixture and on real images, in under 3 minutes on 2 cores.

    Six optimizers play the same games. The page shows which half of Adam they needed. A second page shows
    normalised and plain descent in the synthetic framework, in 100,000 dimensions.
    """

    out: Path = Path("runs/demo")
    """The demo's folder. With the same folder, the demo continues where it stopped."""
    workers: int | None = None
    """Number of processes. Without it: one per core."""
    quiet: bool = False
    """Show no progress."""
    json: bool = False
    """Print the study's result as JSON."""

    def __call__(self) -> None:
        """Run the study `grafting` at scale `demo` and a sweep of the theory; write and print both."""
        from paripassu.engine import LocalEngine
        from paripassu.studies import custom, grafting

        engine = LocalEngine(self.workers)
        result = study.run(grafting.STUDY, "demo", self.out, engine=engine, quiet=self.quiet)
        sweep, folder = theory.demo_sweep(), self.out / "theory"
        # This takes seconds, and a second process would compile the kernel again.
        swept = study.run(sweep, custom.SCALE, folder, engine=LocalEngine(1), quiet=self.quiet)
        study.show(result, self.out, as_json=self.json)
        if not self.json:
            print("\nThe same two players in the synthetic framework, in 100,000 dimensions\n")
            study.show(swept, folder, as_json=False)
