"""The rule of each parameter group: the player's rule with the group's numbers.

A rule's numbers, such as a momentum, are settings of groups, so that schedulers can set them. A step reads
them all. Rules are made again only if one has changed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from paripassu.optim.steps.decomposition import Decomposition, decompose
from paripassu.rules import Rule
from paripassu.rules.parts import by_tensor, numbers_of, with_numbers
from paripassu.rules.rule import check_rule


class GroupRules:
    """The rules of a player's groups.

    Args:
        rule: of the player.
        names: of the numbers that groups can set; None for all that one part of the rule has.

    Attributes:
        rule: the same.
        defaults: the numbers in ``rule``, by name.
        rules: one for each group, after `read`.
        decomposition: of the rule of all groups; None if groups differ or the fast ways do not support it.

    Raises:
        ValueError: ``rule`` is no rule.
    """

    def __init__(self, rule: Rule, names: Sequence[str] | None) -> None:
        check_rule("rule", rule)
        numbers = numbers_of(rule)
        self.rule = rule
        self.defaults = {name: numbers[name] for name in (numbers if names is None else names)}
        self.rules: list[Rule] = []
        self.decomposition: Decomposition | None = None
        self._seen: list[tuple[Any, ...]] = []
        self._alike = True
        self._are_zero: list[tuple[Any, ...]] | None = None

    def of(self, group: Mapping[str, Any]) -> Rule:
        """The player's rule with the numbers of ``group``; a number that the group lacks is the rule's.

        Raises:
            ValueError: a number is out of range.
        """
        numbers = {name: group[name] for name in self.defaults if name in group}
        return with_numbers(self.rule, numbers) if numbers else self.rule

    def read(self, groups: Sequence[dict[str, Any]]) -> bool:
        """Read the groups' numbers; returns whether states may lack something for them.

        That is so if numbers have become 0 or others than 0 since the last call.

        Raises:
            ValueError: a number is out of range; the next call reads again.
        """
        names = self.defaults
        seen = [tuple([group[name] for name in names]) for group in groups]
        if seen == self._seen:
            return False
        self._seen = []
        self.rules = [self.of(group) for group in groups]
        self._alike = all(rule == self.rules[0] for rule in self.rules)
        self.decomposition = decompose(self.rules[0]) if self._alike and self.rules else None
        for group, rule in zip(groups, self.rules, strict=True):
            if names:  # as tuples: a change within a list would not be seen
                numbers = numbers_of(rule)
                group.update({name: numbers[name] for name in names})
        self._seen = [tuple([group[name] for name in names]) for group in groups]
        before, self._are_zero = self._are_zero, [tuple(map(_is_zero, numbers)) for numbers in self._seen]
        return before != self._are_zero

    def joined(self, counts: Sequence[int]) -> Rule:
        """The rule of a step.

        Args:
            counts: tensors of each group that take part.
        """
        return self.rules[0] if self._alike else by_tensor(self.rules, counts)


def _is_zero(number: Any) -> Any:
    return tuple(map(_is_zero, number)) if isinstance(number, tuple) else number == 0
