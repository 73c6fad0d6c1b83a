"""The live page is one file that allows nothing but itself."""

import base64
import hashlib
import re

from paripassu.report.live import write_live_page


def test_the_policy_names_every_script_and_style(tmp_path):
    html = write_live_page(tmp_path / "new" / "live.html").read_text(encoding="utf-8")
    parts = re.findall(r"<(?:script|style)[^>]*>(.*?)</(?:script|style)>", html, re.DOTALL)
    assert len(parts) == 4
    digests = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in parts]
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', html)
    assert set(re.findall(r"'sha256-(.*?)'", policy)) == set(digests)


def test_the_page_refers_to_nothing_outside_of_itself(tmp_path):
    html = write_live_page(tmp_path / "live.html").read_text(encoding="utf-8")
    assert not re.findall(r"https?:|\bsrc=|@import|url\((?!data:)", html)
