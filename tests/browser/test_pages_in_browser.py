"""Pages as a reader meets them: opened from disk in headless Chromium, without a network."""

from contextlib import nullcontext
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("selenium")

from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from tests.browser.watching import PHONE, SECONDS, complaints, empty_logs, on_a_phone, requests_elsewhere
from tests.cases.folders import HOSTILE, WRITERS, run_folder

from paripassu.report import figures, heat_map
from paripassu.report.page import Figure, Graded, Page, Table
from paripassu.report.run import write_run_page

pytestmark = pytest.mark.browser

_HOSTILE_NAME = "<img src=x onerror=alert(1)>&\"'"


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    return {name: write(tmp_path_factory.mktemp(name) / "folder") for name, write in WRITERS.items()}


def _open(browser: Chrome, page: Path) -> None:
    empty_logs(browser)
    browser.get(page.resolve().as_uri())
    browser.execute_script("document.querySelectorAll('section > details').forEach(d => { d.open = true; })")
    drawn = "return [...document.querySelectorAll('.figure')].every(f => f.querySelector('.main-svg'))"
    WebDriverWait(browser, SECONDS).until(lambda b: b.execute_script(drawn))


@pytest.mark.parametrize("name", WRITERS)
def test_no_complaint_no_request_and_every_figure_drawn(browser, pages, name):
    _open(browser, pages[name])
    figures = browser.execute_script("""
        return [...document.querySelectorAll('.figure')].map(f => [
            f.getAttribute('aria-label'),
            f.querySelectorAll('.point, .heatmaplayer image, .js-line').length,
            [...f.querySelectorAll('.modebar-btn')].map(tool => tool.dataset.title)])
    """)
    assert bool(figures) == (name != "board")
    for title, marks, tools in figures:
        assert marks, title
        assert [tool for tool in tools if "hare" in tool] == []
    browser.execute_script("document.querySelectorAll('img').forEach(i => { i.loading = 'eager'; })")
    whole = "return [...document.images].every(i => i.complete && i.naturalWidth > 0)"
    WebDriverWait(browser, SECONDS).until(lambda b: b.execute_script(whole))
    assert complaints(browser) == []
    assert requests_elsewhere(browser) == []


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(browser, pages, name, scheme):
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    try:
        _open(browser, pages[name])
        paper, ink = browser.execute_script(
            "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]"
        )
        assert (sum(_rgb(paper)) < sum(_rgb(ink))) == (scheme == "dark")
        for text in browser.find_elements(By.CSS_SELECTOR, ".figure .xtitle, .figure .ytitle")[:2]:
            assert _rgb(text.value_of_css_property("fill")) == _rgb(ink)
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def _styles(browser: Chrome, selector: str, *names: str) -> list[list[str]]:
    """Text and computed styles of elements. One call for all, for each takes as long as a page's drawing."""
    script = """
        return [...document.querySelectorAll(arguments[0])].map(e => {
            const style = getComputedStyle(e);
            return [e.textContent, ...arguments[1].map(name => style.getPropertyValue(name))];
        })
    """
    return browser.execute_script(script, selector, names)


def _rgb(colour: str) -> list[int]:
    return [int(float(part)) for part in colour.partition("(")[2].rstrip(")").split(",")[:3]]


@pytest.mark.parametrize("name", WRITERS)
def test_a_phone_scrolls_a_page_one_way_only(browser, pages, name):
    with on_a_phone(browser):
        _open(browser, pages[name])
        assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE["width"]


def _overlap(a: dict[str, float], b: dict[str, float]) -> bool:
    apart = ("left", "right"), ("top", "bottom")
    return all(a[near] < b[far] - 0.5 and b[near] < a[far] - 0.5 for near, far in apart)


def _boxes(browser: Chrome, inside, selector: str) -> list[dict[str, float]]:
    script = "return [...arguments[0].querySelectorAll(arguments[1])].map(e => e.getBoundingClientRect())"
    return [box for box in browser.execute_script(script, inside, selector) if box["width"]]


