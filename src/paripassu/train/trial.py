"""One small trial of a person's own parts, before anything is written.

The package's own parts are not tried: its tests check them.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage] - has no other name

from paripassu.data import Samples
from paripassu.models import given
from paripassu.rules import Rule
from paripassu.train.own_files import OwnPartError, errors_in, first_line
from paripassu.train.own_parts import own_files
from paripassu.train.random import Stream, generator, seeded
from paripassu.train.run import Run
from paripassu.train.state import TrainingState

_BATCH = 2
_SLACK = 0.01  # by which images may leave [-1, 1]


@contextmanager
def own_errors(run: Run) -> Generator[None]:
    """Turn errors out of the files of a run's own parts into a ``ValueError`` that names file and line."""
    with errors_in(own_files(run)):
        yield


def check_own_data(run: Run, real: Samples) -> None:
    """Raise ``ValueError`` unless a run's own data are what `Samples` says."""
    if own_files(run.data):
        with own_errors(run):
            _check_samples(run, real)


def check_own_players(run: Run, state: TrainingState, shape: tuple[int, ...], classes: int = 0) -> None:
    """Raise ``ValueError`` unless a run's own networks and rules do what their interfaces say.

    Args:
        run: the run.
        state: of fresh networks; it is left as it was.
        shape: of one sample of the data.
        classes: of the data's labels; 0 without.
    """
    with own_errors(run), seeded(run.seed, Stream.NETWORKS, 0, torch.device(run.device)):
        if own_files(run.model):
            _check_networks(run, state, shape, classes)
        for player, network in ((run.generator, state.generator), (run.discriminator, state.discriminator)):
            weights = [p.detach().float() for p in network.parameters() if p.requires_grad]
            for rule in dict.fromkeys([player.rule, run.shadow]):
                if rule is not None and own_files(rule):
                    _check_rule(rule, weights)


def _check_samples(run: Run, real: object) -> None:
    name = run.data.name
    if not isinstance(real, Samples):
        raise OwnPartError(
            f"{name} loaded a {type(real).__name__}: "
            "let load return paripassu.data.Samples, such as an ImageSet"
        )
    device = torch.device(run.device)
    drawn: Any = real.draw(_BATCH, generator(run.seed, Stream.TRAINING, 0, device))
    expected = f"{_BATCH} samples of {list(real.shape)}, float32"
    if not isinstance(drawn, Tensor):
        raise OwnPartError(f"{name} drew a {type(drawn).__name__} for {expected}: let draw return a tensor")
    if drawn.shape != (_BATCH, *real.shape) or drawn.dtype != torch.float32:
        raise OwnPartError(f"{name} drew {_kind(drawn)} for {expected}: let draw return those")
    if drawn.device.type != device.type:
        raise OwnPartError(f"{name} drew samples on {drawn.device} for {device}: bring them there")
    if not drawn.isfinite().all():
        raise OwnPartError(f"{name} drew samples with NaN or inf: mend the data")
    if drawn.ndim == 4 and drawn.abs().max() > 1 + _SLACK:
        low, high = drawn.min().item(), drawn.max().item()
        raise OwnPartError(f"{name} drew images from {low:.3g} to {high:.3g}: bring them to [-1, 1]")


@torch.no_grad()
def _check_networks(run: Run, state: TrainingState, shape: tuple[int, ...], classes: int) -> None:
    name, networks = run.model.name, (state.generator, state.discriminator)
    if run.penalty and any(isinstance(module, _BatchNorm) for module in state.discriminator.modules()):
        raise OwnPartError(
            f"{name}'s discriminator has batch normalisation, and a gradient penalty needs one that does not "
            "mix samples: leave one of the two out"
        )
    training = [network.training for network in networks]
    for network in networks:
        network.eval()  # so that no running statistics move
    try:
        latents = torch.randn(_BATCH, run.model.latent, device=run.device)
        labels = torch.arange(_BATCH, device=run.device) if classes else None
        fake = _output(f"{name}'s generator", given(state.generator, labels), latents, classes)
        if not isinstance(fake, Tensor) or fake.shape != (_BATCH, *shape):
            raise OwnPartError(
                f"{name}'s generator makes {_kind(fake)} of {_BATCH} latents, but samples of the data are "
                f"{list(shape)}: let it return [B, {', '.join(map(str, shape))}]"
            )
        logits = _output(f"{name}'s discriminator", given(state.discriminator, labels), fake, classes)
        if not isinstance(logits, Tensor) or logits.shape != (_BATCH,):
            raise OwnPartError(
                f"{name}'s discriminator makes {_kind(logits)} of {_BATCH} samples: "
                "let it return one number a sample, [B], as with a flatten(0) at its end"
            )
    finally:
        for network, mode in zip(networks, training, strict=True):
            network.train(mode)


def _output(what: str, network: Callable[[Tensor], Any], batch: Tensor, classes: int) -> Any:
    try:
        return network(batch)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # networks raise whatever they like
        more = f" and labels [{_BATCH}] of {classes} classes" * bool(classes)
        raise OwnPartError(f"{what} does not take {_kind(batch)}{more}: {first_line(error)}") from error


def _check_rule(rule: Rule, weights: Sequence[Tensor]) -> None:
    """Two steps on tensors of the real shapes."""
    gradients = [torch.full_like(weight, 0.01) for weight in weights]
    states = [rule.init(weight) for weight in weights]
    for _ in range(2):
        given = [*gradients, *weights, *(tensor for state in states for tensor in _tensors(state).values())]
        versions = _versions(given)
        answer: Any = rule.update(gradients, states, weights)
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise OwnPartError(f"{rule}'s update returned {_kind(answer)}: return updates and next states")
        updates, following = (list(each) for each in answer)
        for what, found in (("updates", updates), ("states", following)):
            if len(found) != len(gradients):
                raise OwnPartError(
                    f"{rule}'s update returned {len(found)} {what} for {len(gradients)} gradients: "
                    "return one for each"
                )
        for number, (update, gradient) in enumerate(zip(updates, gradients, strict=True)):
            if not isinstance(update, Tensor) or _kind(update) != _kind(gradient):
                raise OwnPartError(
                    f"{rule}'s update {number} is {_kind(update)}, and its gradient is {_kind(gradient)}: "
                    "return one of the gradient's shape and dtype"
                )
        for number, (old, new) in enumerate(zip(states, following, strict=True)):
            before, after = ({name: _kind(t) for name, t in _tensors(state).items()} for state in (old, new))
            if before != after:
                raise OwnPartError(
                    f"{rule}'s state {number} was {_listed(before)} and became {_listed(after)}: "
                    "keep names, shapes and dtypes as init has them"
                )
        if versions != _versions(given):
            raise OwnPartError(
                f"{rule}'s update changed gradients, states or weights in place: return new tensors"
            )
        states = following


def _versions(tensors: Sequence[Tensor]) -> list[int]:
    return [tensor._version for tensor in tensors]  # noqa: SLF001 - counts writes in place, and has no other name


def _tensors(state: Any, prefix: str = "") -> dict[str, Tensor]:
    """By name, those of nested rules behind a dot."""
    if not isinstance(state, Mapping):
        raise OwnPartError(f"a rule's state is a dictionary of tensors, not {_kind(state)}: return one")
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        if isinstance(value, Tensor):
            found[f"{prefix}{name}"] = value
        else:
            found |= _tensors(value, f"{prefix}{name}.")
    return found


def _kind(value: object) -> str:
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}"
    return f"{list(value.shape)} {str(value.dtype).removeprefix('torch.')}"


def _listed(kinds: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in kinds.items()) or "empty"
