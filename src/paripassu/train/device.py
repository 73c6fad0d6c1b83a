"""The devices that networks can be trained on."""

import re

import torch


def check_device(name: str) -> None:
    """Raise ``ValueError`` unless networks can be trained on the device of this name, on this machine.

    Args:
        name: ``"cpu"``, ``"cuda"`` or ``"cuda:N"``. Other torch devices are untested, and ``meta`` holds no
            data.
    """
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise ValueError(f"networks are on cpu, cuda or cuda:N, not on {name!r}: choose one of these")
    if name == "cpu":
        return
    there = torch.cuda.device_count()
    if int(name.removeprefix("cuda").lstrip(":") or 0) >= there:
        choice = " to ".join(dict.fromkeys(["cuda:0", f"cuda:{there - 1}"])) if there else "cpu"
        seen = "1 GPU" if there == 1 else f"{there} GPUs"
        raise ValueError(f"there is no {name} here, for torch sees {seen}: choose {choice}")
