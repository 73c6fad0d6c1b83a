"""Comparisons of arms on games: tuned on some seeds, measured on others, as `PROTOCOL` says."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any, Self

from paripassu.protocol.gans.arm_on_game import ArmOnGame, Ends, Job, RunUnit, check_own, ends_in
from paripassu.protocol.gans.checks import check_arm, check_measured, check_names, check_seeds
from paripassu.protocol.gans.deciding import measurements_left
from paripassu.protocol.gans.game import Arm, Game, Measure, VerdictRule
from paripassu.protocol.gans.power import power_in_words
from paripassu.protocol.gans.procedure import PROTOCOL
from paripassu.protocol.gans.remarks import mixed, unlearned, unused
from paripassu.protocol.gans.results import evidence_of, game_result
from paripassu.protocol.gans.tuning import Tuning
from paripassu.protocol.gans.verdict import verdict_of
from paripassu.protocol.study import FIRST_CONFIRMATION_SEED, Design, Judgement, Unit, Work, fresh_seeds
from paripassu.records import Finding, GameResult


@dataclass(frozen=True)
class Comparison(Design):
    """Every arm on every game of its family, at one scale.

    Args:
        arms: the arms to compare.
        games: the games to compare them on; those without ``steps`` for ``size`` are left out.
        verdict: the verdict rule, or several by the claim that each is about.
        size: name of the scale; it selects from each game's ``steps``.
        tuning: how settings are chosen. With None nothing is tuned, and each arm takes the settings that its
            game has for it.
        confirmation_seeds: number of seeds with the chosen settings.
        first_seed: the first of them. A study that asks what another study's seeds suggested takes others.
        measures: further measures of a run, from its table of records and its settings. Smaller is what the
            claim calls better.
        by_path: games on data in files, made from the files' path.
        device: of all runs.
        is_judged: whether the games' own ``judged_by`` decides; without it, what tunes decides.
        wanted: games that a person named; one without ``steps`` for ``size`` is refused, not left out.

    Raises:
        ValueError: no seeds to confirm on, or seeds that tune; a name that two arms or games share, or that
            is no folder's; a game without arms.

    Example:
        >>> from paripassu.records import Verdict
        >>> from paripassu.rules import SGD
        >>> arm = Arm("sgda", "g", SGD())
        >>> Comparison([arm], games=[], verdict=lambda _: Verdict("undecided", "No game."), size="small").kind
        'comparison'
    """

    arms: Sequence[Arm]
    games: Sequence[Game]
    verdict: VerdictRule | Mapping[str, VerdictRule]
    size: str
    tuning: Tuning | None = field(default_factory=Tuning)
    confirmation_seeds: int = 8
    first_seed: int = FIRST_CONFIRMATION_SEED
    measures: Mapping[str, Measure] = field(default_factory=dict[str, Measure])
    by_path: Mapping[str, Callable[[Path], Sequence[Game]]] = field(
        default_factory=dict[str, Callable[[Path], Sequence[Game]]]
    )
    device: str = "cpu"
    is_judged: bool = True
    wanted: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_seeds(self.confirmation_seeds, self.first_seed, self.tuning)
        check_names(self.arms, self.games)

    @property
    def kind(self) -> str:
        """For records and pages."""
        return "comparison"

    @property
    def protocol(self) -> str:
        """`PROTOCOL`."""
        return PROTOCOL

    @property
    def budgets(self) -> Sequence[int]:
        """Numbers of trials an arm, smallest first."""
        return range(1, self.tuning.trials + 1) if self.tuning else (0,)

    @property
    def seeds_to_confirm_on(self) -> range:
        """Seeds of the confirmation runs, which tuning has not seen."""
        return fresh_seeds(self.confirmation_seeds, self.first_seed)

    def settings(self) -> dict[str, Any]:
        """The device, the tuning and the seeds."""
        tuning = json.loads(json.dumps(asdict(self.tuning))) if self.tuning else {}
        return {
            "device": self.device,
            "tuning": tuning,
            "confirmation_seeds": list(self.seeds_to_confirm_on),
        }

    def difference(self, settings: Mapping[str, Any]) -> str:
        """Another device or search space makes another study; more trials, seeds or games do not."""
        here = self.settings()
        if settings.get("device") != here["device"]:
            return f"device is {settings.get('device')} there and {here['device']} here"
        there = settings.get("tuning") or {}
        for name in ("space", "share") if there and here["tuning"] else ():
            if there.get(name) != here["tuning"][name]:
                return f"the {name} of its tuning is {there.get(name)} there and {here['tuning'][name]} here"
        return ""

    def on_data(self, paths: Mapping[str, Path]) -> Self:
        """This comparison on games from ``by_path`` instead of its ``games``; unchanged without paths."""
        for name in paths.keys() - self.by_path.keys():
            takes = f"takes {', '.join(self.by_path)}" if self.by_path else "takes no data by path"
            raise ValueError(f"there is no game {name!r} on data in files: this study {takes}")
        games = [game for name, path in paths.items() for game in self.by_path[name](path)]
        return replace(self, games=games) if games else self

    def check(self) -> None:
        """Check the games that are wanted, rates and metrics, and the network of each that decides."""
        for game in self.games:
            if game.name in self.wanted and self.size not in game.steps:
                raise ValueError(
                    f"{game.name} is not played at scale {self.size}, but at {', '.join(game.steps)}: choose "
                    "one of these, or leave it out"
                )
        if not self._games:
            files = " or ".join(f"--data {name}=PATH" for name in self.by_path)
            raise ValueError(
                f"none of these games is played at scale {self.size}: choose other games or another scale"
                f"{f', or give data in files ({files})' if files else ''}"
            )
        for each in self._arms_on_games:
            check_arm(each)
        for game in self._games:
            if game.judged_by:
                game.judged_by.network.check_installed()

    def on_games(self, names: Sequence[str]) -> Self:
        """This comparison on some of its games."""
        for name in set(names) - {game.name for game in self.games}:
            has = ", ".join(game.name for game in self.games)
            raise ValueError(f"there is no game {name!r}: this study has {has}")
        games = [game for game in self.games if not names or game.name in names]
        return replace(self, games=games, wanted=tuple(names))

    def on_device(self, device: str) -> Self:
        """This comparison with the networks of all runs on a torch device."""
        return replace(self, device=device)

    def plan(self) -> list[str]:
        """Every run in words; the settings of later ones are unknown until earlier ones are done."""
        lines: list[str] = []
        for each in self._arms_on_games:
            who = f"{each.game.name}, {each.arm.name}"
            where, trial = f"{who}, {each.steps:,} updates", f"{who}, {each.trial_steps:,} updates"
            lines += [f"{trial}: trial {n}, rates {point}" for n, point in enumerate(each.points, 1)]
            if self.tuning and self.tuning.seeds:
                again = min(self.tuning.finalists, self.tuning.trials)
                lines += [
                    f"{where}: the best trial but {n} again, further seed {seed + 1}"
                    for n in range(again)
                    for seed in range(self.tuning.seeds)
                ]
            what = "the chosen rates" if self.tuning else f"rates {each.chosen({}, 0)}"
            lines += [f"{where}: confirm {what}, seed {seed}" for seed in each.confirmation_seeds]
        return lines

    def work(self, folder: Path, command: str, budget: int | None = None) -> Work:
        """The runs that are needed, as far as it follows from those that have ended.

        Trial by trial, and in each all arms on all games: wherever a study stops, every arm has had the same
        trials, or one more.
        """
        budget = self.budgets[-1] if budget is None else budget
        ends = ends_in(folder)
        jobs = [each.jobs(ends, budget) for each in self._arms_on_games]
        for each, own in zip(self._arms_on_games, jobs, strict=True):
            check_measured(each, own, ends, folder)
        in_order = [job for one_each in zip_longest(*jobs) for job in one_each if job]
        missing = [job for job in in_order if job.folder not in ends]
        for job in missing:
            check_own(job, folder)
        unmeasured, to_measure, further = measurements_left(self._arms_on_games, folder, ends, budget)
        units: list[Unit] = [RunUnit(folder / j.folder, j.run, command) for j in missing]
        units += unmeasured
        done = sum(job.run.steps for job in in_order if job.folder in ends)
        needed = sum(each.steps_needed(budget) for each in self._arms_on_games)
        expected, left = self._seconds(jobs, missing, ends, budget)
        if expected is None or left is None:
            return Work(units, done, needed)
        return Work(units, done, needed, [*expected, *to_measure], left + further)

    def _seconds(
        self, jobs: Sequence[Sequence[Job]], missing: Sequence[Job], ends: Ends, budget: int
    ) -> tuple[list[float], float] | tuple[None, None]:
        """Expected seconds of each missing run, and of all that is left; None while a game has no run."""
        steps, seconds, left = (defaultdict[str, float](float) for _ in range(3))
        for each, own in zip(self._arms_on_games, jobs, strict=True):
            game = each.game.name
            left[game] += each.steps_needed(budget)
            for job in own:
                if end := ends.get(job.folder):
                    steps[game] += end.step
                    seconds[game] += end.seconds
                    left[game] -= job.run.steps
        if not all(steps[game] for game in left):
            return None, None
        paces = {game: seconds[game] / steps[game] for game in left}
        of_missing = [job.run.steps * paces[job.folder.parts[1]] for job in missing]
        return of_missing, sum(left[game] * paces[game] for game in left)

    def judge(self, claim: str, folder: Path, budget: int | None = None) -> Judgement:
        """The verdicts on each game, from its confirmation runs and its trials."""
        budget = self.budgets[-1] if budget is None else budget
        ends = ends_in(folder)
        findings: list[Finding] = []
        results: list[GameResult] = []
        remarks: list[str] = []
        rules = self.verdict if isinstance(self.verdict, Mapping) else {claim.removesuffix("."): self.verdict}
        for game in self._games:
            own = [each for each in self._arms_on_games if each.game is game]
            result = game_result(own, self.measures, ends, folder, budget)
            evidence = evidence_of(result, game)
            by_tuned = evidence_of(result, game, game.metric) if game.judged_by else None
            for about, rule in rules.items():
                power, verdict = power_in_words(rule, evidence), verdict_of(rule, evidence)
                findings.append(Finding(about, game.name, verdict, self._budget(result), power))
                as_tuned = verdict_of(rule, by_tuned) if by_tuned else verdict
                if as_tuned.outcome != verdict.outcome:
                    remarks.append(
                        f"{about}, on {game.name}: {verdict.outcome} by {game.deciding}, which decides, and "
                        f"{as_tuned.outcome} by {game.metric}, which tunes."
                    )
            remarks += unlearned(own, ends, folder, budget)
            results.append(result)
        remarks += [
            *unused(self._folders(ends, *self.budgets), folder),
            *mixed(self._folders(ends, budget), folder),
        ]
        return Judgement(findings, results, remarks=remarks)

    def _folders(self, ends: Ends, *budgets: int) -> set[Path]:
        """The runs of some budgets, as far as they follow from those that have ended."""
        return {job.folder for each in self._arms_on_games for n in budgets for job in each.jobs(ends, n)}

    @cached_property
    def _games(self) -> list[Game]:
        games = [game for game in self.games if self.size in game.steps]
        return games if self.is_judged else [replace(game, judged_by=None) for game in games]

    @cached_property
    def _arms_on_games(self) -> list[ArmOnGame]:
        return [
            ArmOnGame(arm, game, game.steps[self.size], self.tuning, self.seeds_to_confirm_on, self.device)
            for game in self._games
            for arm in self.arms
            if arm.family == game.family
        ]

    def _budget(self, result: GameResult) -> str:
        trials = len(result.arms[0].trials)
        tuned = f"{trials} trials each, " if self.tuning else ""
        runs = sum(arm.tuning_runs + len(arm.runs) for arm in result.arms)
        seeds = self.confirmation_seeds
        return f"{len(result.arms)} arms, {tuned}{seeds} seeds, {runs:,} runs; {result.setting}"

    def reached(self, budget: int) -> str:
        """A budget in words."""
        return f"{budget} of {self.budgets[-1]} trials an arm"
