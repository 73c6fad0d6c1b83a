"""Comparisons of arms on games: tuned on some seeds, measured on others, as `PROTOCOL` says."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any, Self

from paripassu.evidence.tables import RunEnd, run_ends
from paripassu.protocol.gans.arm_on_game import RUNS, ArmOnGame, Ends, RunUnit
from paripassu.protocol.gans.game import Arm, Evidence, Game, Measure, VerdictRule
from paripassu.protocol.gans.results import game_result, scores_of
from paripassu.protocol.search import Search
from paripassu.protocol.study import FIRST_CONFIRMATION_SEED, Design, Judgement, Work
from paripassu.records import RUN_FILE, Finding, GameResult
from paripassu.train.folder import header_of

PROTOCOL = """\
Each arm starts with the same number of learning rates in its grid, half a decade apart. While the best rate
is at an edge of the grid, one more rate is tried beyond it, up to a bound that is the same for every arm.
The rate with the best mean over the tuning seeds runs again on fresh confirmation seeds. Only those runs are
reported and compared, so that no arm gains by having been selected.

A diverged run gets the worst value of the metric seen in any run on that game, including before training. For
measures computed from records, it gets the largest value among the confirmation runs.
"""


@dataclass(frozen=True)
class Comparison(Design):
    """Every arm on every game, at one scale.

    Args:
        arms: the arms to compare.
        games: the games to compare them on; those without ``steps`` for ``size`` are left out.
        verdict: the verdict rule.
        size: name of the scale; it selects from each game's ``steps``.
        rates: number of learning rates in each arm's grid, odd. With 1 nothing is tuned, and each arm takes
            the rate that its game has for it.
        tuning_seeds: number of seeds per learning rate.
        confirmation_seeds: number of seeds at the chosen rate.
        beyond: number of rates that may be tried beyond the grid's edges.
        measures: further measures of a run, from its table of records. Smaller is what the claim calls
            better.
        by_path: games on data in files, made from the files' path.
        device: of all runs.

    Raises:
        ValueError: an even number of rates, no seeds to confirm on, or a name that two arms or games share.

    Example:
        >>> from paripassu.records import Verdict
        >>> from paripassu.rules import SGD
        >>> arm = Arm("sgda", "g", SGD())
        >>> Comparison([arm], games=[], verdict=lambda _: Verdict("undecided", "No game."), size="small").kind
        'comparison'
    """

    arms: Sequence[Arm]
    games: Sequence[Game]
    verdict: VerdictRule
    size: str
    rates: int = 5
    tuning_seeds: int = 2
    confirmation_seeds: int = 8
    beyond: int = 4
    measures: Mapping[str, Measure] = field(default_factory=dict[str, Measure])
    by_path: Mapping[str, Callable[[Path], Game]] = field(default_factory=dict[str, Callable[[Path], Game]])
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.rates < 1 or self.rates % 2 == 0:
            raise ValueError(f"rates must be odd, so that the grid has a centre, got {self.rates}")
        if self.confirmation_seeds < 1 or (self.rates > 1 and self.tuning_seeds < 1):
            raise ValueError("a comparison needs at least one seed to tune on and one to confirm on")
        for what, names in (("arms", [a.name for a in self.arms]), ("games", [g.name for g in self.games])):
            if len(set(names)) < len(names):
                raise ValueError(f"two {what} share a name: {', '.join(names)}")

    @property
    def kind(self) -> str:
        """For records and pages."""
        return "comparison"

    @property
    def protocol(self) -> str:
        """`PROTOCOL`."""
        return PROTOCOL

    @property
    def seeds_to_tune_on(self) -> range:
        """Seeds of the tuning runs; empty if nothing is tuned."""
        return range(self.tuning_seeds if self.rates > 1 else 0)

    @property
    def seeds_to_confirm_on(self) -> range:
        """Seeds of the confirmation runs, which tuning has not seen."""
        return range(FIRST_CONFIRMATION_SEED, FIRST_CONFIRMATION_SEED + self.confirmation_seeds)

    def settings(self) -> dict[str, Any]:
        """The device and the seeds."""
        return {
            "device": self.device,
            "tuning_seeds": list(self.seeds_to_tune_on),
            "confirmation_seeds": list(self.seeds_to_confirm_on),
        }

    def difference(self, settings: Mapping[str, Any]) -> str:
        """Only another device makes another study; runs that are no longer needed stay unused."""
        there = settings.get("device")
        return "" if there == self.device else f"device is {there} there and {self.device} here"

    def on_data(self, paths: Mapping[str, Path]) -> Self:
        """This comparison on games from ``by_path`` instead of its ``games``; unchanged without paths."""
        for name in paths.keys() - self.by_path.keys():
            takes = f"takes {', '.join(self.by_path)}" if self.by_path else "takes no data by path"
            raise ValueError(f"there is no game {name!r} on data in files: this study {takes}")
        games = [self.by_path[name](path) for name, path in paths.items()]
        return replace(self, games=games) if games else self

    def on_device(self, device: str) -> Self:
        """This comparison with the networks of all runs on a torch device."""
        return replace(self, device=device)

    def plan(self) -> list[str]:
        """Every run in words; the rates to confirm are unknown until tuning is done."""
        lines: list[str] = []
        for each in self._arms_on_games:
            rates = [f"{lr:g}" for lr in each.search.grid()]
            where = f"{each.game.name}, {each.arm.name}, {each.steps:,} updates"
            lines += [f"{where}: tune lr {lr}, seed {seed}" for lr in rates for seed in each.tuning_seeds]
            if rates and self.beyond:
                lines.append(f"{where}: tune up to {self.beyond} rates beyond an edge at which the best is")
            chosen = f"the best of {', '.join(rates)}" if rates else f"{each.chosen({}):g}"
            lines += [f"{where}: confirm lr {chosen}, seed {seed}" for seed in each.confirmation_seeds]
        return lines

    def work(self, folder: Path, command: str) -> Work:
        """The runs that are needed, as far as it follows from those that have ended."""
        ends = _ends(folder)
        jobs = [each.jobs(ends) for each in self._arms_on_games]
        # Interleave the arms, so that the time estimate is right although games differ in length.
        in_order = [job for one_each in zip_longest(*jobs) for job in one_each if job]
        missing = [RunUnit(folder / j.folder, j.run, command) for j in in_order if j.folder not in ends]
        done = sum(job.run.steps for job in in_order if job.folder in ends)
        needed = sum(
            each.steps * (len(each.all_tuning(ends)) + len(each.confirmation_seeds))
            for each in self._arms_on_games
        )
        return Work(missing, done, needed)

    def judge(self, claim: str, folder: Path) -> Judgement:
        """The verdict on each game, from its confirmation runs."""
        ends = _ends(folder)
        findings: list[Finding] = []
        results: list[GameResult] = []
        for game in self._games:
            own = [each for each in self._arms_on_games if each.game is game]
            result = game_result(own, self.measures, ends, folder)
            names = result.arms[0].estimates
            estimates = {name: {a.arm: a.estimates[name].values for a in result.arms} for name in names}
            verdict = self.verdict(Evidence(game, scores_of(result, game), estimates))
            findings.append(Finding(claim, game.name, verdict, self._budget(result)))
            results.append(result)
        used = {job.folder for each in self._arms_on_games for job in each.jobs(ends)}
        return Judgement(findings, results, remarks=[*_unused(used, folder), *_mixed(used, folder)])

    @property
    def _games(self) -> list[Game]:
        return [game for game in self.games if self.size in game.steps]

    @cached_property
    def _arms_on_games(self) -> list[ArmOnGame]:
        return [
            ArmOnGame(
                arm,
                game,
                game.steps[self.size],
                Search(game.centres[arm.name], self.rates, self.beyond),
                self.seeds_to_tune_on,
                self.seeds_to_confirm_on,
                self.device,
            )
            for game in self._games
            for arm in self.arms
        ]

    def _budget(self, result: GameResult) -> str:
        tuning = sum(len(rate.estimate.values) for arm in result.arms for rate in arm.grid)
        runs = tuning + sum(len(arm.runs) for arm in result.arms)
        seeds = self.confirmation_seeds
        return f"{len(result.arms)} arms, {seeds} seeds, {runs:,} runs; {result.setting}"


def _ends(folder: Path) -> Ends:
    ends: dict[Path, RunEnd] = {}
    for path in sorted(folder.glob(f"{RUNS}/*/*/*")):
        with suppress(ValueError):  # a damaged run has not ended, and is trained again
            (end,) = run_ends([path])
            if end and header_of(path):  # a table alone does not say whose run it is of
                ends[path.relative_to(folder)] = end
    return ends


def _unused(used: set[Path], out: Path) -> list[str]:
    """A remark if the folder has runs that the study does not use."""
    there = (path.parent.relative_to(out) for path in out.glob(f"{RUNS}/*/*/*/{RUN_FILE}"))
    count = sum(folder not in used for folder in there)
    if not count:
        return []
    runs = "1 run in the folder is" if count == 1 else f"{count:,} runs in the folder are"
    return [f"{runs} not used: the study was edited, or chooses other learning rates now."]


def _mixed(used: Iterable[Path], out: Path) -> list[str]:
    """A remark if not all runs were made by the same code on the same hardware."""
    where = [json.loads((out / folder / RUN_FILE).read_text("utf-8"))["environment"] for folder in used]
    made = {
        "commits": {w["commit"] for w in where},
        "versions of torch": {w["versions"].get("torch", "unknown") for w in where},
        "devices": {w["device"] for w in where},
    }
    several = [f"{what} {', '.join(sorted(each))}" for what, each in made.items() if len(each) > 1]
    return [f"The runs were not all made alike: {'; '.join(several)}."] if several else []
