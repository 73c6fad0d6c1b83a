"""What a measurement is called: values under one name may be compared, others not."""

from paripassu.metrics.features import FeatureNetwork


def metric_name(metric: str, count: int, network: FeatureNetwork | None = None) -> str:
    """``"fd-digits@1797"``, ``"fid-inception@50k"``: the metric, whose features it saw, how many samples.

    Args:
        metric: ``"fd"``, ``"kd"``, ``"mode-overlap"``, ...
        count: generated samples measured; Fréchet distances are biased by it.
        network: where the features came from; none for a metric on the samples themselves.
    """
    if network:
        metric = f"{network.aliases.get(metric, metric)}-{network.name}"
    # Counts of published protocols are written as the papers write them.
    return f"{metric}@{count // 1000}k" if count and count % 10_000 == 0 else f"{metric}@{count}"
