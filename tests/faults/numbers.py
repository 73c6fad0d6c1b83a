"""NaN, inf and huge numbers: in weights while training, in rates, in gradients, in saved states."""

import hashlib
import json
import math
import random
import sys
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from tests.faults import scenarios
from tests.faults.child import Answer
from tests.faults.trial import state_of
from tests.faults.vocabulary import Facts, Fault, Golden, Place, Scenario

_BAD = (math.nan, math.inf, -math.inf, 3e38, -3e38, 1e30, 1e20)
_WORDS = "words.json"


# Training.


def _train() -> int:
    more = json.loads(Path(_WORDS).read_text()) if Path(_WORDS).exists() else []
    return scenarios.command(*scenarios.TRAIN, *more)


def _ended(_: Golden, facts: Facts, __: Answer, ___: Path) -> bool:
    """The run is finished with finite metrics, or diverged with a reason; its records say so."""
    printed, end = facts["printed"], facts["records"][-1]
    finite = all(isinstance(value, float) and math.isfinite(value) for value in printed["metrics"].values())
    is_diverged = printed["outcome"] == "diverged" and bool(end.get("reason"))
    is_said = end.get("kind") == "End" and end["outcome"] == printed["outcome"]
    return (
        is_said and (is_diverged or (printed["outcome"] == "finished" and finite)) and not facts["leftovers"]
    )


def poisoned_weight(place: Place, rng: random.Random) -> Fault:
    """At some step, some numbers of a network, or of an optimizer's state, become bad."""
    at, value, seed = rng.randint(1, scenarios.STEPS), rng.choice(_BAD), rng.randrange(2**30)
    what = rng.choice(("generator", "discriminator", "averaged", "optimizer_g", "optimizer_d"))
    everywhere = rng.random() < 0.5

    def in_child() -> None:
        import torch

        from paripassu.train import loop

        step, done = loop.step, 0

        def poisoned(run: Any, state: Any, *given: Any) -> Any:
            nonlocal done
            losses = step(run, state, *given)
            done += 1
            if done == at:
                leaves = torch.utils._pytree.tree_leaves(getattr(state, what).state_dict())
                tensors = [
                    leaf for leaf in leaves if isinstance(leaf, torch.Tensor) and leaf.is_floating_point()
                ]
                if tensors:
                    tensor = random.Random(seed).choice(tensors)
                    with torch.no_grad():
                        (tensor if everywhere else tensor.view(-1)[:1]).fill_(value)
            return losses

        loop.step = poisoned

    return Fault(
        f"{value} in {'all' if everywhere else 'one'} of a tensor of the {what} after step {at}", in_child
    )


def wild_rates(place: Place, rng: random.Random) -> Fault:
    """Rates and sizes at the ends of what floats hold, measured and looked at in any rhythm."""
    rates = [f"{rng.choice('19')}e{rng.choice((-45, -30, -3, 1, 5, 15, 30, 38, 100, 300))}" for _ in range(2)]
    optimizers = [
        rng.choice(("sgd", "adam", "nsgd", "adansgd", "rmsprop", "adadir", "nsgd-layer")) for _ in range(2)
    ]
    words = [
        "--lr-d",
        rates[0],
        "--lr-g",
        rates[1],
        "--optimizer-d",
        optimizers[0],
        "--optimizer-g",
        optimizers[1],
    ]
    words += ["--data", rng.choice(("ring", "digits")), "--seed", str(rng.randrange(100))]
    for every in ("eval", "log", "probe", "checkpoint"):
        words += [f"--{every}-every", str(rng.choice((1, 3, 5, 7, 10, 50)))]
    if rng.random() < 0.3:
        words += ["--weight-decay", rng.choice(("1e30", "1e300", "0.1"))]
    if rng.random() < 0.3:
        words += ["--penalty", rng.choice(("wgan-gp", "r1")), "--loss", rng.choice(("wasserstein", "hinge"))]
    path = place.folder / _WORDS
    path.write_text(json.dumps(words))
    return Fault(" ".join(words), touched=(path,), is_input=True, must_recover=True)


BAD_TRAINING = Scenario(
    "train on bad numbers", {"new": scenarios.new}, _train, scenarios.train_facts, accepts=_ended
)


# Saved states of optimizers.

_SAVED = "saved.pt"
_LEGITIMATE = "legitimate"
_NAMES = ("NSGD global momentum", "NSGD layer momentum", "AdaNSGD global", "AdaDir layer", "Graft layer")


