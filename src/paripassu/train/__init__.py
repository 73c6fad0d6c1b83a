"""GAN training: a run says everything, ``train`` does it."""

from paripassu.extras import laboratory

with laboratory("paripassu.train"):
    from paripassu.train.captured import Capture, check_capture, obstacle
    from paripassu.train.device import check_device
    from paripassu.train.evaluation import evaluate
    from paripassu.train.folder import check_folder, load_run
    from paripassu.train.loop import train, training
    from paripassu.train.pack import Pack
    from paripassu.train.pack_size import PackSize
    from paripassu.train.processes import current_processes, is_one_of_many, joined
    from paripassu.train.run import Player, Run, from_settings

__all__ = [
    "Capture",
    "Pack",
    "PackSize",
    "Player",
    "Run",
    "check_capture",
    "check_device",
    "check_folder",
    "current_processes",
    "evaluate",
    "from_settings",
    "is_one_of_many",
    "joined",
    "load_run",
    "obstacle",
    "train",
    "training",
]
