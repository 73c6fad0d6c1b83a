"""The precision that networks compute in, and compiled code: the settings that change a run's speed."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from typing import Any

import torch
from torch import Tensor

from paripassu.games import Draws, Penalty
from paripassu.train.run import Run

Network = Callable[[Tensor], Tensor]
"""A network of one input, or a conditional one `paripassu.models.given` its labels."""


def play(run: Run, network: Network, batch: Tensor) -> Tensor:
    """``network``'s output for a batch, computed in the run's precision, as float32."""
    if run.precision != "bf16":
        return network(batch)
    with torch.autocast(batch.device.type, torch.bfloat16):
        return network(batch).float()


def penalty(run: Run, discriminator: Network, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
    """The run's penalty, always in float32: it compares gradients, which bf16 would round away."""
    assert run.penalty is not None
    compute = _compiled(run.penalty) if run.compile else run.penalty
    return compute(discriminator, real, fake, draws)


def eagerly(run: Run) -> AbstractContextManager[Any]:
    """Run networks without their compiled code, which would be compiled again for every other batch size."""
    # Not called without `compile`: the call imports the compiler.
    return torch.compiler.set_stance("force_eager") if run.compile else nullcontext()


@cache
def _compiled(whole: Penalty) -> Callable[..., Tensor]:
    return torch.compile(whole.__call__)


def computes_bfloat16(device: torch.device) -> bool:
    """False for CPUs on which torch converts every number from bfloat16 and back, which takes longest."""
    return device.type != "cpu" or torch.backends.cpu.get_cpu_capability() != "AVX2"


@contextmanager
def tensor_cores(run: Run) -> Generator[None]:
    """Let a GPU round factors to tf32 if the run asks for it; torch's default rounds in convolutions."""
    wanted = run.precision == "tf32"
    convolutions: Any = torch.backends.cudnn
    # torch has an older and a newer way, and refuses to read the older one once the newer was used.
    places = _precisions()
    before = [place.fp32_precision for place in places]
    products = convolved = None
    with suppress(RuntimeError):
        products = torch.get_float32_matmul_precision()
    with suppress(RuntimeError):
        convolved = convolutions.allow_tf32
    for place in places:
        place.fp32_precision = "none"
    torch.set_float32_matmul_precision("high" if wanted else "highest")
    convolutions.allow_tf32 = wanted
    try:
        yield
    finally:
        if products is not None:
            torch.set_float32_matmul_precision(products)
        if convolved is not None:
            convolutions.allow_tf32 = convolved
        for place, precision in zip(places, before, strict=True):
            if place.fp32_precision != precision:  # most take it from the one above
                place.fp32_precision = precision


def _precisions() -> list[Any]:
    """Where the newer way keeps precisions, from the general to the special."""
    backends: Any = torch.backends
    own = [backends.cudnn, backends.mkldnn]
    special = [getattr(backend, kind, None) for backend in own for kind in ("matmul", "conv", "rnn")]
    places = [backends, *own, backends.cuda.matmul, *special]
    return [place for place in places if hasattr(place, "fp32_precision")]
