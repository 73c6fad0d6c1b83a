import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef

from paripassu.metrics import (
    FeatureMetric,
    FeatureSample,
    InceptionFeatures,
    Moments,
    PixelFeatures,
    better,
    frechet_distance,
    kernel_distance,
    manifold_scores,
    score,
)

PIXELS = PixelFeatures()


def normals(seed, count):
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))


def test_batches_leave_all_moments_and_the_first_rows():
    features = normals(0, 100)
    sample = FeatureSample.gather(features.split(7), keep=30)
    assert torch.equal(sample.rows, features[:30])
    assert sample.moments.count == 100
    assert torch.allclose(sample.moments.products, Moments.of(features).products)
    assert FeatureSample.gather(features.split(7), keep=0).rows.shape == (0, 4)


@pytest.mark.parametrize("keep", [0, 3])
def test_batches_are_let_go(keep):
    """The Fréchet distance needs the memory of two matrices, however many features pass."""
    passed: list[StorageWeakRef] = []

    def batches():
        for seed in range(4):
            batch = normals(seed, 10)
            passed.append(StorageWeakRef(batch.untyped_storage()))
            yield batch

    def in_memory(batches):
        for batch in batches:
            alive.append(sum(not storage.expired() for storage in passed))
            yield batch

    alive: list[int] = []
    assert len(FeatureSample.gather(in_memory(batches()), keep).rows) == keep
    assert max(alive) <= 2  # the one before it goes when the next is there


def test_scores_are_of_as_many_rows_as_their_names_say():
    real, fake = normals(0, 60), normals(1, 60) + 0.3
    samples = (FeatureSample.gather([each], keep=60) for each in (real, fake))
    metrics = [
        FeatureMetric("fd", PIXELS, 60),
        FeatureMetric("kd", PIXELS, 50),
        FeatureMetric("recall", PIXELS, 40),
        FeatureMetric("density", PIXELS, 40),
        FeatureMetric("recall", PIXELS, 30),
    ]
    assert score(metrics, *samples) == {
        "fd-pixels8@60": frechet_distance(Moments.of(real), Moments.of(fake)),
        "kd-pixels8@50": kernel_distance(real[:50], fake[:50]),
        "recall-pixels8@40": manifold_scores(real[:40], fake[:40]).recall,
        "density-pixels8@40": manifold_scores(real[:40], fake[:40]).density,
        "recall-pixels8@30": manifold_scores(real[:30], fake[:30]).recall,
    }


def test_on_inception_the_distances_have_their_own_names():
    names = [FeatureMetric(kind, InceptionFeatures(), 10_000).name for kind in ("fd", "kd", "coverage")]
    assert names == ["fid-inception@10k", "kid-inception@10k", "coverage-inception@10k"]
    assert [better(name) for name in names] == ["lower", "lower", "higher"]


@pytest.mark.parametrize(
    ("kind", "count", "limits"),
    [
        ("fd", 1, "2 to 1,000,000,000,000"),
        ("fd", 10**19, "2 to 1,000,000,000,000"),
        ("kd", 10_001, "2 to 10,000"),
        ("recall", 5, "6 to 10,000"),
    ],
)
def test_counts_that_a_metric_does_not_take_are_refused(kind, count, limits):
    with pytest.raises(ValueError, match=f"has {count:,} samples, but takes {limits}: choose another number"):
        FeatureMetric(kind, PIXELS, count)


def test_a_metric_that_there_is_not_is_refused():
    """Not only when it is computed: Fréchet distances on Inception's features are ``fd`` here."""
    with pytest.raises(ValueError, match=r"kind must be one of fd, kd, .* got 'fid'"):
        FeatureMetric("fid", InceptionFeatures(), 10_000)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_metrics_on_a_gpu_are_those_on_the_cpu():
    """Real features stay on the CPU, where they are kept."""
    metrics = [FeatureMetric(kind, PIXELS, 300) for kind in ("fd", "kd", "recall")]
    real, fake = normals(0, 900), normals(1, 300) + 0.5
    kept = FeatureSample.gather(real.split(200), 300)
    expected = score(metrics, kept, FeatureSample.gather(fake.split(200), 300))
    found = score(metrics, kept, FeatureSample.gather(fake.cuda().split(200), 300))
    assert found == pytest.approx(expected, rel=1e-9)
