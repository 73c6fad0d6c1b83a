"""A double of CUDA graphs on the CPU: a recording is a list of torch's operations and the tensors they had.

A replay runs the operations again, in the same memory. As a CUDA graph it runs no Python of the recorded
function, keeps every number that Python computed, and knows tensors by their addresses. It refuses what makes
the host wait, and work that torch does not see, such as numba's, is not in it.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

# Arguments that an operation writes although its schema does not say so: running statistics.
WRITES = {"native_batch_norm": (3, 4)}
WAITS = ("_local_scalar_dense", "nonzero", "equal", "masked_select", "is_nonzero", "_unique2")


class FakeGraphs:
    """As `paripassu.train.captured.CudaGraphs`, and it counts.

    Attributes:
        warmed: functions that ran to warm up.
        recorded: functions that were recorded.
        replayed: replays of all recordings.
    """

    def __init__(self, _device: torch.device | None = None) -> None:
        self.warmed = self.recorded = self.replayed = 0

    def warm_up(self, function: Callable[[], Tensor]) -> Tensor:
        self.warmed += 1
        return function()

    def record(self, function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        self.recorded += 1
        random = torch.get_rng_state()
        recording = _Recording()
        try:
            with recording:
                out = function()
        finally:
            recording.undo()
            torch.set_rng_state(random)

        def replay() -> Tensor:
            self.replayed += 1
            recording.replay()
            return out

        return replay


class _Recording(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self._calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], list[Tensor], bool]] = []
        self._made: set[int] = set()  # memory that did not exist before
        self._before: dict[int, tuple[Tensor, Tensor]] = {}  # what was written to, and its values before

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        if name in WAITS:
            raise RuntimeError(f"operation not permitted when stream is capturing: {name}")
        self._keep(func, args, kwargs)
        out = func(*args, **kwargs)
        memory = {_memory(given) for given in _tensors((args, kwargs))}
        made = [tensor for tensor in _tensors(out) if _memory(tensor) not in memory]
        self._made.update(map(_memory, made))
        args, kwargs, made = tree_map_only(Tensor, _at_this_address, (args, kwargs, made))
        self._calls.append((func, args, kwargs, made, torch.is_grad_enabled()))
        return out

    def _keep(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for argument, given in zip(func._schema.arguments, args, strict=False):
            self._keep_written(argument, given)
        for place in WRITES.get(func.overloadpacket.__name__, ()):
            self._keep_all(args[place])
        by_name = {argument.name: argument for argument in func._schema.arguments}
        for name, given in kwargs.items():
            self._keep_written(by_name[name], given)

    def _keep_written(self, argument: Any, given: Any) -> None:
        if argument.alias_info is not None and argument.alias_info.is_write:
            self._keep_all(given)

    def _keep_all(self, given: Any) -> None:
        for tensor in _tensors(given):
            whole = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
            if _memory(tensor) not in self._made | self._before.keys():
                self._before[_memory(tensor)] = whole, whole.clone()

    def undo(self) -> None:
        """Bring back what the recorded function changed: a CUDA graph's recording runs nothing."""
        for tensor, values in self._before.values():
            tensor.copy_(values)

    def replay(self) -> None:
        for func, args, kwargs, made, differentiable in self._calls:
            # Convolutions choose their kernel by whether gradients are wanted; nobody takes any here.
            with torch._C._AutoDispatchBelowAutograd(), torch.set_grad_enabled(differentiable):
                again = _tensors(func(*args, **kwargs))
            given = {_memory(tensor) for tensor in _tensors((args, kwargs))}
            new = [tensor for tensor in again if _memory(tensor) not in given]
            for tensor, values in zip(made, new, strict=True):
                tensor.copy_(values)


def _at_this_address(tensor: Tensor) -> Tensor:
    """The same memory, even if ``tensor.data`` is set to other memory later."""
    return tensor.detach().requires_grad_(tensor.requires_grad)


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
