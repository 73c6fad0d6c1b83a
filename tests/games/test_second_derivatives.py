"""Cheap second derivatives equal torch's; their convolutions are counted."""

from collections.abc import Callable
from copy import deepcopy
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from paripassu.games import (
    R1,
    R1R2,
    Draws,
    PathLength,
    WganGP,
    input_gradient,
    second_derivatives,
    second_order,
)
from paripassu.models import DCGAN, MLP, SNGAN, StyleGAN2, WganGPResNet

EXACT = {"rtol": 1e-10, "atol": 1e-10}
PENALTIES = [WganGP(), R1(), R1R2()]
DISCRIMINATORS = {
    "mlp": (MLP(latent=2, width=8), (5,)),
    "dcgan": (DCGAN(latent=8, width=4, norm="none"), (1, 16, 16)),
    "dcgan, batch norm": (DCGAN(latent=8, width=4), (1, 16, 16)),
    "sngan": (SNGAN(latent=8, width=2), (3, 32, 32)),
    "wgangp-resnet": (WganGPResNet(latent=8, width=4), (3, 32, 32)),
    "stylegan2": (StyleGAN2(latent=8, width=8), (3, 16, 16)),
    "stylegan2, plain": (StyleGAN2(latent=8, width=8, residual=False), (3, 16, 16)),
}
OF_IMAGES = [name for name in DISCRIMINATORS if name != "mlp"]


@pytest.fixture
def ordinary(monkeypatch):
    """Call with a computation: its result by torch's own operations."""

    def compute(result: Callable[[], list[Tensor]]) -> list[Tensor]:
        with monkeypatch.context() as patched:
            patched.setattr(second_derivatives, "REPLACEMENTS", {})
            return result()

    return compute


