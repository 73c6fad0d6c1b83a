"""Muon's direction: a matrix with the same singular vectors as an update and singular values near one.

Newton-Schulz iteration, five times by default, from X = u_R / ‖u_R‖:

    A = X Xᵀ,    X ← a X + (b A + c A²) X,    (a, b, c) = (3.4445, −4.7750, 2.0315)

The polynomial does not converge. Five iterations bring singular values between 0.002 and 1 into
[0.68, 1.21], and each multiplies much smaller ones by a. Jordan et al. 2024, "Muon: An optimizer for hidden
layers in neural networks", https://kellerjordan.github.io/posts/muon, which gives the coefficients.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from paripassu.rules.normalize import Normalize
from paripassu.rules.parts import for_some
from paripassu.rules.rule import Rule, State, check_rule
from paripassu.rules.scope import rescale, sharded_as, whole
from paripassu.rules.sgd import SGD
from paripassu.sizes import check_sizes

_A, _B, _C = 3.4445, -4.7750, 2.0315


def _by_layer() -> Rule:
    return Normalize(SGD(), "layer")


@dataclass(frozen=True)
class Orthogonal(Rule):
    """``rule``'s update of a matrix with its singular values near one, and ``otherwise`` for the rest.

    A tensor of more than two dimensions, such as filters, is a matrix of its first dimension by all others.
    Vectors and scalars are ``otherwise``'s. By default they get the length one: a matrix of one column
    has one singular value, its length.

    ``Orthogonal(SGD(momentum))`` is Muon without Nesterov's momentum and without its factor for a matrix's
    shape. ``Graft(Adam(), Orthogonal())`` has Adam's length in each tensor. A complex parameter is seen as
    pairs of real numbers, so a complex vector is a matrix of two columns.

    Args:
        rule: rule that gives the updates of matrices.
        otherwise: rule for tensors of fewer than two dimensions. Norms that it takes over the player are over
            these, and so are ``rule``'s over the matrices.
        iterations: of Newton-Schulz, >= 1.

    Raises:
        ValueError: a part is no rule, or ``iterations`` is no whole number >= 1.

    Example:
        >>> import torch
        >>> gradient = torch.tensor([[2.0, 0.0], [0.0, -1.0]])
        >>> (update,), _ = Orthogonal().update([gradient], [Orthogonal().init(gradient)], [gradient])
        >>> torch.linalg.svdvals(update)
        tensor([1.1142, 0.6888])
    """

    rule: Rule = field(default_factory=SGD)
    otherwise: Rule = field(default_factory=_by_layer)
    iterations: int = 5

    def __post_init__(self) -> None:
        check_rule("rule", self.rule)
        check_rule("otherwise", self.otherwise)
        check_sizes(1, iterations=self.iterations)

    def init(self, tensor: Tensor) -> State:
        """The state of the one rule that updates the tensor, under ``"rule"`` or ``"otherwise"``."""
        name = self._name(tensor)
        return {name: getattr(self, name).init(tensor)}

    def update(
        self, gradients: Sequence[Tensor], states: Sequence[State], weights: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[State]]:
        """One step of each rule on its tensors; updates of matrices have no unit."""
        updates, following = list(gradients), list(states)
        names = [self._name(gradient) for gradient in gradients]
        # Both rules step although one may have no tensor here: other processes may have some.
        for name in ("rule", "otherwise"):
            chosen = [own == name for own in names]
            places = [place for place, its in enumerate(chosen) if its]
            some, next_states = for_some(getattr(self, name), chosen).update(
                [gradients[place] for place in places],
                [states[place][name] for place in places],
                [weights[place] for place in places],
            )
            some = self._orthogonal(some) if name == "rule" else some
            for place, update, state in zip(places, some, next_states, strict=True):
                updates[place], following[place] = update, {name: state}
        return updates, following

    def _name(self, tensor: Tensor) -> str:
        return "rule" if tensor.dim() >= 2 else "otherwise"

    def _orthogonal(self, updates: Sequence[Tensor]) -> list[Tensor]:
        scaled = rescale(updates, [1.0] * len(updates), "layer")
        # Every rank computes the whole of a sharded matrix.
        results = [newton_schulz(whole(x).flatten(1), self.iterations).reshape(x.shape) for x in scaled]
        return [sharded_as(result, x) for result, x in zip(results, scaled, strict=True)]


def newton_schulz(matrix: Tensor, iterations: int) -> Tensor:
    """The iteration of this module.

    Args:
        matrix: ``[m, n]`` with singular values of at most one.
        iterations: how many.

    Returns:
        ``[m, n]``, with the same singular vectors.
    """
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.mT if is_tall else matrix
    for _ in range(iterations):
        gram = x @ x.mT
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    return x.mT if is_tall else x
