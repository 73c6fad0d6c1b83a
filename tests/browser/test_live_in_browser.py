"""The live page plays the framework's own game, and a person can steer it."""

import numpy as np
import pytest

pytest.importorskip("selenium")

from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from tests.browser.watching import PHONE, complaints, named, on_a_phone, requests_elsewhere

from paripassu.report.live import write_live_page
from paripassu.theory import Framework, simulate
from paripassu.theory.collapse.reduction import draw_start, reduce_start

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return write_live_page(tmp_path_factory.mktemp("live") / "live.html").as_uri()


_PLAYED = """
const [settings, W, V, steps] = arguments, game = new Game(settings, { W, V });
for (let n = 0; n < steps; n++) game.step();
const { mass, average } = game.see();
game.step();
return [Array.from(game.W), Array.from(game.V), [...mass, average], game.pace()];
"""


@pytest.mark.parametrize("method", ["nsgda", "sgda"])
@pytest.mark.parametrize(
    ("momentum", "decay", "gamma", "pairs"),
    [(0.0, "constant", 0.1, 0.05), (0.5, "linear", 0.3, 0.0), (0.0, "cosine", 0.0, 1.0)],
)
def test_the_page_plays_as_simulate_does(opened, method, momentum, decay, gamma, pairs):
    d, steps = 100, 60
    framework = Framework(d=d, gamma=gamma, n_discriminator=5, n_generator=4, p_pair=pairs)
    rng = np.random.default_rng(0)
    # Larger than the usual start, so that SGDA moves and the cubic's bend is passed.
    W, V = rng.standard_normal((5, d)) / 2, rng.standard_normal((4, d)) / 2
    lr = {"lr_d": 0.1, "lr_g": 0.03}
    done = simulate(
        framework, method, **lr, steps=steps + 1, momentum=momentum, decay=decay, start=([W], [V]),
        record=np.arange(steps + 2),
    )  # fmt: skip
    reduced = reduce_start(framework, W, V)
    settings = {
        "d": d, "gamma": gamma, "neuronsD": 5, "neuronsG": 4, "pairs": pairs, "method": method,
        "lrD": lr["lr_d"], "lrG": lr["lr_g"], "momentum": momentum, "decay": decay, "steps": steps + 1,
    }  # fmt: skip
    starts = [[float(x) for x in weights.ravel()] for weights in reduced]
    W_end, V_end, masses, pace = opened().execute_script(_PLAYED, settings, *starts, steps)
    assert np.abs(done.W[0] - reduced[0]).max() > 0.1
    np.testing.assert_allclose(W_end, done.W[0].ravel(), atol=1e-9)
    np.testing.assert_allclose(V_end, done.V[0].ravel(), atol=1e-9)
    np.testing.assert_allclose(masses, [*done.mass[0, -2], done.average_mass[0, -2]], atol=1e-12)
    assert pace["d"] * np.linalg.norm(W_end) == pytest.approx(done.pace_d[0, -2] * done.norm_w[0, -2])


def test_starts_have_the_frameworks_law(opened):
    framework = Framework(d=100)
    script = """
    const draws = [];
    for (let seed = 0; seed < 400; seed++) {
      const { W, V } = drawStart({ d: 100, neuronsD: 10, neuronsG: 8 }, seed);
      draws.push([...W, ...V]);
    }
    return draws;
    """
    drawn = np.array(opened().execute_script(script)).reshape(400, 18, framework.k)
    ours = np.array([np.vstack(draw_start(framework, seed)) for seed in range(400)])
    scale = np.r_[np.full(10, 10.0), np.full(8, 100.0)][:, None]
    for statistic in (lambda x: (x**2).sum(2).mean(0), lambda x: (x**2).sum(2).std(0)):
        theirs, expected = (statistic(x * scale) for x in (drawn, ours))
        np.testing.assert_allclose(theirs, expected, rtol=0.25)
    assert np.abs((drawn * scale).mean(0)[:, :2]).max() < 0.2
    products = np.einsum("nic,njc->nij", drawn * scale, drawn * scale)
    off = products[:, ~np.eye(18, dtype=bool)]
    assert abs(off.mean()) < 0.2
    assert off.std() == pytest.approx(10, rel=0.05)


