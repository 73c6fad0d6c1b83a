"""A live page is one file that allows nothing but itself."""

import base64
import hashlib
import re

import pytest

from paripassu.report.live import LIVE_GAMES, write_live_page

GAMES = pytest.mark.parametrize("game", LIVE_GAMES)


@GAMES
def test_the_policy_names_every_script_and_style(tmp_path, game):
    html = write_live_page(tmp_path / "new" / "live.html", game).read_text(encoding="utf-8")
    parts = re.findall(r"<(?:script|style)[^>]*>(.*?)</(?:script|style)>", html, re.DOTALL)
    assert len(parts) == 7
    digests = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in parts]
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', html)
    assert set(re.findall(r"'sha256-(.*?)'", policy)) == set(digests)


@GAMES
def test_the_page_refers_to_nothing_outside_of_itself(tmp_path, game):
    html = write_live_page(tmp_path / "live.html", game).read_text(encoding="utf-8")
    assert not re.findall(r"https?:|\bsrc=|@import|url\((?!data:)", html)


def test_a_game_without_a_page_is_refused(tmp_path):
    with pytest.raises(ValueError, match="framework, kernel, got 'chess'"):
        write_live_page(tmp_path / "live.html", "chess")
    assert not (tmp_path / "live.html").exists()
