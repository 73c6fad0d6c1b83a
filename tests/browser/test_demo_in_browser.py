"""The demo's page as a newcomer meets it, and the demo itself: its story must be what its runs show."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("selenium")

from selenium.webdriver.common.by import By
from tests.browser.watching import PHONE, complaints, empty_logs, on_a_phone, requests_elsewhere
from tests.cases.demo import make_tiny

from paripassu.__main__ import main
from paripassu.report.demo import write_demo_page
from paripassu.report.demo_story import modes_of, read_story

pytestmark = pytest.mark.browser

_PICTURE = Path(__file__).parents[2] / "docs" / "images" / "demo.png"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        make_tiny(patch)
        assert main(["demo", "--out", str(out), "--quiet", "--no-open"]) == 0
    return out


def _open(browser, page):
    empty_logs(browser)
    browser.get(page.resolve().as_uri())


def _all_is_well(browser):
    pictures = "return [...document.images].every(i => i.complete && i.naturalWidth > 0)"
    assert browser.execute_script(pictures)
    assert complaints(browser) == []
    assert requests_elsewhere(browser) == []


def test_the_demos_page_has_no_complaint_and_no_request(browser, folder):
    _open(browser, folder / "index.html")
    assert len(browser.find_elements(By.CSS_SELECTOR, "svg")) == 2 + 2
    _all_is_well(browser)


def test_a_demo_under_way_is_shown(browser, tmp_path):
    _open(browser, write_demo_page(tmp_path, "Act 1 of 3 is under way."))
    assert browser.find_element(By.CSS_SELECTOR, ".doing").text == "Act 1 of 3 is under way."
    _all_is_well(browser)


def test_a_phone_scrolls_the_demos_page_one_way_only(browser, folder):
    with on_a_phone(browser):
        _open(browser, folder / "index.html")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE["width"]
        for names in browser.find_elements(By.CSS_SELECTOR, "figure:has(> .chart) .names"):
            assert names.is_displayed()
            assert all(item.text for item in names.find_elements(By.TAG_NAME, "li"))
        for end in browser.find_elements(By.CSS_SELECTOR, ".chart circle"):  # ends of lines
            assert end.rect["x"] + end.rect["width"] <= PHONE["width"]
        one, other = (plane.rect for plane in browser.find_elements(By.CSS_SELECTOR, ".plane")[:2])
        assert one["y"] == other["y"]


@pytest.mark.timeout(1800)
def test_the_demo_shows_its_story_and_its_picture_is_in_the_docs(browser, tmp_path):
    """Takes as long as the demo."""
    command = [sys.executable, "-m", "paripassu", "demo", "--out", str(tmp_path / "demo"), "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    story = read_story(tmp_path / "demo")
    nsgda, sgda = story.framework.methods
    assert nsgda.ever >= 0.75 * nsgda.seeds
    assert sgda.ever == 0
    ends = {arm.slug: arm.last(story.digits.metric("fd-digits")) for arm in story.digits.arms}
    assert max(ends["adam-magnitude"], ends["nsgda-rms"]) < 1.5 * ends["adam"]
    assert min(ends["adam-direction"], ends["sgda"]) > 4 * ends["adam"]
    at_end = {arm.slug: modes_of(arm, story.doubled)[-1][1] for arm in story.doubled.arms}
    assert at_end["sgda"] < min(at_end["adam"], at_end["nsgda-rms"])
    _open(browser, tmp_path / "demo" / "index.html")
    browser.set_window_size(1280, 1000)
    section = browser.find_element(By.ID, "digits")
    browser.execute_script("arguments[0].scrollIntoView({behavior: 'instant'})", section)
    _PICTURE.write_bytes(section.screenshot_as_png)
    _all_is_well(browser)