def test_tools_on_a_phone_lie_over_nothing_and_captions_stay(browser, pages):
    with on_a_phone(browser):
        _open(browser, pages["study"])
        for figure in browser.find_elements(By.CSS_SELECTOR, "figure:has(> .figure)"):
            tools = _boxes(browser, figure, ".modebar-group")
            assert tools
            for box in _boxes(browser, figure, "h3, .legendtext, .plot"):
                assert not any(_overlap(box, tool) for tool in tools)
        for caption in browser.find_elements(By.CSS_SELECTOR, ".caption"):
            assert caption.rect["x"] + caption.rect["width"] <= PHONE["width"]
            assert caption.find_elements(By.XPATH, "ancestor::*[@class='scroll']") == []
        second = browser.find_element(By.CSS_SELECTOR, "table:has(.best) th:nth-child(2)")
        assert second.get_attribute("textContent") == "mode-overlap@50"


@pytest.mark.parametrize("screen", ["desktop", "phone", "phone that printed"])
def test_labels_of_logarithmic_axes_stand_apart(browser, tmp_path, screen):
    blocks = []
    for decades in (0.0, 0.3, 0.9, 1.5, 2.3, 4.0, 9.0, 30.0):
        ends = [3e-3, 3e-3 * 10**decades]
        rows = [("a", step, value, value, value) for step, value in zip(ends, ends, strict=True)]
        frame = pl.DataFrame(rows, schema=["arm", "step", "mean", "low", "high"], orient="row")
        figure = figures.curves(frame, ["a"], y="length of a step", log=True)
        figure["layout"]["xaxis"]["type"] = "log"
        blocks.append(Figure(figure, f"{decades:g} decades", "A caption."))
    page = Page("Scales", "", blocks, []).write(tmp_path)
    with nullcontext() if screen == "desktop" else on_a_phone(browser):
        _open(browser, page)
        if screen == "phone that printed":
            for event in ("beforeprint", "afterprint"):
                browser.execute_script(f"window.dispatchEvent(new Event('{event}'))")
        for figure in browser.find_elements(By.CSS_SELECTOR, ".figure"):
            for axis in "xy":
                labels = _boxes(browser, figure, f".{axis}tick text")
                titles = _boxes(browser, figure, f".{axis}title")
                name = f"{figure.get_attribute('aria-label')} along {axis}"
                assert len(labels) >= 2, name
                for number, label in enumerate(labels):
                    assert not any(_overlap(label, other) for other in labels[:number]), name
                    assert not any(_overlap(label, title) for title in titles), name


