"""Checks of what a probe is made with; each raises ``ValueError`` in one sentence that says what to do."""

from collections.abc import Mapping
from typing import Any

from paripassu.probe.gradients import check_hooks
from paripassu.rules.rule import check_rule
from paripassu.sizes import check_sizes


def check_settings(optimizers: Any, every: Any, writer: Any, shadows: Any, start: Any) -> None:
    """Raise ``ValueError`` for the first argument of a `Probe` that it cannot work with."""
    if not isinstance(optimizers, Mapping) or not optimizers:
        got = "none" if isinstance(optimizers, Mapping) else f"{type(optimizers).__name__} without a name"
        raise ValueError(f"Probe needs at least one optimizer, as {{'player': optimizer}}, got {got}")
    check_sizes(1, every=every)
    check_sizes(0, start=start)
    for player, optimizer in optimizers.items():
        check_hooks(player, optimizer)
    if writer is not None and not callable(writer):
        raise ValueError(
            f"writer must be called with each record, such as a TensorBoardWriter or a RecordWriter, got "
            f"{writer!r}: make one of it"
        )
    if not isinstance(shadows, Mapping):
        raise ValueError(  # noqa: TRY004 - one kind of error for all arguments
            f"shadows must be rules by name, as {{'adam': Adam()}}, or {{}} for none, got {shadows!r}"
        )
    for name, rule in shadows.items():
        check_rule(f"the shadow {name!r}", rule)
