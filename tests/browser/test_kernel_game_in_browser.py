"""The live page plays the kernel game as `play` does, and says of it what the eigenvalues say."""

import numpy as np
import pytest

pytest.importorskip("selenium")

from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from tests.browser.watching import PHONE, complaints, named, on_a_phone, requests_elsewhere
from tests.cases.remembering import Remembering

from paripassu.report.live import write_live_page
from paripassu.rules import SGD, Normalize, Optimistic
from paripassu.theory import KernelGame, jacobian, play, predicted_phases, spectral_radius

pytestmark = pytest.mark.browser

UPDATES = ["simultaneous", "alternating"]
GAME = KernelGame(masses=(0.7,), generated=(0.7,), width=1.3, regularization=0.8)
SETTINGS = {"mass": 0.7, "width": 1.3, "regularization": 0.8, "method": "gradient", "momentum": 0.0}
STEPS, OFFSET = 60, 0.6

_PLAYED = """
const [settings, offset, steps] = arguments, game = new KernelGame(settings, offset), seen = [];
for (let n = 0; n < steps; n++) {
  const { offset, slope, value } = game.see();
  seen.push([offset, slope, value]);
  game.step();
}
return [seen, Array.from(game.f), game.x];
"""

METHODS = {
    "gradient": (SGD(), {}),
    "momentum": (SGD(0.6), {"momentum": 0.6}),
    "negative momentum": (Remembering(1, -0.5, -0.5), {"momentum": -0.5}),
    "nSGDA": (Normalize(), {"method": "nsgda"}),
    "nSGDA with momentum": (Normalize(SGD(0.4)), {"method": "nsgda", "momentum": 0.4}),
    "optimistic": (Optimistic(), {"method": "optimistic"}),
}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return write_live_page(tmp_path_factory.mktemp("live") / "kernel.html", "kernel").as_uri()


@pytest.mark.parametrize("updates", UPDATES)
@pytest.mark.parametrize("name", METHODS)
def test_the_page_plays_as_play_does(opened, name, updates):
    rule, own = METHODS[name]
    start = {"discriminator": [np.zeros((1, 1, 32))], "generator": [np.full((1, 1, 1), OFFSET * 1.3)]}
    paths = play(
        GAME, rule, {"discriminator": 0.2, "generator": 0.3}, STEPS, [0], updates=updates,
        record=range(STEPS + 1), start=start,
    )  # fmt: skip
    settings = SETTINGS | {"lrD": 0.2, "lrG": 0.3, "updates": updates} | own
    seen, f, x = opened().execute_script(_PLAYED, settings, OFFSET, STEPS)
    offsets, slopes = (paths.observed[name][0, :STEPS].ravel() for name in ("offset", "slope"))
    assert np.ptp(offsets) > 0.05
    np.testing.assert_allclose(np.array(seen)[:, :2], np.column_stack([offsets, slopes]), atol=1e-9)
    last_f, last_x = (paths.weights[player][0] for player in GAME.players)
    np.testing.assert_allclose(f, last_f.ravel(), atol=1e-9)
    assert x == pytest.approx(last_x.item(), abs=1e-9)


def test_extragradient_steps_and_the_value_are_the_games(opened):
    (f,), (x,) = (GAME.starts([0])[0][player] for player in GAME.players)
    x, lr = x * 0 + OFFSET * 1.3, {"discriminator": 0.2, "generator": 0.3}

    def moved(at):
        gradients = GAME.gradients({p: (w[0],) for p, w in at.items()}, {}, GAME.players)
        return {p: w - lr[p] * gradients[p][0] for p, w in {"discriminator": f, "generator": x}.items()}

    values = []
    for _ in range(20):
        values.append(float(GAME.losses({"discriminator": (f[0],), "generator": (x[0],)}, {})["generator"]))
        f, x = moved(moved({"discriminator": f, "generator": x})).values()
    settings = SETTINGS | {"lrD": 0.2, "lrG": 0.3, "updates": "simultaneous", "method": "extragradient"}
    seen, theirs, at = opened().execute_script(_PLAYED, settings, OFFSET, 20)
    np.testing.assert_allclose(theirs, f.numpy().ravel(), atol=1e-9)
    assert at == pytest.approx(x.item(), abs=1e-9)
    np.testing.assert_allclose([value for *_, value in seen], values, atol=1e-9)


