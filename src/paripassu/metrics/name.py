"""What a measurement is called: values under one name may be compared, others not."""

from typing import Literal

from paripassu.metrics.features import FeatureNetwork

_DISTANCES = ("fd-", "kd-", "kl-")


def metric_name(metric: str, count: int, network: FeatureNetwork | None = None) -> str:
    """``"fd-digits@1797"``: the metric, the network whose features it saw, the number of samples.

    Args:
        metric: ``"fd"``, ``"kd"``, ``"mode-overlap"``, ...
        count: generated samples measured; Fréchet distances are biased by it.
        network: where the features came from; none for a metric on the samples themselves.
    """
    return f"{metric}-{network.name}@{count}" if network else f"{metric}@{count}"


def better(name: str) -> Literal["higher", "lower"]:
    """Which way the metric of this `metric_name` improves: distances fall, everything else rises."""
    return "lower" if name.startswith(_DISTANCES) else "higher"
