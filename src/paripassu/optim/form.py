"""The form of rule that fast paths take: the length of one part on the direction of another.

=============================  =========  =========
rule                           length     direction
=============================  =========  =========
``SGD``, ``Adam``              its own    itself
``Normalize(SGD | Adam)``      one        either
``Graft(Adam, SGD)``           Adam       SGD
``Graft(SGD, Adam)``           SGD        Adam
=============================  =========  =========

Every other rule runs as it is written.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from torch import Tensor

from paripassu.rules import SGD, Adam, Graft, Normalize, Rule, Scope, State

Part = Literal["sgd", "adam"]


class Arrays(NamedTuple):
    """What is kept of one tensor; None for what the rule does not keep."""

    buffer: Tensor | None
    first: Tensor | None
    second: Tensor | None
    step: Tensor | None


_NOTHING = Arrays(None, None, None, None)


@dataclass(frozen=True)
class Form:
    """A rule, taken apart.

    Attributes:
        sgd: the part that is SGD; None where there is none.
        adam: the part that is Adam; None where there is none.
        direction: the part whose direction the update has.
        length: the part whose length it is set to, ``"one"``, or ``"own"`` where it is not rescaled.
        scope: over what lengths are taken.
    """

    sgd: SGD | None
    adam: Adam | None
    direction: Part
    length: Part | Literal["one", "own"]
    scope: Scope

    def arrays(self, state: State) -> Arrays:
        """What a tensor's state holds, by name, wherever the rule keeps it."""
        if not self.adam and not (self.sgd and self.sgd.momentum):
            return _NOTHING
        buffer, first, second, step = None, None, None, None
        if self.sgd and self.sgd.momentum:
            buffer = self._state_of("sgd", state)["momentum_buffer"]
        if self.adam:
            adam = self._state_of("adam", state)
            first, second, step = adam.get("exp_avg"), adam["exp_avg_sq"], adam["step"]
        return Arrays(buffer, first, second, step)

    def _state_of(self, part: Part, state: State) -> State:
        if self.length in ("one", "own"):
            return state
        return state["direction" if part == self.direction else "magnitude"]


@lru_cache(maxsize=256)
def form_of(rule: Rule) -> Form | None:
    """The form of ``rule``; None where it has no such form."""
    if isinstance(rule, Normalize) and _is_part(rule.rule):
        return _single(rule.rule, "one", rule.scope)
    if isinstance(rule, Graft) and _is_part(rule.magnitude) and _is_part(rule.direction):
        match rule.magnitude, rule.direction:
            case SGD() as sgd, Adam() as adam:
                return Form(sgd, adam, direction="adam", length="sgd", scope=rule.scope)
            case Adam() as adam, SGD() as sgd:
                return Form(sgd, adam, direction="sgd", length="adam", scope=rule.scope)
            case _:
                return None
    return _single(rule, "own", "layer") if _is_part(rule) else None


def _single(rule: Rule, length: Literal["one", "own"], scope: Scope) -> Form:
    if isinstance(rule, Adam):
        return Form(None, rule, direction="adam", length=length, scope=scope)
    assert isinstance(rule, SGD)
    return Form(rule, None, direction="sgd", length=length, scope=scope)


def _is_part(rule: Rule) -> bool:
    # Exactly these: a subclass may update differently.
    return type(rule) in (SGD, Adam)
