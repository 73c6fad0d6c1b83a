"""What is measured of a run, and the features of its data that are kept."""

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import pytest
import torch

from paripassu.data import Digits
from paripassu.metrics import DigitFeatures, FeatureMetric, FeatureNetwork, PixelFeatures
from paripassu.records import Metric
from paripassu.records.codec import read_records
from paripassu.train import evaluate, reference, train

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Slow(FeatureNetwork):
    """Pixels that claim to have weights; it counts the images it was shown."""

    weights: str = "1"
    shown: tuple[list[int], ...] = ([],)

    def __hash__(self):
        return hash(self.weights)

    @property
    def name(self):
        return "slow"

    @property
    def digest(self):
        return self.weights

    def __call__(self, images):
        self.shown[0].append(len(images))
        return PixelFeatures(2)(images)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("PARIPASSU_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _entries(cache: Path) -> list[Path]:
    """All but the folder of locks."""
    return [path for path in cache.iterdir() if path.name != ".locks"]


def of_digits(network):
    return reference.reference(network, Digits().load(CPU), lambda done, total: None)


def same(one, other):
    return torch.equal(one.rows, other.rows) and torch.equal(one.moments.products, other.moments.products)


def test_features_of_the_data_are_computed_once(cache):
    network, told = Slow(shown=([],)), []
    first = reference.reference(network, Digits().load(CPU), lambda *done: told.append(done))
    assert sum(network.shown[0]) == first.moments.count == len(first.rows) == 1797
    assert told[-1] == (1797, 1797)
    kept = of_digits(network)
    assert sum(network.shown[0]) == 1797
    assert same(first, kept)
    assert kept.moments.count == 1797
    assert len(_entries(cache)) == 1


def test_who_comes_second_waits_for_the_features_of_the_first(cache):
    begun, may_go_on = Event(), Event()

    class Held(Slow):
        def __call__(self, images):
            begun.set()
            assert may_go_on.wait(60)
            return super().__call__(images)

    network = Held(shown=([],))
    with ThreadPoolExecutor() as pool:
        first = pool.submit(of_digits, network)
        assert begun.wait(60)
        second = pool.submit(of_digits, network)
        assert not wait([second], timeout=0.2).done
        may_go_on.set()
        assert same(first.result(), second.result())
    assert sum(network.shown[0]) == 1797


def test_what_a_killed_process_left_of_features_is_removed(cache):
    leftover = cache / ".partial-1-features-slow-0123456789abcdef.safetensors"
    leftover.parent.mkdir()
    leftover.touch()
    of_digits(Slow(shown=([],)))
    assert not leftover.exists()


def test_other_weights_and_other_data_have_features_of_their_own(cache):
    network, others = Slow(shown=([],)), Slow("2", shown=([],))
    of_digits(network)
    of_digits(others)
    pixels = Digits().load(CPU).pixels.clone()
    pixels[5, 0, 3, 3] += 1
    reference.reference(network, replace(Digits().load(CPU), pixels=pixels), lambda done, total: None)
    assert (sum(network.shown[0]), sum(others.shown[0])) == (2 * 1797, 1797)
    assert len(_entries(cache)) == 3


@pytest.mark.parametrize("damage", ["flipped", "truncated", "emptied", "text"])
def test_damaged_features_are_computed_anew(cache, damage):
    network = Slow(shown=([],))
    first = of_digits(network)
    (path,) = _entries(cache)
    data = bytearray(path.read_bytes())
    data[-40] ^= 1
    path.write_bytes({"flipped": data, "truncated": data[:-40], "emptied": b"", "text": b"x" * 99}[damage])
    assert same(of_digits(network), first)
    assert sum(network.shown[0]) == 2 * 1797
    assert same(of_digits(network), first)
    assert sum(network.shown[0]) == 2 * 1797


def test_a_stop_leaves_no_half_of_a_file(cache):
    class Stopped(Slow):
        def __call__(self, images):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        of_digits(Stopped())
    assert _entries(cache) == []


def test_a_cache_that_cannot_be_written_is_said_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("PARIPASSU_CACHE", str(tmp_path / "file"))
    network = Slow(shown=([],))
    with pytest.raises(
        OSError, match=r"features of the data cannot be kept in .*: name another folder in PARI"
    ):
        of_digits(network)
    assert network.shown == ([],)


def test_networks_as_fast_as_a_disk_keep_nothing(cache):
    of_digits(DigitFeatures())
    assert not cache.exists()


def test_a_metric_asked_for_is_what_the_training_measured(images, tmp_path, cache):
    """Whatever it is asked for together with."""
    train(images, tmp_path / "run")
    records = read_records(tmp_path / "run" / "records.jsonl")
    last = {r.name: r.value for r in records if isinstance(r, Metric)}
    digits, slow = DigitFeatures(), Slow(shown=([],))
    asked = [
        FeatureMetric("kd", digits, 50),
        FeatureMetric("coverage", digits, 40),
        FeatureMetric("fd", slow, 70),
        FeatureMetric("fd", digits, 50),
    ]
    stages = []
    step, values = evaluate(images, tmp_path / "run", metrics=asked, progress=lambda *s: stages.append(s))
    assert step == images.steps
    assert [*values] == ["kd-digits@50", "coverage-digits@40", "fd-slow@70", "fd-digits@50"]
    assert {name: values[name] for name in last} == last
    assert evaluate(images, tmp_path / "run", metrics=asked[:1])[1] == {"kd-digits@50": last["kd-digits@50"]}
    assert {
        ("digits of the data", 1797, 1797),
        ("slow of the data", 1797, 1797),
        ("generated samples", 70, 70),
    } <= {*stages}
    assert sum(slow.shown[0]) == 1797 + 70


def test_metrics_that_do_not_fit_the_data_are_refused(images, points, tmp_path):
    train(images, tmp_path / "images")
    with pytest.raises(ValueError, match=r"recall-digits@2000 .* the data has 1,797: choose fewer"):
        evaluate(images, tmp_path / "images", metrics=[FeatureMetric("recall", DigitFeatures(), 2000)])
    train(points, tmp_path / "points")
    with pytest.raises(ValueError, match="ring8 holds no images for fd-pixels8@50: leave the metric out"):
        evaluate(points, tmp_path / "points", metrics=[FeatureMetric("fd", PixelFeatures(), 50)])