def test_the_diagram_fills_without_a_complaint_or_request(opened):
    browser = opened("steps=100&neuronsG=2&neuronsD=2")
    diagram = named(browser, "phase")
    WebDriverWait(browser, 120).until(lambda _: diagram.get_attribute("data-done") == "24")
    assert "% of the cells" in named(browser, "phase-readout").text
    named(browser, "phase-choice").find_elements(By.TAG_NAME, "button")[1].click()
    WebDriverWait(browser, 120).until(lambda _: diagram.get_attribute("data-done") == "24")
    assert complaints(browser) == []
    assert requests_elsewhere(browser) == []


def test_a_run_plays_to_its_end_and_says_what_it_found(opened):
    browser = opened("steps=300")
    ActionChains(browser).send_keys(" ").perform()
    WebDriverWait(browser, 60).until(lambda _: named(browser, "play").text == "Play again")
    nsgda, sgda = (state.text for state in browser.find_elements(By.CSS_SELECTOR, ".state"))
    assert nsgda.startswith("Step 300: one mode of two is found.")
    assert sgda == "Step 300: no mode is found."
    named(browser, "set-method").send_keys("SGDA")
    assert [h.text for h in browser.find_elements(By.CSS_SELECTOR, ".game h3")] == ["SGDA"]
    assert not named(browser, "set-lrD").is_displayed()


def test_the_address_holds_the_settings_and_bad_ones_arenamed(opened):
    browser = opened("d=1e99&gamma=0.3&lrD=abc&x=1&decay=never&seed=7.4")
    notice = named(browser, "notice").text
    for said in (
        "Dimension d: 1e99 is out of range",
        '"abc" is no value',
        'no setting "x"',
        '"never"',
        "7.4",
    ):
        assert said in notice
    browser.execute_script(
        "const s = document.getElementById('set-momentum'); s.value = .5; s.dispatchEvent(new Event('input'))"
    )
    assert browser.current_url.partition("#")[2] == "d=1000000000&gamma=0.3&momentum=0.5&seed=7"
    assert named(browser, "notice").text == ""


def test_a_cell_is_played_by_the_keyboard(opened):
    browser = opened("steps=100")
    browser.execute_script("document.getElementById('phase').focus()")
    ActionChains(browser).send_keys(Keys.ARROW_UP, Keys.ARROW_RIGHT, Keys.ENTER).perform()
    address = browser.current_url.partition("#")[2]
    assert "lrD=0.18" in address
    assert "lrG=0.018" in address


def test_a_phone_scrolls_the_live_page_one_way_only(opened):
    browser = opened()
    with on_a_phone(browser):
        browser.refresh()
        assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_phone_shows_both_methods_beside_each_other(opened):
    browser = opened()
    with on_a_phone(browser):
        browser.refresh()
        one, other = (plane.rect for plane in browser.find_elements(By.CSS_SELECTOR, ".plane"))
        assert one["y"] == other["y"]
        assert one["x"] + one["width"] <= other["x"]
        assert other["x"] + other["width"] <= PHONE["width"]


def test_a_page_around_the_live_page_needs_no_second_title(browser, page, tmp_path):
    around = tmp_path / "around.html"
    around.write_text(f'<iframe src="{page}" title="live"></iframe>')
    browser.get(around.as_uri())
    browser.switch_to.frame(0)
    try:
        assert not browser.find_element(By.TAG_NAME, "h1").is_displayed()
        assert browser.find_element(By.ID, "play").is_displayed()
    finally:
        browser.switch_to.default_content()