def test_the_radii_are_those_of_the_jacobian(opened):
    rng = np.random.default_rng(0)
    cases, ours = [], []
    for method in ("gradient", "momentum", "optimistic", "extragradient"):
        for updates in UPDATES if method != "extragradient" else UPDATES[:1]:
            for _ in range(15):
                mass, width, lr_d, lr_g = np.exp(rng.uniform(-2, 1, 4))
                weight, momentum = rng.uniform(0, 2), rng.uniform(-0.9, 0.9) if method == "momentum" else 0.0
                game = KernelGame(masses=(mass,), generated=(mass,), width=width, regularization=weight)
                matrix = jacobian(game, lr_d, lr_g, updates=updates, method=method, momentum=momentum)
                ours.append(float(spectral_radius(matrix)))
                cases.append(
                    {"mass": mass, "width": width, "regularization": weight, "lrD": lr_d, "lrG": lr_g}
                    | {"momentum": momentum, "updates": updates}
                    | {"method": "gradient" if method == "momentum" else method}
                )  # fmt: skip
    theirs = opened().execute_script("return arguments[0].map((s) => radiusOf(eigenvalues(s)))", cases)
    np.testing.assert_allclose(theirs, ours, rtol=1e-9)


@pytest.mark.parametrize("updates", UPDATES)
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_cells_are_the_predicted_phases(opened, updates, momentum):
    lr_d, lr_g = np.meshgrid(np.geomspace(0.013, 9, 12), np.geomspace(0.013, 90, 12))
    ours, _ = predicted_phases(GAME, lr_d, lr_g, SGD(momentum), updates=updates)
    script = """
    const [settings, lrD, lrG] = arguments;
    const phase = (d, g) => phaseOf(eigenvalues({ ...settings, lrD: d, lrG: g }));
    return lrD.map((row, n) => row.map((d, m) => phase(d, lrG[n][m])));
    """
    settings = SETTINGS | {"updates": updates, "momentum": momentum}
    theirs = opened().execute_script(script, settings, lr_d.tolist(), lr_g.tolist())
    assert len(np.unique(ours)) == 3
    assert theirs == ours.tolist()


def test_a_circle_of_constant_size_never_comes_to_rest(opened):
    rates = np.geomspace(0.013, 0.9, 30).tolist()
    script = """
    const [settings, rates] = arguments;
    return rates.map((d) => rates.map((g) => phaseOf(eigenvalues({ ...settings, lrD: d, lrG: g }))));
    """
    settings = SETTINGS | {"updates": "alternating", "regularization": 0.0}
    cells = opened().execute_script(script, settings, rates)
    assert {cell for row in cells for cell in row} == {"leaves"}


def test_examples_do_what_their_names_say(opened):
    browser, seen = opened(), {}
    for button in browser.find_elements(By.CSS_SELECTOR, "#presets button"):
        button.click()
        assert named(browser, "story").text
        seen[button.text] = browser.find_element(By.CSS_SELECTOR, ".chip.outcome").text
    assert seen == {
        "Stable": "converges", "Oscillates": "oscillates", "Leaves": "leaves",
        "Alternating cures it": "oscillates", "Momentum below zero": "oscillates",
        "Normalised steps never rest": "circles",
    }  # fmt: skip


@pytest.mark.parametrize("method", ["gradient", "nsgda"])
def test_diagrams_fill_without_a_complaint_or_request(opened, method):
    browser = opened(f"method={method}&steps=50")
    diagram = named(browser, "phase")
    WebDriverWait(browser, 120).until(lambda _: diagram.get_attribute("data-done") == "32")
    ActionChains(browser).send_keys(" ").perform()
    WebDriverWait(browser, 60).until(lambda _: named(browser, "play").text == "Play again")
    assert browser.find_element(By.CSS_SELECTOR, ".state").text.startswith("Step 50: ")
    assert named(browser, "radii").is_displayed() == (method == "nsgda")
    assert complaints(browser) == []
    assert requests_elsewhere(browser) == []


def test_a_pair_of_rates_is_dragged_or_played_by_keys(opened):
    browser = opened("steps=50")
    diagram = named(browser, "phase")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", diagram)
    rates = []
    for move in ((-90, 40), (80, -60)):
        ActionChains(browser).move_to_element(diagram).click_and_hold().move_by_offset(
            *move
        ).release().perform()
        rates.append(browser.current_url.partition("#")[2])
    assert rates[0] != rates[1]
    assert all("lrD=" in each and "lrG=" in each for each in rates)
    diagram.send_keys(Keys.ARROW_UP, Keys.ARROW_RIGHT, Keys.ENTER)
    assert browser.current_url.partition("#")[2] not in rates


def test_bad_settings_are_clamped_or_named(opened):
    browser = opened("lrD=1e9&momentum=-3&updates=never&toString=1&method=extragradient")
    notice = named(browser, "notice").text
    for said in ("1e9 is out of range, so it is 10", "-3 is out of range", '"never" is no value'):
        assert said in notice
    assert 'no setting "toString"' in notice
    assert not named(browser, "set-momentum").is_displayed()
    named(browser, "set-updates").send_keys("discriminator")
    assert named(browser, "notice").text.startswith("Extragradient steps are of both players at once")
    assert "updates" not in browser.current_url
    assert "side" not in browser.current_url, "the n of a typed word is no command"


def test_a_phone_scrolls_the_kernel_game_one_way_only(opened):
    browser = opened("method=nsgda")
    with on_a_phone(browser):
        browser.refresh()
        assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE["width"]
