"""``paripassu report`` of runs as a person types it."""

from tests.cases.commands import TRAIN, run


def test_report_writes_the_page_again(trained, capsys):
    page = trained / "report" / "index.html"
    page.unlink()
    code, out, _ = run(capsys, "report", str(trained))
    assert code == 0
    assert out.strip() == str(page)
    assert page.is_file()


def test_runs_are_compared_side_by_side(trained, tmp_path, capsys):
    other = tmp_path / "other"
    assert run(capsys, *TRAIN, "--seed", "7", "--shadow", "adam", "--out", str(other))[0] == 0
    code, out, _ = run(capsys, "report", str(trained), str(other), "--out", str(tmp_path / "both"))
    page = tmp_path / "both" / "index.html"
    assert (code, out.strip()) == (0, str(page))
    text = page.read_text()
    assert '<th scope="row">seed</th><td>0</td><td>7</td>' in text
    assert "over those of Adam(betas=(0.5, 0.999), eps=1e-08)" in text
