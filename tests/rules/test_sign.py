"""Sign descent: Adam's limit, and a normalised magnitude on another direction."""

import torch

from paripassu.rules import SGD, Adam, Normalize, Sign


def _gradients(count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(3, 4, generator=generator, dtype=torch.float64) for _ in range(count)]


def test_sign_descent_is_adam_without_memory():
    limit, sign = Adam((0.0, 0.0), 1e-300), Sign()
    for gradient in _gradients(3):
        (update,), _ = sign.update([gradient], [{}], [gradient])
        torch.testing.assert_close(update, limit.update([gradient], [limit.init(gradient)], [gradient])[0][0])


def test_over_momentum_it_is_the_buffers_sign():
    buffer, state = torch.zeros(3, 4, dtype=torch.float64), Sign(SGD(0.9)).init(torch.zeros(3, 4).double())
    for gradient in _gradients(5):
        buffer = 0.9 * buffer + gradient
        (update,), (state,) = Sign(SGD(0.9)).update([gradient], [state], [gradient])
        assert torch.equal(update, buffer.sign())


def test_its_magnitude_is_that_of_a_unit_rms():
    (gradient,) = _gradients(1)
    (sign,), _ = Sign().update([gradient], [{}], [gradient])
    (unit,), _ = Normalize(unit="rms").update([gradient], [{}], [gradient])
    torch.testing.assert_close(sign.norm(), unit.norm())


def test_numbers_that_are_not_finite_have_no_sign():
    gradient = torch.tensor([torch.nan, torch.inf, -torch.inf, 2.0, 0.0])
    (update,), _ = Sign().update([gradient], [{}], [gradient])
    assert update[:3].isnan().all()
    assert update[3:].tolist() == [1.0, 0.0]
