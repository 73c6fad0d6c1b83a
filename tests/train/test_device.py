"""Networks are on devices that are there, and train nowhere else."""

import re
from dataclasses import replace

import pytest

from paripassu.train import check_device, evaluate, train


@pytest.mark.parametrize(
    ("name", "there", "told"),
    [
        ("mps", 1, "networks are on cpu, cuda or cuda:N, not on 'mps': choose one of these"),
        ("meta", 1, "not on 'meta'"),
        ("cpu:0", 1, "not on 'cpu:0'"),
        ("cuda:-1", 1, "not on 'cuda:-1'"),
        ("cuda:", 1, "not on 'cuda:'"),
        ("", 1, "not on ''"),
        ("cuda", 0, "there is no cuda here, for torch sees 0 GPUs: choose cpu"),
        ("cuda:9", 4, "there is no cuda:9 here, for torch sees 4 GPUs: choose cuda:0 to cuda:3"),
        ("cuda:1", 1, "there is no cuda:1 here, for torch sees 1 GPU: choose cuda:0"),
    ],
)
def test_other_devices_are_refused_in_a_sentence(images, tmp_path, monkeypatch, name, there, told):
    monkeypatch.setattr("torch.cuda.device_count", lambda: there)
    run = replace(images, device=name)
    for act in (check_device, lambda _: train(run, tmp_path), lambda _: evaluate(run, tmp_path)):
        with pytest.raises(ValueError, match=re.escape(told)):
            act(name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:0", "cuda:3"])
def test_devices_that_are_there(monkeypatch, name):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    check_device(name)
