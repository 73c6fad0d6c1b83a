"""What a browser did with a page: what it complained of and what it asked for."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # not every environment has Selenium, and pytest imports this in all of them
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

SECONDS = 30
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}


def named(browser: "Chrome", name: str) -> "WebElement":
    """The element with this id."""
    return browser.find_element("id", name)


def empty_logs(browser: "Chrome") -> None:
    for log in ("browser", "performance"):
        browser.get_log(log)


def complaints(browser: "Chrome") -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] != "INFO"]


def requests_elsewhere(browser: "Chrome") -> list[str]:
    """Addresses that are no file here; there must have been requests at all."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert sent
    return [url for url in sent if not url.startswith(("file:", "data:", "blob:"))]


@contextmanager
def on_a_phone(browser: "Chrome") -> Generator[None]:
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
