"""The probe's records as TensorBoard curves."""

import math
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from paripassu.records import Measured, Pace, Shadow


class TensorBoardWriter:
    """A probe's ``writer`` that draws its records in TensorBoard, over the probed rounds.

    Tags are ``player/quantity`` for a whole player, ``player.layers/quantity/layer`` for a parameter and
    ``pace/player-against`` for a pair. NaN, such as the angle of a zero step, is left out.

    A run that was resumed draws over its older curve: TensorBoard drops what an earlier process of the run
    drew after the round at which this one starts.

    Args:
        folder: where ``tensorboard --logdir FOLDER`` reads.
        start: rounds done before; a `Probe` sets it to its own.

    Raises:
        ModuleNotFoundError: TensorBoard is not installed.

    Example:
        >>> import tempfile
        >>> from paripassu.records import Pace
        >>> folder = Path(tempfile.mkdtemp())
        >>> with TensorBoardWriter(folder) as write:  # Probe(optimizers, writer=write)
        ...     write(Pace(50, "discriminator", "generator", 1.25))
        >>> len(list(folder.glob("events.out.tfevents.*")))
        1
    """

    def __init__(self, folder: Path | str, *, start: int = 0) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "TensorBoardWriter needs TensorBoard: pip install 'paripassu[tensorboard]'"
            ) from error
        self._open = partial(SummaryWriter, str(folder))
        self._start = start
        self._events: Any = None

    def resume(self, start: int) -> None:
        """Drop what was drawn after round ``start``; a `Probe` calls this when it is made.

        Raises:
            ValueError: records were written already, by this writer.
        """
        if self._events is not None and start != self._start:
            raise ValueError(
                f"this writer has drawn from round {self._start} on, and the probe starts at {start}: "
                "make a new TensorBoardWriter for it"
            )
        self._start = start

    def __call__(self, record: Measured) -> None:
        """Add one record's numbers."""
        if self._events is None:
            self._events = self._open(purge_step=self._start + 1 if self._start else None)
        for tag, value in _figures(record).items():
            if not math.isnan(value):
                self._events.add_scalar(tag, value, record.step)

    def close(self) -> None:
        """Write what is still in memory to the disk."""
        if self._events is not None:
            self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _figures(record: Measured) -> dict[str, float]:
    if isinstance(record, Pace):
        return {f"pace/{record.player}-{record.against}": record.value}
    if isinstance(record, Shadow):
        named = {"magnitude": record.magnitude, "ratio": record.ratio, "cosine": record.cosine}
        figures = {f"{record.rule} {name}": value for name, value in named.items()}
    else:
        names = ("gradient", "update", "weight", "cosine")
        figures = {name: getattr(record, name) for name in names}
    if record.layer:
        return {f"{record.player}.layers/{name}/{record.layer}": value for name, value in figures.items()}
    return {f"{record.player}/{name}": value for name, value in figures.items()}
