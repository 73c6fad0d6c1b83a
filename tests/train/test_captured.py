"""Rounds that a graph replays end with the weights of the same rounds without one."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.cases import own
from tests.cases.graphs import FakeGraphs
from torch import nn

from paripassu.data import Augmented, Digits, ImageSet, Source
from paripassu.data.prefetch import Prefetcher
from paripassu.games import R1, Penalty, hinge
from paripassu.models import DCGAN, SNGAN, Architecture
from paripassu.optim import steps
from paripassu.optim.steps import foreach, plain
from paripassu.records import End, Update
from paripassu.records.checkpoints import checkpoints
from paripassu.records.codec import read_records
from paripassu.rules import SGD, Adam, Normalize, RMSprop, Rule
from paripassu.train import Player, Run, captured, train
from paripassu.train.captured import WARM_UPS, CapturedRounds, CudaGraphs, obstacle
from paripassu.train.inputs import Inputs
from paripassu.train.own_parts import load_part
from paripassu.train.state import TrainingState, initial_state
from paripassu.train.step import step

ROUNDS = 10
ON_GPU = [pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]
ADAM, NSGD = Player(Adam((0.5, 0.999)), 1e-3), Player(Normalize(SGD(0.9), "layer"), 1e-2, 1e-2)


@pytest.fixture(params=["cpu", *ON_GPU])
def device(request, monkeypatch):
    if request.param == "cpu":
        # The two ways that a graph can record elsewhere than on a GPU; foreach as it works there.
        monkeypatch.setattr(steps, "WAYS", (foreach, plain))
        monkeypatch.setattr(foreach, "_reads_numbers", lambda _: False)
    return request.param


def _graphs(device: str):
    return FakeGraphs() if device == "cpu" else CudaGraphs(torch.device(device))


def _batch_normalised() -> Run:
    return Run(Digits(), DCGAN(latent=8, width=4), ADAM, NSGD, batch=8, ema=0.9)


RUNS = {
    "batch normalisation, an average": _batch_normalised(),
    "simultaneous": replace(_batch_normalised(), updates="simultaneous", decay="cosine"),
    "augmented": replace(_batch_normalised(), data=Augmented(Digits(), flip=True, dequantize=True)),
    "bf16": replace(_batch_normalised(), precision="bf16", channels_last=True),
    "a fixed pace": replace(_batch_normalised(), generator=ADAM, discriminator=ADAM, n_critic=2, pace=0.5),
    "RMSprop, R1 in every third round": replace(
        _batch_normalised(),
        model=DCGAN(latent=8, width=4, norm="none"),
        generator=Player(RMSprop(), 1e-3),
        penalty=R1(),
        penalty_every=3,
    ),
}


@pytest.fixture(params=[*RUNS, "points", "images", "conditional", "styles"])
def run(request, device):
    run = RUNS.get(request.param) or request.getfixturevalue(request.param)
    if run.path_length:
        run = replace(run, path_length_every=2)  # two kinds of rounds, not four: each is replayed
    return replace(run, steps=ROUNDS, probe_every=4, shadow=None, device=device)


def _initial(run: Run):
    real = run.data.load(torch.device(run.device))
    return initial_state(run, real.shape, len(real.classes)), real


def _never(error: RuntimeError):
    raise error


def _captured(run: Run, state: TrainingState, real, graphs, count: int) -> list[list[float]]:
    rounds = CapturedRounds(run, state, real, graphs, lambda: None, _never)
    losses = []
    for _ in range(count):
        losses.append(rounds().tolist())
        state.step += 1
    return losses


def _eager(run: Run, state: TrainingState, real, count: int) -> list[list[float]]:
    losses = []
    for _ in range(count):
        losses.append(step(run, state, real).tolist())
        state.step += 1
    return losses


def _bits(state: TrainingState) -> dict[str, bytes]:
    saved = {name: network.state_dict() for name, network in state.networks().items()}
    saved |= {f"{name}'s steps": optimizer.state_dict() for name, optimizer in state.optimizers().items()}
    leaves, _ = torch.utils._pytree.tree_flatten_with_path(saved)
    return {
        torch.utils._pytree.keystr(path): leaf.cpu().numpy().tobytes()
        if isinstance(leaf, torch.Tensor)
        else leaf
        for path, leaf in leaves
    }


def test_captured_rounds_have_the_bits_of_eager_ones(run):
    """Weights, averages, buffers, optimizers and losses, through probed rounds and every kind of round."""
    (eager, real), (state, same) = _initial(run), _initial(run)
    graphs = _graphs(run.device)
    expected = _eager(run, eager, real, ROUNDS)
    assert _captured(run, state, same, graphs, ROUNDS) == expected
    assert _bits(state) == _bits(eager)
    if isinstance(graphs, FakeGraphs):
        kinds = len({s % run.penalty_every for s in range(ROUNDS)} & {0, 1})
        assert (graphs.warmed, graphs.recorded) == (WARM_UPS * kinds, kinds)
        assert graphs.warmed + graphs.replayed == ROUNDS - ROUNDS // run.probe_every


def test_spectral_normalisation_is_captured(device):
    """Its power iterations write buffers in place."""
    pixels = torch.randint(
        256, (40, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    run = Run(Digits(), SNGAN(latent=4, width=2), ADAM, ADAM, loss=hinge, batch=4, n_critic=2, device=device)
    real = ImageSet(pixels.to(device))
    eager, state = initial_state(run, real.shape), initial_state(run, real.shape)
    assert _captured(run, state, real, _graphs(device), 4) == _eager(run, eager, real, 4)
    assert _bits(state) == _bits(eager)


def test_images_gathered_ahead_are_inputs(device):
    run = replace(_batch_normalised(), device=device)
    pixels = Digits().load(torch.device("cpu")).pixels

    def real():
        return ImageSet(pixels, prefetcher=Prefetcher(pixels, torch.device(device)))

    eager, state = initial_state(run, (1, 8, 8)), initial_state(run, (1, 8, 8))
    assert _captured(run, state, real(), _graphs(device), 6) == _eager(run, eager, real(), 6)
    assert _bits(state) == _bits(eager)


# What a graph would get wrong. The double must see it, or the tests above prove little.


def _differs(run: Run, state: TrainingState, real, count: int = 6) -> bool:
    eager, same = _initial(run)
    _captured(run, state, real, FakeGraphs(), count)
    _eager(run, eager, same, count)
    return _bits(state) != _bits(eager)


@pytest.fixture
def on_cpu(device):
    if device != "cpu":
        pytest.skip("the double is on the CPU")
    return replace(_batch_normalised(), decay="linear", steps=8)


def test_a_rate_kept_as_a_number_would_show(on_cpu, monkeypatch):
    state, real = _initial(on_cpu)
    monkeypatch.setattr(CapturedRounds, "_fill_rates", lambda self: [r.fill_(1e-3) for r in self._rates])
    assert _differs(on_cpu, state, real)


def test_samples_drawn_once_would_show(on_cpu, monkeypatch):
    state, real = _initial(on_cpu)
    begin = Inputs.begin

    def once(self, generator):
        begin(self, generator)
        if self._inputs:
            monkeypatch.setattr(Inputs, "begin", lambda self, _: setattr(self, "_used", 0))

    monkeypatch.setattr(Inputs, "begin", once)
    assert _differs(on_cpu, state, real)


def test_weights_at_a_new_address_would_show(on_cpu, monkeypatch):
    state, real = _initial(on_cpu)
    fill = CapturedRounds._fill_rates

    def moved(self):
        if state.step == WARM_UPS + 2:
            for parameter in state.generator.parameters():
                parameter.data = parameter.data.clone()
        fill(self)

    monkeypatch.setattr(CapturedRounds, "_fill_rates", moved)
    assert _differs(on_cpu, state, real)


class _Reads(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) * (1 + 0 * x.sum().item())


def test_a_network_that_waits_for_the_device_goes_on_without_a_graph(on_cpu):
    """The refusal comes once, and nothing of the recording stays."""
    (eager, real), (state, _) = _initial(on_cpu), _initial(on_cpu)
    for each in (eager, state):
        each.discriminator = _Reads(each.discriminator)
    errors: list[RuntimeError] = []
    rounds = CapturedRounds(on_cpu, state, real, FakeGraphs(), lambda: None, errors.append)
    for _ in range(8):
        rounds()
        state.step += 1
    _eager(on_cpu, eager, real, 8)
    assert [str(error) for error in errors] == [
        "operation not permitted when stream is capturing: _local_scalar_dense"
    ]
    assert _bits(state) == _bits(eager)


# What is captured, and what is not.


@pytest.fixture
def gpu(monkeypatch, points):
    """A run that can be captured."""
    monkeypatch.setattr(torch, "__version__", "2.13.0")
    return replace(points, device="cuda", shadow=None)


def test_a_run_on_a_gpu_is_captured(gpu):
    assert obstacle(gpu, "auto") == obstacle(gpu, "on") == ""
    assert obstacle(replace(gpu, device="cuda:1"), "auto") == ""


def test_each_obstacle_has_its_words(gpu, monkeypatch):
    def why(run: Run) -> str:
        with pytest.raises(ValueError, match=r"^a round cannot be one CUDA graph here, because"):
            captured.check_capture(run, "on")
        assert obstacle(run, "auto") == obstacle(run, "on")
        return obstacle(run, "auto")

    assert "CPU" in why(replace(gpu, device="cpu"))
    assert "compile" in why(replace(gpu, compile=True))
    assert "shadow" in why(replace(gpu, shadow=Adam()))
    assert obstacle(gpu, "off") == "capture is off"
    captured.check_capture(replace(gpu, device="cpu"), "auto")
    with monkeypatch.context() as patched:
        patched.setattr(captured, "is_one_of_many", lambda: True)
        assert "processes" in why(gpu)
    monkeypatch.setattr(torch, "__version__", "2.10.1+cu128")
    assert "2.11" in why(gpu)


OWN_PENALTY = """
from paripassu.games import Penalty

