"""Names a person types, and what they stand for; those of a run's parts are in `paripassu.train.names`."""

import os
import re
import shlex
import sys
from typing import get_args

import torch

from paripassu.metrics import MAX_PAIRED_SAMPLES, NETWORKS, FeatureMetric, Kind
from paripassu.train import check_device, is_one_of_many
from paripassu.train.names import choose, unknown

__all__ = ["as_typed", "choose", "device", "metric", "unknown"]


def metric(text: str, samples: int) -> FeatureMetric:
    """The metric of a name such as ``fd-efficientnet-lite0@10k``.

    Args:
        text: what a person typed.
        samples: the number for a name without one.
    """
    parts = re.fullmatch(r"(?P<kind>[a-z]+)-(?P<network>[a-z0-9-]+)(@(?P<count>[1-9]\d*)(?P<k>k?))?", text)
    if not parts:
        raise ValueError(f"{text!r} is no METRIC-NETWORK or METRIC-NETWORK@COUNT, such as fd-pixels8@10k")
    network = choose("feature network", parts["network"], NETWORKS)
    kinds: dict[str, Kind] = {network.aliases.get(kind, kind): kind for kind in get_args(Kind)}
    kind = choose(f"metric on {network.name}", parts["kind"], kinds)
    if not parts["count"]:
        return FeatureMetric(kind, network, samples if kind == "fd" else min(samples, MAX_PAIRED_SAMPLES))
    return FeatureMetric(kind, network, int(parts["count"]) * (1000 if parts["k"] else 1))


def device(name: str) -> str:
    """A device of this machine; ``"auto"`` is a GPU if there is one."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    check_device(name)
    return name


def as_typed() -> str:
    """This process's command as a person would type it."""
    program = ["paripassu"]
    if is_one_of_many():
        program = ["torchrun", f"--nproc-per-node={os.environ['LOCAL_WORLD_SIZE']}", "-m", "paripassu"]
    return shlex.join([*program, *sys.argv[1:]])