def _discriminator(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    model, shape = DISCRIMINATORS[name]
    torch.manual_seed(0)
    real, fake = torch.randn(2, 4, *shape, dtype=torch.float64)
    return model.build(shape).discriminator.double(), real, fake


def _gradients(loss: Tensor, inputs: list[Tensor], **options: bool) -> list[Tensor]:
    return list(torch.autograd.grad(loss, inputs, materialize_grads=True, **options))


def _penalised(penalty, network: nn.Module, real: Tensor, fake: Tensor) -> list[Tensor]:
    network = deepcopy(network)  # some keep estimates that move
    loss = penalty(network, real, fake, Draws(torch.Generator(real.device).manual_seed(1)))
    return [loss, *_gradients(loss, list(network.parameters()))]


@pytest.mark.parametrize("penalty", PENALTIES, ids=lambda penalty: type(penalty).__name__)
@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_penalties_have_torchs_gradients(name, penalty, ordinary):
    network, real, fake = _discriminator(name)
    ours = _penalised(penalty, network, real, fake)
    theirs = ordinary(lambda: _penalised(penalty, network, real, fake))
    torch.testing.assert_close(ours, theirs, **EXACT)
    assert any(gradient.any() for gradient in ours[1:])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("penalty", PENALTIES, ids=lambda penalty: type(penalty).__name__)
@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_penalties_have_torchs_gradients_on_a_gpu(name, penalty, ordinary):
    network, real, fake = (each.to("cuda") for each in _discriminator(name))
    ours = _penalised(penalty, network, real, fake)
    theirs = ordinary(lambda: _penalised(penalty, network, real, fake))
    torch.testing.assert_close(ours, theirs, **EXACT)


def test_path_lengths_have_torchs_gradients(ordinary):
    torch.manual_seed(0)
    network = StyleGAN2(latent=8, width=8, mapping_depth=2).build((3, 16, 16)).generator.double()
    z = torch.randn(4, 8, dtype=torch.float64)

    def term() -> list[Tensor]:
        torch.manual_seed(1)
        loss = PathLength(decay=0.5)(network, z, Draws(torch.Generator().manual_seed(2)))
        network.mean_path_length.zero_()
        return [loss, *_gradients(loss, list(network.parameters()))]

    torch.testing.assert_close(term(), ordinary(term), **EXACT)


# Shapes of one sample, operations of a batch and a maker of weights, and whether they are replaced.
OPERATIONS = {
    "1-d": ((3, 9), lambda x, w: F.conv1d(x, w(4, 3, 3), w(4), padding=1), True),
    "2-d": ((3, 9, 8), lambda x, w: F.conv2d(x, w(4, 3, 3, 2), w(4), (2, 3), (1, 0)), True),
    "3-d": ((2, 5, 6, 5), lambda x, w: F.conv3d(x, w(2, 2, 2, 3, 2), stride=2), True),
    "dilated groups": ((4, 9, 9), lambda x, w: F.conv2d(x, w(6, 2, 3, 3), w(6), 2, 2, 2, 2), True),
    "by name": ((3, 8, 8), lambda x, w: F.conv2d(input=x, weight=w(4, 3, 3, 3), padding="valid"), True),
    "same": ((3, 8, 8), lambda x, w: F.conv2d(x, w(4, 3, 3, 5), padding="same"), True),
    "same, even": ((3, 8, 8), lambda x, w: F.conv2d(x, w(4, 3, 4, 4), padding="same"), False),
    "one sample": ((8, 8), lambda x, w: F.conv2d(x, w(2, 3, 3, 3)), False),
    "transposed 1-d": ((3, 7), lambda x, w: F.conv_transpose1d(x, w(3, 4, 3), w(4), 3, 1, 2), True),
    "transposed": ((4, 5, 6), lambda x, w: F.conv_transpose2d(x, w(4, 2, 4, 3), w(4), 2, 1, 1, 2), True),
    "transposed 3-d": ((2, 3, 3, 4), lambda x, w: F.conv_transpose3d(x, w(2, 3, 2, 2, 2), stride=2), True),
    "transposed far": (
        (3, 5, 5),
        lambda x, w: F.conv_transpose2d(x, w(3, 2, 3, 3), None, 2, 1, 2, 1, 3),
        False,
    ),
    "relu": ((7,), lambda x, _: torch.relu(x), True),
    "relu, method": ((7,), lambda x, _: x.relu(), True),
    "relu, in place": ((7,), lambda x, _: F.relu(2 * x, inplace=True), True),
    "relu_": ((7,), lambda x, _: torch.relu_(2 * x), True),
    "relu_, method": ((7,), lambda x, _: (2 * x).relu_(), True),
    "leaky relu": ((7,), lambda x, _: F.leaky_relu(x, 0.2), True),
    "leaky relu of slope 0": ((7,), lambda x, _: F.leaky_relu(x, 0), True),
    "leaky relu, falling": ((7,), lambda x, _: F.leaky_relu(x, -0.3), False),
    "leaky relu, in place": ((7,), lambda x, _: F.leaky_relu(2 * x, 0.3, inplace=True), True),
    "leaky_relu_": ((7,), lambda x, _: F.leaky_relu_(2 * x), True),
    "mean pooling": ((3, 9, 8), lambda x, _: F.avg_pool2d(x, 2), True),
    "mean pooling with all": ((3, 9, 8), lambda x, _: F.avg_pool2d(x, (3, 2), 2, 1, True, False), True),
    "mean pooling, divided": ((3, 9, 8), lambda x, _: F.avg_pool2d(x, 3, divisor_override=2), True),
    "nearest": ((3, 4, 4), lambda x, _: F.interpolate(x, scale_factor=2), False),
}


def _derivatives(operation, shape: tuple[int, ...]) -> list[Tensor]:
    """Output, gradients, and gradients of gradients, also where the primal has a second derivative."""
    torch.manual_seed(0)
    x = torch.randn(3, *shape, dtype=torch.float64, requires_grad=True)
    made: list[Tensor] = []

    def weight(*sizes: int) -> Tensor:
        torch.manual_seed(len(sizes))
        made.append(torch.randn(*sizes, dtype=torch.float64, requires_grad=True))
        return made[-1] * 1.5 if len(made) % 2 else made[-1]  # a leaf and one that is not

    with second_order():
        y = operation(torch.sinh(x), weight)
    inputs = [x, *made]
    total = y.tanh().sum()
    slopes = torch.autograd.grad(total, inputs, create_graph=True)
    (alone,) = torch.autograd.grad(total, x, create_graph=True)
    penalties = [sum(slope.square().sum() for slope in slopes), alone.square().sum()]
    second = [_gradients(penalty, inputs, retain_graph=True) for penalty in penalties]
    return [y, *slopes, alone, *second[0], *second[1]]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_have_torchs_derivatives(name, ordinary):
    shape, operation, replaced = OPERATIONS[name]
    ours, theirs = _derivatives(operation, shape), ordinary(lambda: _derivatives(operation, shape))
    torch.testing.assert_close(ours, theirs, **EXACT)
    own = ("_Convolution", "_Rectifier", "_MeanPool")
    assert type(ours[0].grad_fn).__name__.startswith(own) == replaced


@pytest.mark.parametrize(("padding", "stride"), [("smae", 1), ("same", 2)])
def test_what_torch_refuses_is_refused(padding, stride):
    x, weight = torch.zeros(1, 3, 8, 8, requires_grad=True), torch.zeros(4, 3, 3, 3)
    with second_order(), pytest.raises(RuntimeError, match="padding"):
        F.conv2d(x, weight, padding=padding, stride=stride)
    with second_order(), pytest.raises(RuntimeError, match="stride"):
        F.avg_pool2d(x, 2, stride=0)


@pytest.mark.parametrize("value", [0.0, -0.0, float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("rectifier", [F.relu, F.leaky_relu])
def test_rectifiers_have_torchs_limits(rectifier, value, ordinary):
    def both() -> list[Tensor]:
        x = torch.tensor([value], requires_grad=True)
        with second_order():
            y = rectifier(x)
        return [y, *torch.autograd.grad(y.sum(), x)]

    torch.testing.assert_close(both(), ordinary(both), equal_nan=True)


class _Counted(TorchDispatchMode):
    """Multiply-adds of convolutions and products, and the sizes of all kernels that convolve."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0
        self.kernels: set[tuple[int, ...]] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        operation = func.overloadpacket
        if operation in flop_registry:
            self.total += flop_registry[operation](*args, **(kwargs or {}), out_val=out)
        if operation is torch.ops.aten.convolution:
            self.kernels.add(tuple(args[1].shape[2:]))
        if operation is torch.ops.aten.convolution_backward:
            self.kernels.add(tuple(args[2].shape[2:]))
        return out


def _counts(name: str, penalty) -> tuple[_Counted, _Counted]:
    network, real, _ = _discriminator(name)
    inputs = [real.clone().requires_grad_(), *network.parameters()]
    with _Counted() as plain:
        network(inputs[0]).sum().backward(inputs=inputs)
    with _Counted() as penalised:
        penalty(network, real, real, Draws(torch.Generator())).backward(inputs=inputs[1:])
    return plain, penalised


@pytest.mark.parametrize("penalty", [WganGP(), R1()], ids=["WganGP", "R1"])
@pytest.mark.parametrize("name", ["mlp", "dcgan", "sngan", "wgangp-resnet"])
def test_a_penalty_costs_four_convolutions_for_three(name, penalty):
    plain, penalised = _counts(name, penalty)
    assert penalised.total <= plain.total * 4 / 3
    assert penalised.kernels == plain.kernels


@pytest.mark.parametrize("name", OF_IMAGES)
def test_no_kernel_is_larger_than_the_networks(name):
    """StyleGAN2's deviation curves: what is below it goes back through the network for a reason."""
    plain, penalised = _counts(name, R1())
    assert penalised.total <= plain.total * 2
    assert penalised.kernels == plain.kernels


def test_path_lengths_convolve_with_the_networks_kernels():
    torch.manual_seed(0)
    network = StyleGAN2(latent=8, width=8, mapping_depth=2).build((3, 16, 16)).generator
    parameters = [p for name, p in network.named_parameters() if "noise" not in name]
    styles = network.styles(torch.randn(4, 8)).detach().requires_grad_()
    with _Counted() as plain:
        network.synthesise(styles).sum().backward(inputs=[styles, *parameters])
    with _Counted() as penalised:
        PathLength()(network, torch.randn(4, 8), Draws(torch.Generator())).backward(inputs=parameters)
    assert penalised.kernels == plain.kernels
    assert penalised.total <= plain.total * 2


def _small() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 2, 3), nn.LeakyReLU(0.2), nn.AvgPool2d(2), nn.Conv2d(2, 4, 2), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten()).double(), torch.randn(3, 1, 9, 9, dtype=torch.float64)


def test_torch_func_takes_the_same_gradients(ordinary):
    network, x = _small()

    def penalty(parameters: dict[str, Tensor]) -> Tensor:
        return input_gradient(lambda x: torch.func.functional_call(network, parameters, x), x).square().sum()

    parameters = dict(network.named_parameters())
    ours = torch.func.grad(penalty)({name: p.detach() for name, p in parameters.items()})
    theirs = ordinary(lambda: _gradients(penalty(parameters), list(parameters.values())))
    torch.testing.assert_close(list(ours.values()), theirs, **EXACT)


# torch's rules for tangents still use torch.jit.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_other_transforms_run_in_the_context():
    network, x = _small()
    with second_order():
        each = torch.func.vmap(network)(x[:, None])[:, 0]
        y, along = torch.func.jvp(network, (x,), (x,))
        with torch.autograd.forward_ad.dual_level():
            dual = torch.autograd.forward_ad.make_dual(x, x)
            forward = torch.autograd.forward_ad.unpack_dual(network(dual)).tangent.clone()
    torch.testing.assert_close([each, y], [network(x)] * 2, **EXACT)
    torch.testing.assert_close([along, forward], [torch.func.jvp(network, (x,), (x,))[1]] * 2, **EXACT)


# torch looks at every attribute of a tensor between two graphs, and hides this warning of its own.
@pytest.mark.filterwarnings("ignore:The .grad attribute")
def test_compiled_networks_have_the_same_penalty(ordinary):
    network, x = _small()
    compiled = torch.compile(network, backend="aot_eager")
    compiled(x)
    parameters = list(network.parameters())

    def of(function: Callable[[Tensor], Tensor]) -> list[Tensor]:
        return _gradients(input_gradient(function, x).square().sum(), parameters)

    torch.testing.assert_close(of(compiled), ordinary(lambda: of(network)), **EXACT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_autocast_rounds_alike(dtype, ordinary):
    network, x = _small()
    network, x = network.to(dtype), x.to(dtype)

    def gradients() -> list[Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            slope = input_gradient(network, x)
        return [slope, *_gradients(slope.square().sum(), list(network.parameters()))]

    tolerance = EXACT if dtype == torch.float64 else {"rtol": 0.02, "atol": 0.02}
    ours, theirs = gradients(), ordinary(gradients)
    torch.testing.assert_close(ours, theirs, **tolerance)
    if dtype == torch.float32:
        assert not torch.equal(ours[0], input_gradient(network, x))  # it rounds


def test_channels_stay_last(ordinary):
    network, real, fake = _discriminator("wgangp-resnet")
    last = {"memory_format": torch.channels_last}
    theirs = ordinary(lambda: _penalised(WganGP(), network, real, fake))
    network.to(**last)
    ours = _penalised(WganGP(), network, real.contiguous(**last), fake.contiguous(**last))
    torch.testing.assert_close(ours, theirs, **EXACT)
    with second_order():
        assert network[:2](real.contiguous(**last)).is_contiguous(**last)
    assert input_gradient(network, real.contiguous(**last)).is_contiguous(**last)


def test_deterministic_algorithms_suffice():
    network, real, fake = _discriminator("wgangp-resnet")
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        first, second = (_penalised(WganGP(), network, real, fake) for _ in range(2))
    finally:
        torch.use_deterministic_algorithms(before)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_without_gradients_there_is_a_value_and_no_graph():
    network, x = _small()
    with torch.no_grad():
        slope = input_gradient(network, x)
    assert not slope.requires_grad
    torch.testing.assert_close(slope, input_gradient(network, x).detach(), **EXACT)


def test_a_constant_has_no_slope():
    x = torch.ones(3)
    assert not input_gradient(lambda _: torch.ones(3, requires_grad=True), x).any()


def test_tensors_with_operations_of_their_own_keep_them():
    class Noted(torch.Tensor):
        seen: ClassVar[list[str]] = []

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            cls.seen.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs or {})

    with second_order():
        F.relu(torch.ones(3).as_subclass(Noted))
    assert "relu" in Noted.seen
