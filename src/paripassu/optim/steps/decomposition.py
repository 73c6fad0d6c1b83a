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

from collections.abc import Sequence
from typing import Literal, NamedTuple

from torch import Tensor

from paripassu.rules import SGD, Adam, Graft, Normalize, Rule, Scope, State

Part = Literal["sgd", "adam"]


class Kept(NamedTuple):
    """What a rule keeps: an array of each of a player's tensors, none where it has no such array."""

    buffers: list[Tensor]
    firsts: list[Tensor]
    seconds: list[Tensor]
    steps: list[Tensor]


class Form(NamedTuple):
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

    @property
    def rescales(self) -> bool:
        """Whether directions are set to a length that must be measured, or to one."""
        return self.length != "own"

    @property
    def takes_in(self) -> bool:
        """Whether gradients are taken into states, or measured: all but plain SGD."""
        return self.rescales or self.adam is not None or self.momentum != 0.0

    @property
    def momentum(self) -> float:
        """SGD's; 0 without."""
        return self.sgd.momentum if self.sgd else 0.0

    @property
    def betas(self) -> tuple[float, float]:
        """Adam's; zeros without."""
        return self.adam.betas if self.adam else (0.0, 0.0)

    @property
    def eps(self) -> float:
        """Adam's; 0 without."""
        return self.adam.eps if self.adam else 0.0

    def kept(self, states: Sequence[State]) -> Kept:
        """What is in the states of a player's tensors, wherever the rule keeps it."""
        kept = Kept([], [], [], [])
        if self.momentum:
            kept = kept._replace(buffers=[s["momentum_buffer"] for s in self._of("sgd", states)])
        if self.adam:
            own = self._of("adam", states)
            firsts = [s["exp_avg"] for s in own] if self.betas[0] else []
            kept = kept._replace(
                firsts=firsts, seconds=[s["exp_avg_sq"] for s in own], steps=[s["step"] for s in own]
            )
        return kept

    def _of(self, part: Part, states: Sequence[State]) -> Sequence[State]:
        if self.length in ("one", "own"):
            return states
        name = "direction" if part == self.direction else "magnitude"
        return [state[name] for state in states]


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