def _optimizer(name: str) -> Any:
    from tests.cases.networks import network_of
    from tests.cases.rules import OPTIMIZERS

    network = network_of()
    return network, OPTIMIZERS[name](list(network.parameters()))


def _saved(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        def save() -> int:
            import torch
            from tests.cases.networks import train

            network, optimizer = _optimizer(name)
            train(network, optimizer, 3)
            torch.save(optimizer.state_dict(), _SAVED)
            Path("name").write_text(name)
            return 0

        assert state_of(save, folder).code == 0

    return make


def _load() -> int:
    """Load a state, or refuse it and be as before; then take three steps."""
    import torch
    from tests.cases.networks import train

    network, optimizer = _optimizer(Path("name").read_text())
    train(network, optimizer, 2, seed=5)
    before = deepcopy(optimizer.state_dict())
    try:
        optimizer.load_state_dict(torch.load(_SAVED, weights_only=True))
    except ValueError as error:
        if _digest(before) != _digest(optimizer.state_dict()):
            raise AssertionError(f"refused ({error}), and changed all the same") from error
        print(f"paripassu: {_SAVED}: {error}", file=sys.stderr)
        return 2
    train(network, optimizer, 3)
    print(json.dumps({"weights": _digest(network.state_dict())}))
    return 0


def _digest(value: Any) -> str:
    import torch

    leaves = torch.utils._pytree.tree_leaves(value)
    texts = [repr(leaf.tolist()) if isinstance(leaf, torch.Tensor) else repr(leaf) for leaf in leaves]
    return hashlib.sha256("|".join(texts).encode()).hexdigest()


def _steps_facts(_: Path, answer: Answer) -> Facts:
    return json.loads(answer.out)


def mutated_state(place: Place, rng: random.Random) -> Fault:
    """One entry of the saved state is missing, renamed or of another kind."""
    import torch

    path = place.folder / _SAVED
    saved = torch.load(path, weights_only=True)
    kind = rng.choice(sorted(_MUTATIONS))
    words, is_legitimate = _MUTATIONS[kind](saved, rng)
    torch.save(saved, path)
    if is_legitimate:
        (place.folder / _LEGITIMATE).touch()
    return Fault(f"{path.name}: {words}", touched=(path,), is_input=True)


def _holder(saved: dict, rng: random.Random) -> tuple[dict, str]:
    """A dictionary of tensors in the state, and one of its keys."""
    import torch

    found = []

    def look(value: Any) -> None:
        for key, item in value.items():
            if isinstance(item, dict):
                look(item)
            elif isinstance(item, torch.Tensor):
                found.append((value, key))

    look(saved["state"])
    return rng.choice(found)


def _drop(saved: dict, rng: random.Random) -> tuple[str, bool]:
    holder, key = _holder(saved, rng)
    del holder[key]
    return f"without {key}", False


def _rename(saved: dict, rng: random.Random) -> tuple[str, bool]:
    holder, key = _holder(saved, rng)
    holder[f"{key}_"] = holder.pop(key)
    return f"{key} called {key}_", False


def _reshape(saved: dict, rng: random.Random) -> tuple[str, bool]:
    import torch

    holder, key = _holder(saved, rng)
    tensor = holder[key]
    holder[key] = rng.choice(
        [torch.zeros(*tensor.shape, 2), torch.zeros(1, *tensor.shape, 3), torch.zeros(7), torch.zeros(0)]
    )
    return f"{key} of shape {list(holder[key].shape)} for {list(tensor.shape)}", False


def _retype(saved: dict, rng: random.Random) -> tuple[str, bool]:
    import torch

    holder, key = _holder(saved, rng)
    dtype = rng.choice(
        [torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.complex64, torch.bool]
    )
    holder[key] = holder[key].to(dtype)
    return f"{key} in {dtype}", True


def _replace(saved: dict, rng: random.Random) -> tuple[str, bool]:
    holder, key = _holder(saved, rng)
    holder[key] = rng.choice([None, "text", [1.0], {}, {"a": 1}])
    return f"{key} is {holder[key]!r}", False


def _poison(saved: dict, rng: random.Random) -> tuple[str, bool]:
    holder, key = _holder(saved, rng)
    value = rng.choice(_BAD)
    if holder[key].is_floating_point():
        holder[key].fill_(value)
    return f"{key} is {value}", True


def _setting(saved: dict, rng: random.Random) -> tuple[str, bool]:
    group = saved["param_groups"][0]
    key = rng.choice(["lr", "weight_decay"])
    group[key] = rng.choice(["1e-3", math.nan, math.inf, -1.0, None, [0.1], 1e300])
    return f"{key} is {group[key]!r}", group[key] == 1e300


def _foreign(saved: dict, rng: random.Random) -> tuple[str, bool]:
    import torch
    from tests.cases.networks import network_of, train

    network = network_of()
    adam = torch.optim.Adam(network.parameters())
    train(network, adam, 2)
    saved["state"] = adam.state_dict()["state"]
    return "the state of torch's Adam", False


def _groups(saved: dict, rng: random.Random) -> tuple[str, bool]:
    groups = saved["param_groups"]
    if rng.random() < 0.5:
        groups.append(deepcopy(groups[0]))
        return "a group twice", False
    groups[0]["params"] = groups[0]["params"][:-1]
    return "a group with a parameter less", False


_MUTATIONS: Mapping[str, Callable[[dict, random.Random], tuple[str, bool]]] = {
    "drop": _drop,
    "rename": _rename,
    "reshape": _reshape,
    "retype": _retype,
    "replace": _replace,
    "poison": _poison,
    "setting": _setting,
    "foreign": _foreign,
    "groups": _groups,
}

STATES = Scenario(
    "optimizer's saved state",
    {name: _saved(name) for name in _NAMES},
    _load,
    _steps_facts,
    accepts=lambda _, __, ___, folder: (folder / _LEGITIMATE).exists(),
)


# Steps at the extremes.


def _extreme() -> int:
    """Steps of every optimizer on gradients of which some are extreme; prints the laws that were broken."""
    import torch
    from tests.cases.rules import AS_TORCH, OPTIMIZERS

    given = json.loads(Path(_WORDS).read_text()) if Path(_WORDS).exists() else {"value": 1.0, "all": False}
    value, broken = float(given["value"]), []
    for name, make in OPTIMIZERS.items():
        for nonfinite in ("propagate", "skip", "raise"):
            weights = [torch.nn.Parameter(torch.ones(3, 2)), torch.nn.Parameter(torch.ones(4))]
            optimizer = make(weights, lr=0.01, nonfinite=nonfinite)
            broken += [
                f"{name}, {nonfinite}: {law}"
                for law in _laws(optimizer, weights, given, value, nonfinite, name in AS_TORCH)
            ]
    print(json.dumps({"broken": broken}))
    return 0


def _laws(
    optimizer: Any, weights: list, given: dict, value: float, nonfinite: str, may_overflow: bool
) -> list[str]:
    import torch

    rng = torch.Generator().manual_seed(0)
    broken = []
    for step in range(3):
        for weight in weights:
            weight.grad = torch.randn(weight.shape, generator=rng)
        if step == 1:
            for weight in weights if given["all"] else weights[:1]:
                (weight.grad if given["all"] else weight.grad.view(-1)[:1]).fill_(value)
        before, raised = [weight.detach().clone() for weight in weights], ""
        try:
            optimizer.step()
        except (ValueError, RuntimeError) as error:
            raised = str(error)
        same = all(torch.equal(weight, old) for weight, old in zip(weights, before, strict=True))
        finite = all(bool(weight.isfinite().all()) for weight in weights)
        bad = step == 1 and not math.isfinite(value)
        if bad and nonfinite != "propagate" and not same:
            broken.append(f"step {step} changed weights on {value}")
        if bool(raised) != (bad and nonfinite == "raise"):
            broken.append(f"step {step} raised {raised!r}")
        if not finite and not may_overflow and (nonfinite != "propagate" or math.isfinite(value)):
            broken.append(f"step {step}: weights are not finite after {value}")
            break
    return broken


def extreme_gradient(place: Place, rng: random.Random) -> Fault:
    """One step's gradients hold a number from the ends of what floats hold."""
    value = rng.choice(
        (math.nan, math.inf, -math.inf, 3e38, -3e38, 1e30, 1e19, 1e-19, 1e-38, 1e-45, 0.0, -0.0)
    )
    path = place.folder / _WORDS
    everywhere = rng.random() < 0.5
    path.write_text(json.dumps({"value": str(value), "all": everywhere}))
    return Fault(
        f"{value} in {'all' if everywhere else 'one'} of the gradients",
        touched=(path,),
        is_input=True,
        must_recover=True,
    )


EXTREMES = Scenario("optimizers' steps", {"new": scenarios.new}, _extreme, _steps_facts)
