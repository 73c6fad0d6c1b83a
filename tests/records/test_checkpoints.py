"""What is said of a run's checkpoints while a training goes on."""

import shutil

from paripassu.records import checkpoints


def test_a_checkpoint_that_is_removed_meanwhile_is_no_damage(tmp_path, monkeypatch):
    """A page of a run that trains was made while its oldest checkpoint went."""
    older, newer = (checkpoints.folder_of(tmp_path, step) for step in (1, 2))
    for path in (older, newer):
        path.mkdir(parents=True)
    read = checkpoints.read_index

    def read_late(path):
        if path == older:
            shutil.rmtree(path)
        return read(path)

    monkeypatch.setattr(checkpoints, "read_index", read_late)
    assert checkpoints.damage(tmp_path) == [
        "Checkpoint step-000000002 is damaged: its checkpoint.json was changed or lost."
    ]
