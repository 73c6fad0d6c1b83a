"""The grafted optimizers: their rules and their memory."""

import pytest
import torch
from tests.cases.players import steps

from paripassu.optim import AdaDir, AdaNSGD, Graft
from paripassu.rules import SGD, Adam


@pytest.mark.parametrize("kind", [AdaNSGD, AdaDir])
def test_without_beta1_one_buffer_is_kept(kind, tensors):
    parameters = tensors()
    optimizer = kind(parameters, 0.1)
    steps(optimizer, parameters, 1)
    leaves = torch.utils._pytree.tree_leaves(optimizer.state[parameters[0]])
    assert sum(t.numel() == parameters[0].numel() for t in leaves) == 1


def test_the_drop_ins_are_the_rules_they_say(tensors):
    assert (
        AdaNSGD(tensors(), 0.1).rule
        == Graft(tensors(), 0.1, magnitude=Adam((0.0, 0.9)), direction=SGD()).rule
    )
    assert (
        AdaDir(tensors(), 0.1).rule == Graft(tensors(), 0.1, magnitude=SGD(), direction=Adam((0.0, 0.9))).rule
    )
