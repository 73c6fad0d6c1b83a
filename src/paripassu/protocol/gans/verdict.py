"""A rule's verdict. Where a rule reads a measure that is unknown, it is undecided, whatever the rule is."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from paripassu.protocol.gans.game import ByArm, Evidence, VerdictRule
from paripassu.records import Verdict


def verdict_of(rule: VerdictRule, evidence: Evidence) -> Verdict:
    """What a rule says of the evidence.

    It is *undecided* if the rule reads a measure of an arm that has NaN among its values, and the reason
    names both.

    Args:
        rule: the verdict rule.
        evidence: what it sees.

    Example:
        >>> from paripassu.protocol import Game
        >>> def rule(evidence):
        ...     gaps = evidence.estimates["pace gap"]["sgda"]
        ...     return Verdict("supported" if gaps[0] < 1 else "contradicted", f"It is {gaps[0]}.")
        >>> game = Game("ring8", "a ring", lambda *_: None, "mode-overlap@50", centres={})
        >>> verdict_of(rule, Evidence(game, {}, {"pace gap": {"sgda": [math.nan]}})).outcome
        'undecided'
    """
    known = {name: _Known(name, values) for name, values in evidence.estimates.items()}
    try:
        return rule(replace(evidence, estimates=known))
    except _UnknownError as error:
        return Verdict("undecided", str(error))


class _UnknownError(Exception):
    """A rule has read an unknown measure; the message is a verdict's reason."""


@dataclass(frozen=True)
class _Known(Mapping[str, Sequence[float]]):
    """The values of a metric or measure by arm. Reading unknown ones raises `_UnknownError`."""

    name: str
    by_arm: ByArm

    def __getitem__(self, arm: str) -> Sequence[float]:
        values = self.by_arm[arm]
        if any(map(math.isnan, values)):
            raise _UnknownError(
                f"The {self.name} of {arm} is unknown, because none of its confirmation runs has one. So the "
                "rule cannot decide."
            )
        return values

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_arm)

    def __len__(self) -> int:
        return len(self.by_arm)
