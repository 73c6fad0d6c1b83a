"""A run's samples as a GIF: every picture once, the last one longer, real data beside them."""

import pytest
from PIL import Image
from tests.cases.folders import run_folder

from paripassu.__main__ import main
from paripassu.records import REAL_PICTURE
from paripassu.report.animation import write_animation


@pytest.mark.parametrize("with_real", [True, False])
def test_every_picture_is_a_frame_and_the_last_stands_longer(with_real, tmp_path):
    run_folder(tmp_path / "run", steps=(0, 50, 250))
    if not with_real:
        (tmp_path / "run" / REAL_PICTURE).unlink()
    out = write_animation(tmp_path / "run", tmp_path / "new" / "a.gif", seconds=3)
    with Image.open(out) as film:
        assert film.n_frames == 3
        durations, reds = [], []
        for number in range(film.n_frames):
            film.seek(number)
            durations.append(film.info["duration"])
            frame = film.convert("RGB")
            colours = {colour for _, colour in frame.getcolors(1 << 24)}
            assert ((0, 0, 255) in colours) == with_real
            reds.append(sum(r > 100 and max(g, b) < 60 for r, g, b in colours))
        assert durations[0] == durations[1] == durations[2] / 4
        assert reds[2] > 0 == reds[0]
        assert sum(durations) == pytest.approx(3000, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "a.png"], "ends in .gif"),
        (["--seconds", "0"], "seconds must be in"),
        (["--seconds", "nan"], "seconds must be in"),
        (["--out", "there.gif"], "is there already"),
    ],
)
def test_wrong_use_is_one_sentence(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run_folder(tmp_path / "run")
    (tmp_path / "there.gif").write_text("mine")
    assert main(["animate", "run", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert (tmp_path / "there.gif").read_text() == "mine"


def test_a_run_without_pictures_is_refused(tmp_path, capsys):
    run_folder(tmp_path / "run", steps=(0,))
    assert main(["animate", str(tmp_path / "run")]) == 2
    assert "has 1 pictures of samples, and an animation needs two" in capsys.readouterr().err


def test_the_command_writes_into_the_runs_folder_again_and_again(tmp_path, capsys):
    run_folder(tmp_path / "run")
    for _ in range(2):
        assert main(["animate", str(tmp_path / "run")]) == 0
        assert capsys.readouterr().out.strip() == str(tmp_path / "run" / "samples.gif")
