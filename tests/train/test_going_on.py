"""Life after the end of a run: more steps, a start from its weights, data that moved."""

import shutil
from dataclasses import replace

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tests.cases import runs

from paripassu.data import ImageFolder
from paripassu.files import file_digest
from paripassu.records import End, Losses, RunHeader
from paripassu.records.checkpoints import checkpoints
from paripassu.records.codec import load, read_records
from paripassu.train import evaluate, load_run, train

RUN = replace(
    runs.points(), decay="constant", steps=3, batch=8, eval_samples=10, log_every=2, probe_every=2,
    eval_every=2, checkpoint_every=2,
)  # fmt: skip


def _weights(folder) -> dict[str, str]:
    last = checkpoints(folder)[-1]
    return {path.name: file_digest(path) for path in last.iterdir() if path.suffix in {".safetensors", ".pt"}}


@pytest.mark.parametrize("stop", [None, 1])
def test_more_steps_end_as_the_longer_run(tmp_path, stop):
    longer = replace(RUN, steps=5)
    train(longer, tmp_path / "longer")

    def progress(step: int) -> None:
        if step == stop:
            raise InterruptedError

    if stop:
        with pytest.raises(InterruptedError):
            train(RUN, tmp_path / "run", progress=progress)
    else:
        train(RUN, tmp_path / "run")
    notices = []
    end = train(longer, tmp_path / "run", notice=notices.append)
    assert (end.step, end.outcome) == (5, "finished")
    where = f"the run in {tmp_path / 'run'}"
    assert notices == [f"{where} goes on with other settings than before: steps is 3 there and 5 here"]
    assert _weights(tmp_path / "run") == _weights(tmp_path / "longer")
    assert load_run(tmp_path / "run").steps == 5
    # What was measured at the first end is kept.
    losses = [r.step for r in read_records(tmp_path / "run" / "records.jsonl") if isinstance(r, Losses)]
    assert losses == ([2, 4, 5] if stop else [2, 3, 4, 5])
    with pytest.raises(ValueError, match="steps is 5 there and 3 here"):
        train(RUN, tmp_path / "run")


def test_more_steps_of_rates_that_decay_are_refused(tmp_path):
    run = replace(RUN, decay="linear")
    train(run, tmp_path)
    with pytest.raises(ValueError, match=r"decay over its 3 steps, so that one of 4 .* --from"):
        train(replace(run, steps=4), tmp_path)
    assert load_run(tmp_path) == run


def test_a_diverged_run_stays_diverged(tmp_path):
    wild = replace(RUN, generator=replace(RUN.generator, lr=1e30), steps=2)
    end = train(wild, tmp_path)
    assert end.outcome == "diverged"
    assert train(replace(wild, steps=9), tmp_path) == end


def test_a_run_starts_with_the_weights_of_another(tmp_path):
    train(RUN, tmp_path / "first")
    other = replace(RUN, seed=1, decay="linear")
    train(other, tmp_path / "second", start=str(tmp_path / "first"))
    source = checkpoints(tmp_path / "first")[-1]

    def stop(step: int) -> None:
        if step == 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(other, tmp_path / "third", start=tmp_path / "first", progress=stop)
    (begun,) = checkpoints(tmp_path / "third")
    for path in source.glob("*.safetensors"):
        ours, theirs = load_file(begun / path.name), load_file(path)
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    start = load(tmp_path / "third" / "run.json", RunHeader).start
    assert (start.run, start.step) == (str(tmp_path / "first"), 3)
    train(other, tmp_path / "third", start=tmp_path / "first")
    assert _weights(tmp_path / "third") == _weights(tmp_path / "second")


def test_a_start_needs_no_average_and_gives_one(tmp_path):
    train(replace(RUN, ema=0.0), tmp_path / "plain")

    def stop(step: int) -> None:
        if step == 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(RUN, tmp_path / "run", start=tmp_path / "plain", progress=stop)
    (begun,) = checkpoints(tmp_path / "run")
    ours, theirs = load_file(begun / "averaged.safetensors"), load_file(begun / "generator.safetensors")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_start_is_part_of_a_run(tmp_path):
    for name in ("first", "plain"):
        train(RUN, tmp_path / name)
    train(replace(RUN, steps=4), tmp_path / "more")
    train(RUN, tmp_path / "run", start=tmp_path / "first")
    train(RUN, tmp_path / "run", start=tmp_path / "plain")  # of the same weights
    with pytest.raises(ValueError, match=r"began with the weights of .*first: add --from"):
        train(RUN, tmp_path / "run")
    with pytest.raises(ValueError, match=r"began with the weights of .*first, not of .*more"):
        train(RUN, tmp_path / "run", start=tmp_path / "more")
    with pytest.raises(ValueError, match="began without --from"):
        train(RUN, tmp_path / "plain", start=tmp_path / "first")


def test_what_cannot_be_started_from_is_refused_and_writes_nothing(tmp_path):
    train(RUN, tmp_path / "first")
    other = replace(RUN, model=replace(RUN.model, width=8))
    with pytest.raises(ValueError, match=r"holds mlp .*width 16.*, not mlp .*width 8"):
        train(other, tmp_path / "run", start=tmp_path / "first")
    with pytest.raises(ValueError, match=r"there is no folder .*nowhere: name one"):
        train(RUN, tmp_path / "run", start=tmp_path / "nowhere")
    path = checkpoints(tmp_path / "first")[-1] / "generator.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"step-000000003 of .* is damaged"):
        train(RUN, tmp_path / "run", start=tmp_path / "first")
    assert not (tmp_path / "run").exists()


def test_a_start_that_is_lost_is_needed_only_to_begin_anew(tmp_path):
    train(RUN, tmp_path / "first")
    train(RUN, tmp_path / "run", start=tmp_path / "first")
    expected = _weights(tmp_path / "run")
    shutil.move(tmp_path / "first", tmp_path / "elsewhere")
    shutil.rmtree(checkpoints(tmp_path / "run")[-1])
    train(RUN, tmp_path / "run", start=tmp_path / "first")
    assert _weights(tmp_path / "run") == expected
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    with pytest.raises(ValueError, match=r"is to begin with .*which is not what it was any more"):
        train(RUN, tmp_path / "run", start=tmp_path / "first")


def test_data_that_moved_are_the_same_data(images, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for level in range(4):
        Image.new("L", (8, 8), 60 * level).save(photos / f"{level}.png")
    run = replace(images, steps=1, data=ImageFolder(photos, 8, channels=1))
    end = train(run, tmp_path / "run")
    moved = replace(run, data=replace(run.data, path=tmp_path / "moved"))
    photos.rename(tmp_path / "moved")
    notices = []
    assert train(moved, tmp_path / "run", notice=notices.append) == end
    assert f"data.path is {photos} there and {tmp_path / 'moved'} here" in notices[-1]
    assert load_run(tmp_path / "run") == moved
    evaluate(load_run(tmp_path / "run"), tmp_path / "run")
    Image.new("L", (8, 8), 7).save(tmp_path / "moved" / "1.png")
    (tmp_path / "moved").rename(photos)
    with pytest.raises(ValueError, match="began with 4 images, and these 4 are others"):
        train(run, tmp_path / "run")
    assert load_run(tmp_path / "run") == moved
    assert [r.step for r in read_records(tmp_path / "run" / "records.jsonl") if isinstance(r, End)] == [1]
