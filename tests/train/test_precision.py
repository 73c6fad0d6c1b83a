"""Speed settings change how sums are rounded, and nothing else."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from paripassu.data import ImageSet, Samples
from paripassu.games import R1, hinge
from paripassu.metrics import FeatureMetric, PixelFeatures
from paripassu.models import DCGAN, SNGAN, StyleGAN2, residual
from paripassu.models.architecture import Pair
from paripassu.rules import SGD
from paripassu.train import Player
from paripassu.train.evaluation import Evaluator
from paripassu.train.folder import remarks_on
from paripassu.train.precision import _compiled, play, tensor_cores
from paripassu.train.state import initial_state
from paripassu.train.step import step

PLAYER = Player(SGD(), 0.1)


class Shallow(SNGAN):
    """One block of each kind: longer networks take long to compile."""

    def build(self, shape: tuple[int, ...]) -> Pair:
        """Networks for images of 8 px."""
        wide = [self.width, self.width]
        return Pair(
            residual.generator(self.latent, 4, wide, shape[0]),
            residual.discriminator(shape[0], wide, 1, "sum", wrap=spectral_norm),
        )


class Normed(DCGAN):
    """Every weight of the discriminator is spectrally normalised, which changes buffers as it runs."""

    def build(self, shape: tuple[int, ...]) -> Pair:
        """Networks for images of 8 px."""
        convolution = spectral_norm(nn.Conv2d(shape[0], self.width, 4, 2, 1))
        out = spectral_norm(nn.Linear(16 * self.width, 1))
        layers = [convolution, nn.LeakyReLU(0.2), nn.Flatten(), out, nn.Flatten(0)]
        return Pair(super().build(shape).generator, nn.Sequential(*layers))


@pytest.fixture(params=["images", "styles", "batch norm"])
def run(request, images):
    """SGDA, whose step is the gradient: a wrong sum shows in proportion."""
    if request.param == "batch norm":
        changed = replace(images, model=DCGAN(latent=8, width=4), penalty=None)
    else:
        changed = request.getfixturevalue(request.param)
    return replace(changed, generator=PLAYER, discriminator=PLAYER, ema=0.9)


def _steps(run, count: int = 1, real: Samples | None = None) -> list[torch.Tensor]:
    """How far each weight went, and both losses."""
    real = real or run.data.load(torch.device("cpu"))
    state = initial_state(run, real.shape)
    networks = (state.discriminator, state.generator)
    before = [p.detach().clone() for network in networks for p in network.parameters()]
    for _ in range(count):
        losses = step(run, state, real)
        state.step += 1
    after = [p.detach() for network in networks for p in network.parameters()]
    return [losses, *[(b - a).contiguous() for a, b in zip(before, after, strict=True)]]


def test_channels_last_is_the_same_sum(run):
    for ours, theirs in zip(_steps(replace(run, channels_last=True)), _steps(run), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-6)
    state = initial_state(replace(run, channels_last=True), (1, 8, 8))
    for network in state.networks().values():
        images = [p for p in network.parameters() if p.ndim == 4]
        assert all(p.is_contiguous(memory_format=torch.channels_last) for p in images)


def test_bf16_rounds_and_no_more(run):
    """A bfloat16 has 8 bits: the whole step turns by little and keeps its length; weights stay float32."""
    ours, theirs = (
        torch.cat([moved.flatten() for moved in _steps(asked)[1:]]).double()
        for asked in (replace(run, precision="bf16"), run)
    )
    assert not torch.equal(ours, theirs)
    assert torch.cosine_similarity(ours, theirs, dim=0) > 0.99
    assert abs(ours.norm() / theirs.norm() - 1) < 0.05
    state = initial_state(replace(run, precision="bf16"), (1, 8, 8))
    assert all(
        p.dtype == torch.float32 for network in state.networks().values() for p in network.parameters()
    )


def test_penalties_compute_in_float32(images, monkeypatch):
    seen = []

    def penalty(self, discriminator, real, fake, draws):
        seen.append((torch.is_autocast_enabled("cpu"), real.dtype, fake.dtype))
        return R1.__call__(R1(), discriminator, real, fake, draws)

    monkeypatch.setattr(type(images.penalty), "__call__", penalty)
    _steps(replace(images, precision="bf16"))
    assert seen == [(False, torch.float32, torch.float32)] * images.n_critic


# torch looks at every attribute of a tensor between two graphs, and hides this warning of its own.
@pytest.mark.filterwarnings("ignore:The .grad attribute")
@pytest.mark.parametrize(
    ("model", "penalty"),
    [
        (Normed(latent=8, width=4, norm="none"), R1()),
        (StyleGAN2(latent=8, width=4, mapping_depth=2, mixing=0.0), R1()),
    ],
    ids=["spectral norm", "stylegan2"],
)
def test_compiled_steps_are_the_eager_ones(model, penalty, images, monkeypatch):
    """With a penalty's second derivatives; without the machine's own code, which takes long to make."""
    torch._dynamo.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    _compiled.cache_clear()
    run = replace(images, model=model, generator=PLAYER, discriminator=PLAYER, loss=hinge, penalty=penalty)
    real = ImageSet(torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8))
    for ours, theirs in zip(_steps(replace(run, compile=True), 2, real), _steps(run, 2, real), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    "model", [DCGAN(latent=8, width=4), Shallow(latent=8, width=4)], ids=["dcgan", "sngan"]
)
def test_each_network_is_compiled_whole_and_measured_as_it_is(model, images, monkeypatch):
    torch._dynamo.reset()
    graphs = []
    made = partial(torch.compile, backend=lambda graph, _: graphs.append(graph) or graph.forward)
    monkeypatch.setattr(torch, "compile", made)
    run = replace(images, model=model, penalty=None, compile=True)
    state = initial_state(run, (1, 8, 8))
    fake = play(run, state.generator, torch.randn(4, 8))
    assert len(graphs) == 1
    play(run, state.discriminator, fake.detach())
    assert len(graphs) == 2
    real = ImageSet(torch.randint(0, 256, (50, 1, 8, 8), dtype=torch.uint8))
    metrics = [FeatureMetric("fd", PixelFeatures(), 50)]
    assert Evaluator(run, real, metrics=metrics).measure(state.generator)["fd-pixels8@50"] > 0
    assert len(graphs) == 2


@pytest.mark.parametrize(("precision", "wanted"), [("float32", False), ("tf32", True)])
def test_tf32_is_used_where_the_run_says_so_and_only_there(images, precision, wanted):
    run = replace(images, device="cuda", precision=precision)
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    with tensor_cores(run):
        assert (torch.get_float32_matmul_precision() == "high") == wanted
        assert torch.backends.cudnn.allow_tf32 == wanted
    assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == before


@pytest.mark.parametrize(("capability", "sentences"), [("AVX2", 1), ("AVX512", 0)])
def test_a_cpu_without_bfloat16_is_named(points, capability, sentences, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    run = replace(points, precision="bf16")
    found = list(remarks_on(run, run.data.load(torch.device("cpu"))))
    assert len(found) == sentences
    assert all("--precision float32" in sentence for sentence in found)
