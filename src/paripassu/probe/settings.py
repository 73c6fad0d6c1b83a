"""Checks of what a probe is made with; each raises ``ValueError`` in one sentence that says what to do."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

from paripassu.probe.gradients import check_hooks
from paripassu.rules.rule import check_rule


def check_settings(optimizers: Any, every: Any, writer: Any, shadows: Any, start: Any) -> None:
    """Raise ``ValueError`` for the first argument of a `Probe` that it cannot work with."""
    if not isinstance(optimizers, Mapping) or not optimizers:
        got = "none" if isinstance(optimizers, Mapping) else f"{type(optimizers).__name__} without a name"
        raise ValueError(f"Probe needs at least one optimizer, as {{'player': optimizer}}, got {got}")
    for name, value, least in (("every", every, 1), ("start", start, 0)):
        if not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name} must be a whole number >= {least}, got {value!r}")
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
