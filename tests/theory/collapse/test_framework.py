"""The framework's laws sum to one, and what it cannot be is refused."""

import numpy as np
import pytest

from paripassu.theory import Framework


@pytest.mark.parametrize(
    "framework",
    [
        Framework(),
        Framework(law="coefficients", gamma=0.3),
        Framework(modes=4, weights=(0.1, 0.2, 0.3, 0.4)),
        Framework(p_pair=0.0),
        Framework(p_pair=1.0),
        Framework(n_generator=1, p_pair=0.0),
    ],
    ids=str,
)
def test_probabilities_sum_to_one(framework):
    for _, rates in (framework.data(), framework.latents()):
        assert rates.sum() == pytest.approx(1.0, abs=1e-12)
        assert (rates > 0).all() or framework.gamma == 0


def test_modes_have_unit_length_and_their_inner_product():
    coordinates = Framework(modes=3, gamma=0.25).mode_coordinates()
    gram = coordinates @ coordinates.T
    assert gram == pytest.approx(np.where(np.eye(3) > 0, 1.0, 0.25))
    assert Framework(law="coefficients", gamma=0.4).mode_coordinates() == pytest.approx(np.eye(2))


def test_coefficients_put_gamma_on_the_sum():
    points, rates = Framework(law="coefficients", gamma=0.3).data()
    assert points[2] == pytest.approx(points[0] + points[1])
    assert rates == pytest.approx([0.35, 0.35, 0.3])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"d": 19}, "at least .* 20"),
        ({"gamma": 1.0}, "gamma"),
        ({"gamma": -0.1}, "gamma"),
        ({"gamma": float("nan")}, "gamma"),
        ({"n_discriminator": 0}, "n_discriminator"),
        ({"n_generator": 0}, "n_generator"),
        ({"modes": 0}, "modes"),
        ({"p_pair": 1.5}, "p_pair"),
        ({"n_generator": 1}, "p_pair"),
        ({"law": "both"}, "law"),
        ({"law": "coefficients", "modes": 3}, "two"),
        ({"weights": (0.5, 0.6)}, "weights"),
        ({"weights": (1.0,)}, "weights"),
        ({"a": float("inf")}, "finite"),
    ],
)
def test_impossible_frameworks_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Framework(**wrong)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"d": 100.5}, "d must be a whole number, got 100.5"),
        ({"d": "100"}, "d must be a whole number, got '100'"),
        ({"d": float("nan")}, "d must be a whole number, got nan"),
        ({"n_generator": 8.5}, "n_generator must be a whole number, got 8.5"),
        ({"n_discriminator": True}, "n_discriminator must be a whole number, got True"),
        ({"modes": 2.5}, "modes must be a whole number, got 2.5"),
        ({"gamma": "0.1"}, "gamma must be a number, got the text '0.1'"),
        ({"a": None}, "a must be a number, got None"),
    ],
)
def test_sizes_are_whole_and_numbers_are_numbers(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        Framework(**settings)


def test_a_size_may_be_written_as_a_float():
    framework = Framework(d=1e5, modes=3.0)
    assert framework == Framework(d=100_000, modes=3)
    assert (type(framework.d), type(framework.modes)) == (int, int)
