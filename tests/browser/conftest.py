"""A headless Chromium without a network.

``make test-browser`` runs these tests; they need Debian's ``chromium`` and ``chromium-driver``.
"""

import shutil

import pytest
from tests.browser.watching import empty_logs


@pytest.fixture(scope="session")
def browser():
    selenium = pytest.importorskip("selenium.webdriver")
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert None not in (binary, driver), "install Debian's chromium and chromium-driver, then run this again"
    options = selenium.ChromeOptions()
    options.binary_location = binary
    # Without a sandbox, for containers run as root; with no name resolved, so that nothing can be fetched.
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--window-size=1280,1000",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = selenium.Chrome(options, selenium.ChromeService(driver))
    chrome.set_page_load_timeout(120)
    yield chrome
    chrome.quit()


@pytest.fixture
def opened(browser, page):
    """Open the module's live page with settings, and no other page's state."""

    def opened(settings=""):
        browser.get("about:blank")
        empty_logs(browser)
        browser.get(f"{page}#{settings}")
        return browser

    return opened