@dataclass(frozen=True)
class Square(Penalty):
    weight: float = 1.0

    def __call__(self, discriminator, real, fake, draws, /):
        return self.weight * discriminator(real).square().mean()
"""


def test_only_a_wish_captures_own_networks_rules_and_penalties(gpu, tmp_path):
    """Own data are drawn outside of the graph."""
    path = own.write(tmp_path, OWN_PENALTY)
    rule, model = load_part(f"{path}:Sign", Rule), load_part(f"{path}:Wide", Architecture)
    penalty = load_part(f"{path}:Square", Penalty)
    for changed in ({"generator": Player(rule, 0.1)}, {"model": model}, {"penalty": penalty}):
        run = replace(gpu, **changed)
        assert "your own networks, rules or penalty compute in Python" in obstacle(run, "auto")
        assert obstacle(run, "on") == ""
    assert obstacle(replace(gpu, data=load_part(f"{path}:Photos", Source)), "auto") == ""


# The whole training.


class _Stopped(Exception):
    pass


def _stop_at(stop: int):
    def progress(step: int) -> None:
        if step == stop:
            raise _Stopped

    return progress


def _files(folder: Path) -> dict[str, bytes]:
    last = checkpoints(folder)[-1]
    return {path.name: path.read_bytes() for path in last.iterdir() if path.suffix in {".safetensors", ".pt"}}


def _records(folder: Path) -> list:
    return [r for r in read_records(folder / "records.jsonl") if not isinstance(r, End)]


@pytest.fixture
def graphs(device, monkeypatch):
    """The graphs that trainings make: on the CPU the double."""
    made: list[FakeGraphs] = []
    if device == "cpu":

        def make(_: torch.device) -> FakeGraphs:
            made.append(FakeGraphs())
            return made[-1]

        monkeypatch.setattr(captured, "obstacle", lambda _, capture: "it is off" if capture == "off" else "")
        monkeypatch.setattr(captured, "CudaGraphs", make)
    return made


@pytest.mark.parametrize("name", ["points", "images"])
def test_a_run_in_two_sittings_has_all_bits_and_records(name, request, device, graphs, tmp_path):
    """Checkpoints, losses, measurements, probed steps are those of an eager run that was not stopped."""
    run = replace(request.getfixturevalue(name), shadow=None, device=device, probe_every=5)
    run = replace(run, steps=20, checkpoint_every=6, log_every=2, eval_every=10)
    eager, stopped = tmp_path / "eager", tmp_path / "stopped"
    train(run, eager, capture="off")
    with pytest.raises(_Stopped):
        train(run, stopped, progress=_stop_at(15))
    train(run, stopped, capture="on")
    assert _files(stopped) == _files(eager)
    assert _records(stopped) == pytest.approx(_records(eager), nan_ok=True)
    probed = {record.step for record in _records(stopped) if isinstance(record, Update)}
    assert probed == {5, 10, 15, 20}
    if device == "cpu":
        assert [made.recorded for made in graphs] == [1, 1]
        assert all(made.replayed > 2 for made in graphs)


def test_a_graph_that_cannot_be_recorded_is_reported_once(points, device, graphs, tmp_path, monkeypatch):
    run = replace(points, shadow=None, device=device, steps=8)

    def fails(self, function):
        raise RuntimeError("operation not permitted\nmore")

    monkeypatch.setattr(FakeGraphs if device == "cpu" else CudaGraphs, "record", fails)
    said: list[str] = []
    assert train(run, tmp_path / "auto", notice=said.append).outcome == "finished"
    train(run, tmp_path / "eager", capture="off")
    assert said == [
        (
            "a round cannot be recorded as a CUDA graph (RuntimeError: operation not permitted): "
            "this run goes on without one"
        )
    ]
    assert _files(tmp_path / "auto") == _files(tmp_path / "eager")
    with pytest.raises(RuntimeError, match="set capture to auto or off, the run goes on then"):
        train(run, tmp_path / "on", capture="on")
    train(run, tmp_path / "on", capture="off")
    assert _files(tmp_path / "on") == _files(tmp_path / "eager")


def test_a_gpu_without_graphs_says_why_once(gpu, points):
    said: list[str] = []
    for run in (replace(gpu, shadow=Adam()), points):
        assert captured.captured_rounds(run, None, None, "auto", lambda: None, said.append) is None
    assert said == ["rounds run without CUDA graphs, because a shadow sees the gradients of every step"]


def test_capture_that_cannot_be_changes_nothing(points, tmp_path):
    with pytest.raises(ValueError, match="because the run is on the CPU: set capture to auto or off"):
        train(points, tmp_path / "run", capture="on")
    assert not (tmp_path / "run").exists()
