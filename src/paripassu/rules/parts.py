"""The numbers of a rule's parts: their names, the rule with other ones, and numbers that differ by tensor.

A rule may be made of rules: `Normalize` has one, `Graft` two. A tensorwise rule is a part. The numbers
of a part, such as a momentum, are what an optimizer's parameter groups may set.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import accumulate
from typing import Any

from torch import Tensor

from paripassu.rules.rule import Rule, State, TensorwiseRule


def numbers_of(rule: Rule) -> dict[str, Any]:
    """The numbers of the rule's parts by name, without those that several parts have.

    Example:
        >>> from paripassu.rules import SGD, Adam, Graft, Normalize
        >>> numbers_of(Normalize(SGD(momentum=0.9)))
        {'momentum': 0.9}
        >>> numbers_of(Graft(SGD(0.9), SGD()))
        {}
    """
    found = [(name, getattr(part, name)) for part in _parts(rule) for name in part.numbers]
    counts = Counter(name for name, _ in found)
    return {name: value for name, value in found if counts[name] == 1}


def with_numbers(rule: Rule, numbers: Mapping[str, Any]) -> Rule:
    """The rule with these numbers in its parts.

    Args:
        rule: the rule.
        numbers: by the names of `numbers_of`.

    Raises:
        ValueError: a number is out of range.

    Example:
        >>> from paripassu.rules import SGD, Normalize
        >>> with_numbers(Normalize(SGD()), {"momentum": 0.9}).rule
        SGD(momentum=0.9)
    """

    def changed(part: TensorwiseRule) -> TensorwiseRule:
        own = {name: numbers[name] for name in part.numbers if name in numbers}
        # Not where nothing changes: a rule need not be a dataclass.
        return replace(part, **own) if own else part  # pyright: ignore[reportArgumentType]

    return _map_parts(rule, changed)


def with_state(rule: Rule, *, optional: bool) -> Rule:
    """The rule with numbers that need all the state that its parts ever have, or the least."""
    return _map_parts(rule, lambda part: part.with_state(optional=optional))


def by_tensor(rules: Sequence[Rule], counts: Sequence[int]) -> Rule:
    """One rule of a player, whose parts have other numbers for other tensors.

    Norms of the player are taken over all of its tensors.

    Args:
        rules: of equal structure, each for the tensors of one group.
        counts: tensors of each group.
    """
    first = rules[0]
    if all(rule == first for rule in rules):
        return first
    if isinstance(first, TensorwiseRule):
        return _ByTensor(tuple(rules), tuple(counts))
    parts = {name: by_tensor([getattr(rule, name) for rule in rules], counts) for name in rules_in(first)}
    return replace(first, **parts)  # pyright: ignore[reportArgumentType]


def for_some(rule: Rule, chosen: Sequence[bool]) -> Rule:
    """The rule of some of a player's tensors, where parts may have other numbers for other tensors.

    Args:
        rule: of all tensors, perhaps from `by_tensor`.
        chosen: whether a tensor is one of them, for each.
    """
    if isinstance(rule, _ByTensor):
        starts = accumulate(rule.counts, initial=0)
        counts = [
            sum(chosen[start : start + count]) for start, count in zip(starts, rule.counts, strict=False)
        ]
        return _ByTensor(rule.rules, tuple(counts))
    parts = {name: getattr(rule, name) for name in rules_in(rule)}
    changed = {name: for_some(part, chosen) for name, part in parts.items()}
    if all(changed[name] is part for name, part in parts.items()):
        return rule
    return replace(rule, **changed)  # pyright: ignore[reportArgumentType]


def rules_in(rule: Rule) -> list[str]:
    """Names of the fields that are rules.

    Example:
        >>> from paripassu.rules import SGD, Adam, Graft
        >>> rules_in(Graft(Adam(), SGD())), rules_in(SGD())
        (['magnitude', 'direction'], [])
    """
    if not is_dataclass(rule):
        return []
    return [field.name for field in fields(rule) if isinstance(getattr(rule, field.name), Rule)]


def is_global(rule: Rule) -> bool:
    """Whether the rule, or a rule that it is made of, measures the player as a whole."""
    return getattr(rule, "scope", "layer") == "global" or any(
        is_global(getattr(rule, name)) for name in rules_in(rule)
    )


@dataclass(frozen=True)
class _ByTensor(Rule):
    """Tensorwise rules, each for as many tensors as its count says, one after the other."""

    rules: tuple[Rule, ...]
    counts: tuple[int, ...]

    def init(self, tensor: Tensor) -> State:
        """Not known: each tensor's rule makes its state."""
        raise NotImplementedError

    def update(
        self, gradients: Sequence[Tensor], states: Sequence[State], weights: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[State]]:
        """One step of each rule on its tensors."""
        updates, following, start = list[Tensor](), list[State](), 0
        for rule, count in zip(self.rules, self.counts, strict=True):
            own = slice(start, start + count)
            some, next_states = rule.update(gradients[own], states[own], weights[own])
            updates += some
            following += next_states
            start += count
        return updates, following


def _parts(rule: Rule) -> Iterator[TensorwiseRule]:
    if isinstance(rule, TensorwiseRule):
        yield rule
    else:
        for name in rules_in(rule):
            yield from _parts(getattr(rule, name))


def _map_parts(rule: Rule, change: Callable[[TensorwiseRule], TensorwiseRule]) -> Rule:
    if isinstance(rule, TensorwiseRule):
        return change(rule)
    parts = {name: _map_parts(getattr(rule, name), change) for name in rules_in(rule)}
    return replace(rule, **parts) if parts else rule  # pyright: ignore[reportArgumentType]
