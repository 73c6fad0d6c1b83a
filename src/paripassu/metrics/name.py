"""What a measurement is called: values under one name may be compared, others not."""

from paripassu.metrics.features import FeatureNetwork


def metric_name(metric: str, count: int, network: FeatureNetwork | None = None, of: str = "") -> str:
    """``"fd-digits@1797"``, ``"fid-inception@50k"``: the metric, whose features it saw, how many samples.

    Args:
        metric: ``"fd"``, ``"kd"``, ``"mode-overlap"``, ...
        count: generated samples measured; Fréchet distances are biased by it.
        network: where the features came from; none for a metric on the samples themselves.
        of: what it is measured of, if not of all samples: ``"of-cat"`` in ``"fd-pixels8-of-cat@500"``.
    """
    if network:
        metric = f"{network.aliases.get(metric, metric)}-{network.name}"
    if of:
        metric = f"{metric}-{of}"
    # Counts of published protocols are written as the papers write them.
    return f"{metric}@{count // 1000}k" if count and count % 10_000 == 0 else f"{metric}@{count}"
