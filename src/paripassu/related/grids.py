"""Levels of a small gridworld: walls, moss, a goal that is seen from beside it, a start.

A level is a grid of 5 x 5 cells. An agent moves to one of four sides and stays where a wall or the edge is in
its way. It sees all walls and all moss, and the goal only from the eight cells around it. *Grounded* levels
have their goal left or right and most of their moss on its side, so that moss says where to look. In
*randomised* levels each tile is drawn by itself, and moss says nothing. Ours, after the four templates of
15 x 15 cells in Garcin et al. 2024, arXiv:2402.03479.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Indices = NDArray[np.int64]
Array = NDArray[np.float64]

SIDE, MOVES = 5, 4
CELLS = SIDE**2
PLANES = 4 * CELLS
"""Numbers of one observation: walls, moss, the goal if it is seen, the agent."""

_WALL, _MOSS_NEAR, _MOSS_FAR = 0.15, 0.6, 0.1
_COLUMN = np.arange(CELLS) % SIDE
_ROW = np.arange(CELLS) // SIDE
_LEFT, _MIDDLE, _RIGHT = _COLUMN < SIDE // 2, _COLUMN == SIDE // 2, _COLUMN > SIDE // 2
_MOSS_MEAN = (_MOSS_NEAR * _LEFT.sum() + _MOSS_FAR * (CELLS - _LEFT.sum())) / CELLS
_KINDS = 2 * int(_LEFT.sum()) + 2
_LAW_DRAWS = 8000


@dataclass(frozen=True)
class Levels:
    """N levels; cells are numbered row by row.

    Attributes:
        walls: ``[N, 25]``, none at the goal and the start.
        moss: ``[N, 25]``.
        goals: ``[N]``, a cell each.
        starts: ``[N]``, another cell each.
    """

    walls: Bools
    moss: Bools
    goals: Indices
    starts: Indices

    def __getitem__(self, which: Indices | Bools | slice) -> "Levels":
        """Some of the levels."""
        return Levels(self.walls[which], self.moss[which], self.goals[which], self.starts[which])

    def fields(self) -> tuple[Bools, Bools, Indices, Indices]:
        """All arrays."""
        return self.walls, self.moss, self.goals, self.starts


def grounded(count: int, rng: np.random.Generator) -> Levels:
    """``count`` solvable levels with a start in the middle column and the goal at a side, under moss."""
    found: list[Levels] = []
    missing = count
    while missing > 0:
        tried = 2 * missing
        sides = rng.random(tried) < 0.5
        near = np.where(sides[:, None], _LEFT, _RIGHT)
        goals = _one_of(near, rng)
        starts = _one_of(np.broadcast_to(_MIDDLE, near.shape), rng)
        moss = rng.random(near.shape) < np.where(near, _MOSS_NEAR, _MOSS_FAR)
        drawn = _cleared(rng.random(near.shape) < _WALL, moss, goals, starts)
        found.append(drawn[solvable(drawn)][:missing])
        missing -= len(found[-1].goals)
    return joined(found)


def randomised(count: int, rng: np.random.Generator) -> Levels:
    """``count`` levels with tiles as frequent as in grounded ones, the goal and the start anywhere.

    Some cannot be solved.
    """
    shape = (count, CELLS)
    order = rng.random(shape).argsort(axis=1)
    walls, moss = rng.random(shape) < _WALL, rng.random(shape) < _MOSS_MEAN
    return _cleared(walls, moss, order[:, 0], order[:, 1])


def joined(parts: Sequence[Levels]) -> Levels:
    """All levels of several, one after the other."""
    return Levels(
        np.concatenate([each.walls for each in parts]),
        np.concatenate([each.moss for each in parts]),
        np.concatenate([each.goals for each in parts]),
        np.concatenate([each.starts for each in parts]),
    )


def next_cells(levels: Levels) -> Indices:
    """Where each move leads, ``[N, 25, 4]``: up, down, left, right."""
    there = np.stack(
        [
            np.where(_ROW > 0, np.arange(CELLS) - SIDE, np.arange(CELLS)),
            np.where(_ROW < SIDE - 1, np.arange(CELLS) + SIDE, np.arange(CELLS)),
            np.where(_COLUMN > 0, np.arange(CELLS) - 1, np.arange(CELLS)),
            np.where(_COLUMN < SIDE - 1, np.arange(CELLS) + 1, np.arange(CELLS)),
        ],
        axis=1,
    )
    return np.where(levels.walls[:, there], np.arange(CELLS)[:, None], there)


def solvable(levels: Levels) -> Bools:
    """Whether moves lead from the start to the goal, ``[N]``."""
    count = len(levels.goals)
    following = next_cells(levels).reshape(count, -1)
    reached = np.zeros((count, CELLS), bool)
    reached[np.arange(count), levels.goals] = True
    before = -1
    while reached.sum() > before:
        before = reached.sum()
        # A move between two free cells can be taken back.
        around = np.take_along_axis(reached, following, axis=1).reshape(count, CELLS, MOVES)
        reached |= around.any(axis=2) & ~levels.walls
    return reached[np.arange(count), levels.starts]


def observations(levels: Levels) -> NDArray[np.float32]:
    """What the agent sees from every cell, ``[N, 25, 100]``."""
    count = len(levels.goals)
    seen = np.zeros((count, CELLS, 4, CELLS), np.float32)
    seen[:, :, 0] = levels.walls[:, None]
    seen[:, :, 1] = levels.moss[:, None]
    seen[np.arange(count), :, 2, levels.goals] = _near()[levels.goals]
    seen[:, np.arange(CELLS), 3, np.arange(CELLS)] = 1
    return seen.reshape(count, CELLS, PLANES)


def shift(levels: Levels) -> float:
    """How far levels are from the law of grounded ones, in nats, >= 0.

    It is the Kullback-Leibler divergence of a histogram from the law's: of whether the goal is in the middle
    column, and otherwise of moss on the goal's side minus moss on the other. One is added to each count.
    """
    own, law = _histogram(levels), _law()
    return float((own * np.log(own / law)).sum())


def _histogram(levels: Levels) -> Array:
    left, right = ((levels.moss & side).sum(axis=1) for side in (_LEFT, _RIGHT))
    contrast = np.where(_LEFT[levels.goals], left - right, right - left) + int(_LEFT.sum())
    kinds = np.where(_MIDDLE[levels.goals], _KINDS - 1, contrast)
    counts = np.bincount(kinds, minlength=_KINDS) + 1.0
    return counts / counts.sum()


@cache
def _law() -> Array:
    return _histogram(grounded(_LAW_DRAWS, np.random.default_rng(0)))


@cache
def _near() -> Bools:
    """Whether a cell is at most one row and one column away from another, ``[25, 25]``."""
    rows, columns = (np.abs(at[:, None] - at) for at in (_ROW, _COLUMN))
    return (rows <= 1) & (columns <= 1)


def _one_of(allowed: Bools, rng: np.random.Generator) -> Indices:
    """An allowed cell of each row, all equally likely."""
    return np.where(allowed, rng.random(allowed.shape), -1).argmax(axis=1)


def _cleared(walls: Bools, moss: Bools, goals: Indices, starts: Indices) -> Levels:
    each = np.arange(len(goals))
    walls[each, goals] = walls[each, starts] = False
    return Levels(walls, moss, goals, starts)
