"""Rules that the fast ways support, split into a magnitude and a direction.

=============================  =========  =========
rule                           magnitude  direction
=============================  =========  =========
``SGD``, ``Adam``              its own    itself
``Normalize(SGD | Adam)``      constant   either
``Graft(Adam, SGD)``           Adam       SGD
``Graft(SGD, Adam)``           SGD        Adam
``Graft(Weight, SGD | Adam)``  weights    either
=============================  =========  =========

`plain` carries out every other rule, those with the scope ``"row"``, and rules whose numbers differ between
groups of parameters.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from torch import Tensor

from paripassu.rules import SGD, Adam, Graft, Normalize, Rule, Scope, State, Unit, Weight
from paripassu.rules.scope import unit_lengths

Part = Literal["sgd", "adam"]
Magnitude = Part | Literal["constant", "weights", "own"]


class StateArrays(NamedTuple):
    """A rule's state: of each kind one array for each of a player's tensors, an empty list if it has none.

    Attributes:
        buffers: momentum buffers.
        firsts: first moments.
        seconds: second moments.
        steps: step counts, of one element each.
    """

    buffers: list[Tensor]
    firsts: list[Tensor]
    seconds: list[Tensor]
    steps: list[Tensor]


class Decomposition(NamedTuple):
    """A rule, split into a magnitude and a direction.

    Attributes:
        sgd: the part that is SGD, or None.
        adam: the part that is Adam, or None.
        direction: the part that gives the direction.
        magnitude: the part that gives the magnitude, ``"constant"``, ``"weights"`` for the parameters'
            lengths, or ``"own"`` for the direction's own.
        scope: over what magnitudes are measured.
        unit: of a constant magnitude.
        floor: least root mean square of the parameters, if the magnitude is theirs.
    """

    sgd: SGD | None
    adam: Adam | None
    direction: Part
    magnitude: Magnitude
    scope: Scope
    unit: Unit = "length"
    floor: float = 0.0

    @property
    def is_global(self) -> bool:
        """Whether all of the player's tensors are measured together."""
        return self.scope == "global"

    @property
    def rescales(self) -> bool:
        """Whether directions must be measured and rescaled."""
        return self.magnitude != "own"

    @property
    def updates_state(self) -> bool:
        """Whether gradients must be read before parameters move: for all rules but plain SGD."""
        return self.rescales or self.adam is not None or self.momentum != 0.0

    @property
    def momentum(self) -> float:
        """SGD's; 0 without SGD."""
        return self.sgd.momentum if self.sgd else 0.0

    @property
    def betas(self) -> tuple[float, float]:
        """Adam's; zeros without Adam."""
        return self.adam.betas if self.adam else (0.0, 0.0)

    @property
    def eps(self) -> float:
        """Adam's; 0 without Adam."""
        return self.adam.eps if self.adam else 0.0

    def arrays(self, states: Sequence[State]) -> StateArrays | None:
        """The arrays in the states of a player's tensors; None if only some have a first moment."""
        arrays = StateArrays([], [], [], [])
        if self.momentum:
            arrays = arrays._replace(buffers=[s["momentum_buffer"] for s in self._of("sgd", states)])
        if self.adam:
            own = self._of("adam", states)
            if len(set(map(len, own))) > 1:
                return None
            # A state may have one although betas[0] is 0 now: it was not before.
            firsts = [s["exp_avg"] for s in own] if "exp_avg" in own[0] else []
            arrays = arrays._replace(
                firsts=firsts, seconds=[s["exp_avg_sq"] for s in own], steps=[s["step"] for s in own]
            )
        return arrays

    def lengths(self, sizes: Sequence[int]) -> list[float]:
        """Euclidean lengths of a constant magnitude, one per tensor; ones where it is not constant."""
        return unit_lengths(sizes, self.scope, self.unit)

    def floors(self, sizes: Sequence[int]) -> list[float]:
        """The least lengths of the parameters, one per tensor; all the player's if it is measured whole."""
        return [self.floor * length for length in unit_lengths(sizes, self.scope, "rms")]

    def _of(self, part: Part, states: Sequence[State]) -> Sequence[State]:
        if self.magnitude in ("constant", "own"):
            return states
        name = "direction" if part == self.direction else "magnitude"
        return [state[name] for state in states]


def decompose(rule: Rule) -> Decomposition | None:
    """``rule`` as a magnitude and a direction; None if the fast ways do not support it."""
    if getattr(rule, "scope", None) == "row":
        return None
    if isinstance(rule, Normalize) and _is_part(rule.rule):
        return _of_one_part(rule.rule, "constant", rule.scope, rule.unit)
    if isinstance(rule, Graft) and type(rule.magnitude) is Weight and _is_part(rule.direction):
        if rule.magnitude.scope != rule.scope:
            return None
        return _of_one_part(rule.direction, "weights", rule.scope)._replace(floor=rule.magnitude.floor)
    if isinstance(rule, Graft) and _is_part(rule.magnitude) and _is_part(rule.direction):
        match rule.magnitude, rule.direction:
            case SGD() as sgd, Adam() as adam:
                return Decomposition(sgd, adam, direction="adam", magnitude="sgd", scope=rule.scope)
            case Adam() as adam, SGD() as sgd:
                return Decomposition(sgd, adam, direction="sgd", magnitude="adam", scope=rule.scope)
            case _:
                return None
    return _of_one_part(rule, "own", "layer") if _is_part(rule) else None


def _of_one_part(part: Rule, magnitude: Magnitude, scope: Scope, unit: Unit = "length") -> Decomposition:
    if isinstance(part, Adam):
        return Decomposition(None, part, direction="adam", magnitude=magnitude, scope=scope, unit=unit)
    assert isinstance(part, SGD)
    return Decomposition(part, None, direction="sgd", magnitude=magnitude, scope=scope, unit=unit)


def _is_part(rule: Rule) -> bool:
    # Exactly these: a subclass may update differently.
    return type(rule) in (SGD, Adam)