def test_paper_is_light_and_holds_figures_whole(browser, pages):
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    try:
        _open(browser, pages["study"])
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", **dark})
        browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
        paper = browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
        assert min(_rgb(paper)) > 240
        for selector, ink_of in ((".figure text", "fill"), ("main p, main th, main td", "color")):
            for text, ink, stroke in _styles(browser, selector, ink_of, "stroke"):
                assert max(_rgb(ink)) < 128, text
                assert stroke in ("none", ink), text
        assert {inside for _, inside in _styles(browser, "figure, tr, .verdict", "break-inside")} == {"avoid"}
        assert {after for _, after in _styles(browser, "h1, h2, h3, .caption", "break-after")} == {"avoid"}
        for drawn in browser.find_elements(By.CSS_SELECTOR, ".figure .main-svg:first-child"):
            assert (drawn.rect["width"], drawn.rect["height"] <= 800) == (680, True)
        browser.execute_script("window.dispatchEvent(new Event('afterprint'))")
        drawn = browser.find_element(By.CSS_SELECTOR, ".figure .main-svg")
        assert drawn.rect["width"] > 680
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def test_a_wide_table_is_whole_on_paper(browser, tmp_path):
    """A4 has 718 px between Chromium's margins; the dissection has eleven columns."""
    heads = ("rule", *(f"a phenomenon {n}" for n in range(10)))
    words = ("which half", *["undecided"] * 10)
    row = ("Adam's length", *[Graded("0.00123", "good", "0.1 [0, 1]")] * 10)
    page = Page("Wide", "", [Table(heads, [row, words])], []).write(tmp_path)
    size = {"width": 718, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        _open(browser, page)
        table = browser.find_element(By.CSS_SELECTOR, "table")
        assert table.rect["x"] + table.rect["width"] <= 718
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def _hover(browser: Chrome, mark) -> str:
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", mark)
    ActionChains(browser).move_to_element(mark).perform()
    texts = "return [...document.querySelectorAll('.hoverlayer text')].map(t => t.textContent).join(' ')"
    WebDriverWait(browser, SECONDS).until(lambda b: b.execute_script(texts))
    return browser.execute_script(texts)


def test_hovering_shows_values(browser, pages):
    _open(browser, pages["run"])
    curve = browser.find_element(
        By.CSS_SELECTOR, ".figure:not(:has(.heatmaplayer image)) .point:nth-child(2)"
    )
    assert "0.2500 at 5" in _hover(browser, curve)  # the metric is a twentieth of the step
    _open(browser, pages["run"])
    heat = browser.find_element(By.CSS_SELECTOR, ".heatmaplayer image")
    assert "layer 1, weight, step 5: 104" in _hover(browser, heat)


def _press(browser: Chrome, *keys: str) -> str:
    """What is read out once every key has been pressed."""
    for key in keys:
        ActionChains(browser).send_keys(key).perform()
    readout = "return document.activeElement.parentElement.querySelector('[role=status]')?.textContent"
    return browser.execute_script(readout)


def _focused(browser: Chrome) -> str | None:
    return browser.execute_script("return document.activeElement.getAttribute('aria-label')")


def test_a_curve_can_be_read_with_the_keyboard(browser, pages):
    _open(browser, pages["side by side"])
    browser.execute_script("document.documentElement.style.scrollBehavior = 'auto'")
    for _ in range(20):
        _press(browser, Keys.TAB)
        if _focused(browser) == "mode-overlap@50":
            break
    figure = browser.switch_to.active_element
    assert figure.get_attribute("aria-roledescription") == "figure"
    assert "Escape leaves" in _press(browser)
    first, second = (text.text for text in figure.find_elements(By.CSS_SELECTOR, ".legendtext"))
    position = browser.execute_script("return window.scrollY")
    # The metric is a twentieth of the step; steps are 0, 5, 10.
    assert _press(browser, Keys.ARROW_RIGHT) == f"{first}: 0.000 at 0"
    assert _press(browser, Keys.ARROW_RIGHT) == f"{first}: 0.2500 at 5"
    assert _press(browser, Keys.ARROW_DOWN) == f"{second}: 0.2500 at 5"
    assert "0.2500 at 5" in figure.find_element(By.CSS_SELECTOR, ".hoverlayer").text
    assert _press(browser, Keys.ARROW_DOWN, Keys.END, Keys.ARROW_RIGHT) == f"{second}: 0.5000 at 10"
    assert _press(browser, Keys.ARROW_UP, Keys.ARROW_LEFT) == f"{first}: 0.2500 at 5"
    assert _press(browser, Keys.HOME) == f"{first}: 0.000 at 0"
    assert browser.execute_script("return window.scrollY") == position
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    assert _focused(browser) != "mode-overlap@50"
    assert figure.find_elements(By.CSS_SELECTOR, ".hovertext") == []
    assert "".join(t.text for t in browser.find_elements(By.CSS_SELECTOR, "[role=status]")) == ""


def test_every_figure_of_every_page_has_points_to_read(browser, pages):
    for page in (pages[name] for name in WRITERS if name != "board"):
        _open(browser, page)
        for figure in browser.find_elements(By.CSS_SELECTOR, ".figure"):
            title = figure.get_attribute("aria-label")
            browser.execute_script("arguments[0].focus()", figure)
            readout = _press(browser, Keys.ARROW_RIGHT)
            assert readout, title
            assert "Escape" not in readout, title
            assert figure.find_elements(By.CSS_SELECTOR, ".hovertext"), title
        assert complaints(browser) == []


def test_a_heat_map_is_read_from_the_top_down(browser, tmp_path):
    rows = [
        ("arm", layer, step, value)
        for layer, base in (("top", 1.0), ("low", 3.0))
        for step, value in ((0, base), (5, base + 1))
    ]
    frame = pl.DataFrame(rows, schema=["arm", "layer", "step", "value"], orient="row")
    figure = Figure(heat_map.heat(frame, ["arm"], "value"), "A map", "")
    _open(browser, Page("Maps", "", [figure], []).write(tmp_path))
    browser.execute_script("document.querySelector('.figure').focus()")
    assert _press(browser, Keys.ARROW_RIGHT) == "top, step 0: 1.00"
    assert _press(browser, Keys.ARROW_RIGHT) == "top, step 5: 2.00"
    assert _press(browser, Keys.ARROW_DOWN) == "low, step 5: 4.00"
    assert _press(browser, Keys.ARROW_UP, Keys.ARROW_LEFT) == "top, step 0: 1.00"


def test_a_hostile_name_is_shown_as_text(browser, tmp_path):
    run_folder(tmp_path / _HOSTILE_NAME)
    _open(browser, write_run_page(tmp_path / _HOSTILE_NAME))
    assert browser.find_element(By.CSS_SELECTOR, "h1").text == _HOSTILE_NAME
    assert HOSTILE in browser.find_element(By.CSS_SELECTOR, "main").text
    assert browser.find_elements(By.CSS_SELECTOR, "[onerror]") == []
    assert complaints(browser) == []  # an alert would have stopped the script with an error


def test_a_hostile_arm_is_shown_as_text(browser, pages):
    _open(browser, pages["study"])
    legends = [text.text for text in browser.find_elements(By.CSS_SELECTOR, ".legendtext")]
    assert any("alert" in text for text in legends)
    assert browser.find_elements(By.CSS_SELECTOR, "[onerror], main script:not([data-figure])") == []


def test_the_board_leads_to_every_page(browser, pages):
    _open(browser, pages["board"])
    links = {link.get_attribute("href") for link in browser.find_elements(By.CSS_SELECTOR, "td a")}
    assert len(links) == 5
    for link in links:
        browser.get(link)
        assert "paripassu" in browser.title
        assert browser.find_elements(By.CSS_SELECTOR, "h1")
    assert complaints(browser) == []


def test_what_is_folded_is_drawn_when_it_opens(browser, pages):
    empty_logs(browser)
    browser.get(pages["study"].resolve().as_uri())
    fold = browser.find_element(By.CSS_SELECTOR, "section > details:has(.figure)")
    figure = fold.find_element(By.CSS_SELECTOR, ".figure")
    assert figure.find_elements(By.CSS_SELECTOR, ".main-svg") == []
    number = fold.find_element(By.XPATH, "..").get_attribute("id")
    browser.execute_script(f"location.hash = '{number}'")
    WebDriverWait(browser, SECONDS).until(lambda _: figure.find_elements(By.CSS_SELECTOR, ".main-svg"))
    (drawn, *_) = figure.find_elements(By.CSS_SELECTOR, ".main-svg")
    assert 300 < drawn.rect["width"] <= figure.rect["width"] + 1
    assert complaints(browser) == []


def _faint(browser: Chrome) -> list[list[str]]:
    """By figure that is drawn, the arms that are faint."""
    script = """
        return [...document.querySelectorAll('.figure.js-plotly-plot')].map(
            f => f.data.filter(t => t.opacity < 1).map(t => t.legendgroup || t.name))
    """
    return [sorted(set(names)) for names in browser.execute_script(script)]


def test_a_click_on_an_arm_leaves_it_alone_bright_in_every_figure(browser, pages):
    _open(browser, pages["side by side"])
    WebDriverWait(browser, SECONDS).until(lambda b: b.find_elements(By.CSS_SELECTOR, ".legendtext"))
    first, second = (text.text for text in browser.find_elements(By.CSS_SELECTOR, ".legendtext")[:2])
    toggle = browser.find_element(By.CSS_SELECTOR, ".legendtoggle")
    script = "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})"
    browser.execute_script(script, toggle)
    ActionChains(browser).move_to_element(toggle).click().perform()
    WebDriverWait(browser, SECONDS).until(lambda b: [second] in _faint(b))
    faint = _faint(browser)
    assert len(faint) > 2
    assert all(names == [second] for names in faint)
    ActionChains(browser).pause(1).move_to_element(toggle).click().perform()
    WebDriverWait(browser, SECONDS).until(lambda b: not any(_faint(b)))
    assert first != second


def test_a_phone_has_arms_in_one_row_and_tables_as_cards(browser, pages):
    with on_a_phone(browser):
        _open(browser, pages["study"])
        (legend, *_) = [row for row in browser.find_elements(By.CSS_SELECTOR, ".arms") if row.is_displayed()]
        one, other = legend.find_elements(By.TAG_NAME, "button")
        assert one.rect["y"] == other.rect["y"]
        assert "alert" in one.text
        assert browser.find_elements(By.CSS_SELECTOR, ".legendtext") == []
        browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", other)
        other.click()
        WebDriverWait(browser, SECONDS).until(lambda b: any(_faint(b)))
        assert other.get_attribute("aria-pressed") == "true"
        card = browser.find_element(By.CSS_SELECTOR, "table.cards tr:has(td)")
        assert card.rect["width"] <= PHONE["width"]
        label = card.find_element(By.TAG_NAME, "td").get_attribute("data-label")
        assert label == "mode-overlap@50"


def test_a_slider_goes_through_the_training(browser, pages):
    _open(browser, pages["run"])
    film = browser.find_element(By.CSS_SELECTOR, "figure.film")

    def seen() -> list[str]:
        return [span.text for span in film.find_elements(By.CSS_SELECTOR, "li span") if span.is_displayed()]

    assert seen() == ["real data", "step 10"]
    film.find_element(By.CSS_SELECTOR, "input").send_keys(Keys.ARROW_LEFT)
    assert seen() == ["real data", "step 5"]
    film.find_element(By.CSS_SELECTOR, "input").send_keys(Keys.HOME)
    assert seen() == ["real data", "step 0"]
    film.find_element(By.TAG_NAME, "button").click()
    WebDriverWait(browser, SECONDS).until(lambda _: seen() == ["real data", "step 10"])


def test_a_picture_is_enlarged_by_a_whole_number(browser, pages):
    _open(browser, pages["study"])
    browser.find_element(By.CSS_SELECTOR, ".strip a.picture").click()
    large = browser.find_element(By.CSS_SELECTOR, "dialog[open] img")
    assert large.rect["width"] % 4 == 0
    assert large.rect["width"] > 100
    browser.find_element(By.CSS_SELECTOR, "dialog[open] button").click()
    assert browser.find_elements(By.TAG_NAME, "dialog") == []


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_contents_lead_to_every_section(browser, pages, screen):
    with nullcontext() if screen == "desktop" else on_a_phone(browser):
        _open(browser, pages["study"])
        browser.find_element(By.CSS_SELECTOR, "nav summary").click()
        links = browser.find_elements(By.CSS_SELECTOR, "nav a")
        assert len(links) == len(browser.find_elements(By.CSS_SELECTOR, "main > section:not(#glossary)"))
        links[-1].click()
        browser.execute_script("document.documentElement.style.scrollBehavior = 'auto'")
        assert not browser.find_element(By.CSS_SELECTOR, "nav ol").is_displayed()
        assert browser.find_element(By.CSS_SELECTOR, "nav summary").is_displayed()
