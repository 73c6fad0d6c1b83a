r"""Measures of how a run moved: its pace, how long its steps are, and how much they vary.

The pace is the discriminator's relative step over the generator's. A relative step is the length of a step
over the length of the player's weights. With :math:`p_t` the pace at probed step :math:`t`,

.. math:: \text{gap} = \operatorname{mean}_t |\log_{10} p_t|, \quad
          \text{wander} = \operatorname{std}_t \log_{10} p_t.

The wander of steps is per layer the standard deviation of their lengths over the mean of their lengths.
"""

import math
from collections.abc import Callable

import numpy as np
import polars as pl

from paripassu.records import Pace, Update

_WARM_UP = 0.1  # of the run, in which Adam's moments fill


def pace_gap(table: pl.DataFrame) -> float:
    """Mean distance of the pace from 1, in decades.

    Args:
        table: a run's, from `paripassu.evidence.tables.run_table`.

    Returns:
        At least 0: 0 where both players always move alike, 1 where one moves ten times as far. NaN without a
        probed step in which both moved.

    Example:
        >>> paces = pl.DataFrame({"kind": "Pace", "step": [1, 2], "value": [10.0, 0.1]})
        >>> pace_gap(paces)
        1.0
    """
    logarithms = _logarithms(table)
    return float(np.abs(logarithms).mean()) if logarithms.size else math.nan


def pace_wander(table: pl.DataFrame) -> float:
    """Standard deviation of the pace, in decades.

    Args:
        table: as in `pace_gap`.

    Returns:
        At least 0: 0 where the pace is constant, whatever it is. NaN without a probed step in which both
        moved.

    Example:
        >>> paces = pl.DataFrame({"kind": "Pace", "step": [1, 2], "value": [10.0, 10.0]})
        >>> pace_wander(paces)
        0.0
    """
    logarithms = _logarithms(table)
    return float(logarithms.std()) if logarithms.size else math.nan


def step_wander(table: pl.DataFrame, rate_factor: Callable[[int], float] = lambda _: 1.0) -> float:
    """How much the lengths of a layer's steps vary: standard deviation over mean, the median over layers.

    The first tenth of the run is left out.

    Args:
        table: as in `pace_gap`; its last record says how long the run was.
        rate_factor: what the learning rate was multiplied by, from the number of updates before a step.
            Lengths are divided by it.

    Returns:
        At least 0. NaN without a layer that was probed and moved.
    """
    steps = table["step"].unique().to_list()
    factors = pl.DataFrame(
        {"step": steps, "factor": [rate_factor(max(step - 1, 0)) for step in steps]},
        schema={"step": table.schema["step"], "factor": pl.Float64},
    )
    rescaled = table.join(factors, on="step", how="left", maintain_order="left")
    moving = rescaled.with_columns(update=pl.col("update") / pl.col("factor"))
    return _wander(moving, "update")


def gradient_wander(table: pl.DataFrame) -> float:
    """How much the lengths of a layer's gradients vary, as `step_wander`."""
    return _wander(table, "gradient")


def step_length(table: pl.DataFrame, player: str) -> float:
    """Mean length of a player's probed steps.

    Args:
        table: as in `pace_gap`.
        player: its name.

    Returns:
        At least 0, in the unit of the weights. NaN without a probed step.

    Example:
        >>> of_two = {"kind": "Update", "player": "generator", "layer": "", "update": [1.0, 3.0]}
        >>> step_length(pl.DataFrame(of_two), "generator")
        2.0
    """
    # A layer without a name is the whole player.
    whole = table.filter(pl.col("kind") == Update.__name__, player=player, layer="")
    return float(whole["update"].to_numpy().mean()) if len(whole) else math.nan


def pace_gaps(paths: pl.DataFrame) -> pl.DataFrame:
    """The pace gap of each run of a sweep.

    Args:
        paths: ``method, seed, pace_d, pace_g``, the players' relative steps, one row a recorded step.

    Returns:
        ``method, seed, gap, moving``, one row a run. The gap is the mean over the steps at which both
        players moved, and ``moving`` is their share of the recorded steps. Runs without such a step are left
        out.
    """
    apart = (pl.col("pace_d") / pl.col("pace_g")).log10().abs()
    usable = pl.col("gap").is_finite()
    by_run = paths.with_columns(gap=apart).group_by("method", "seed", maintain_order=True)
    means = by_run.agg(pl.col("gap").filter(usable).mean(), usable.mean().alias("moving"))
    return means.filter(pl.col("moving") > 0)


def _logarithms(table: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    usable = pl.col("value").is_finite() & (pl.col("value") > 0)
    return np.log10(table.filter(pl.col("kind") == Pace.__name__).filter(usable)["value"].to_numpy())


def _wander(table: pl.DataFrame, length: str) -> float:
    probed = table.filter(
        pl.col("kind") == Update.__name__,
        pl.col("layer") != "",
        pl.col("step") > _WARM_UP * pl.lit(table["step"].max()),
    )
    by_layer = probed.group_by("player", "layer", maintain_order=True).agg(length)[length].to_list()
    varied = [np.std(lengths) / np.mean(lengths) for lengths in by_layer if np.mean(lengths) > 0]
    return float(np.median(varied)) if varied else math.nan
