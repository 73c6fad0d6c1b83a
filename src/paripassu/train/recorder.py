"""What a training writes into its folder: records, pictures, checkpoints."""

from pathlib import Path

from paripassu.data import Samples
from paripassu.probe import Probe
from paripassu.records import REAL_PICTURE, Losses, Metric
from paripassu.records import Samples as SamplesRecord
from paripassu.records.codec import RecordWriter
from paripassu.train.checkpoint import save_checkpoint
from paripassu.train.evaluation import Evaluator
from paripassu.train.folder import SAMPLES
from paripassu.train.measures import NotFiniteError
from paripassu.train.run import Run
from paripassu.train.state import TrainingState


class Recorder:
    """The writer of one training; where several processes train together, only the first has one."""

    def __init__(
        self, run: Run, folder: Path, state: TrainingState, real: Samples, write: RecordWriter
    ) -> None:
        self.write = write
        self._folder, self._state = folder, state
        self._evaluator = Evaluator(run, real)
        shadows = {repr(run.shadow): run.shadow} if run.shadow else {}
        self._probe = Probe(
            state.optimizers(), run.probe_every, writer=write, shadows=shadows, start=state.step
        )
        if state.shadows:
            self._probe.load_state_dict(state.shadows)
        # The probe changes this very dictionary, so that every checkpoint has the current one.
        state.shadows = self._probe.state_dict()

    def losses(self, discriminator: float, generator: float) -> None:
        """Record both players' losses."""
        self.write(Losses(self._state.step, discriminator, generator))

    def evaluate(self) -> str:
        """Record every metric and, of images and points in the plane, a picture of samples.

        Returns:
            What of it is not finite; empty if all is. Otherwise nothing is recorded.
        """
        shown, step = self._state.shown(), self._state.step
        picture = f"{SAMPLES}/{step:09d}.png"
        try:
            values = self._evaluator.measure(shown)
            is_drawn = self._evaluator.draw(shown, self._folder / picture)
        except NotFiniteError as error:
            return str(error)
        for name, value in values.items():
            self.write(Metric(step, name, value))
        if is_drawn:
            if not (real := self._folder / REAL_PICTURE).is_file():
                self._evaluator.draw_real(real)
            self.write(SamplesRecord(step, picture))
        return ""

    def save(self) -> None:
        """Write a checkpoint."""
        save_checkpoint(self._folder, self._state, self.write)

    def advance(self) -> None:
        """Count a step that the probe did not see."""
        self._probe.advance()

    def close(self) -> None:
        """Write what the probe has yet to write."""
        self._probe.detach()
