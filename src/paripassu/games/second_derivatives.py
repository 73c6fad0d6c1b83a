r"""Gradients of gradients without wasted convolutions, for penalties on the gradient by the input.

A convolution is bilinear in input and weight. Its three maps are the output, the gradient by the input and
the gradient by the weight. The derivatives of each are the other two. Rectifiers and mean pooling are linear
wherever they are differentiable, so their second derivatives are zero. A penalty on
:math:`\nabla_x \sum_b D(x)_b` then needs four convolutions a layer: the output and the gradient by the input,
and for the penalty's own gradient the tangent and the gradient by the weight.

torch 2.13 needs six for the same numbers:

- Its second derivative of a convolution exchanges batch and channels: the kernel is as large as the image.
- Its second derivatives of rectifiers and mean pooling are tensors of zeros. The zeros go back through the
  whole network, two more convolutions a layer.
"""

# pyright: reportPrivateUsage=false

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode

from paripassu.games.operations import REPLACEMENTS


@contextmanager
def second_order() -> Generator[None]:
    """Make second derivatives of the networks that run in this context cheap.

    It replaces convolutions, transposed convolutions, ReLU, LeakyReLU and 2-d mean pooling by operations with
    the same outputs and gradients, up to rounding. Networks need no change. Take the gradients inside or
    outside of the context. All other operations run as without it, and so does everything within
    `torch.func`'s transforms, forward-mode differentiation and code that is being compiled. Compiled networks
    run uncompiled, because torch refuses second derivatives of compiled code.

    A weight that does not affect the penalty, such as most biases, gets no gradient from it, where torch
    gives zeros. `DistributedDataParallel` waits for a gradient of every weight: add the penalty to the loss
    and call ``backward`` once.

    Example:
        >>> network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Flatten())
        >>> x = torch.ones(1, 1, 5, 5, requires_grad=True)
        >>> with second_order():
        ...     y = network(x).sum()
        >>> (slope,) = torch.autograd.grad(y, x, create_graph=True)
        >>> slope.square().mean().backward()
    """
    if torch.compiler.is_compiling():
        yield
        return
    # Asking for it imports the compiler.
    uncompiled = torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()
    with uncompiled, _SecondOrder():
        yield


def input_gradient(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """The gradient of the sum of ``function(at)`` by ``at``, to be differentiated again.

    Args:
        function: differentiable, such as a discriminator; it runs in `second_order`.
        at: where; no gradient flows into it.

    Returns:
        A tensor like ``at``.

    Example:
        >>> input_gradient(torch.square, torch.tensor([1.0, 2.0])).detach()
        tensor([2., 4.])
    """
    if _transformed():  # torch refuses autograd.grad there
        return cast(Tensor, torch.func.grad(lambda x: function(x).sum())(at.detach()))
    differentiable = torch.is_grad_enabled()
    with torch.enable_grad(), second_order():
        x = at.detach().requires_grad_()
        total = function(x).sum()
    return torch.autograd.grad(total, x, create_graph=differentiable, materialize_grads=True)[0]


def _transformed() -> bool:
    return (
        torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()  # noqa: SLF001 - has no other name
        or forward_ad._current_level >= 0  # noqa: SLF001 - has no other name
    )


class _SecondOrder(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        replacement = REPLACEMENTS.get(func)
        # Other types have operations of their own.
        plain = set(types) <= {Tensor}
        if replacement is not None and plain and torch.is_grad_enabled() and not _transformed():
            y = replacement(*args, **kwargs)
            if y is not None:
                return y
        return func(*args, **kwargs)
