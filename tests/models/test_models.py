"""Every architecture on every shape it makes."""

import pytest
import torch

from paripassu.models import DCGAN, MLP, SNGAN, StyleGAN2, WganGPResNet

CASES = [
    (MLP(), (2,)),
    (MLP(latent=5, width=7, depth=1), (1, 8, 8)),
    *[
        (DCGAN(width=4, latent=6, norm=norm), (c, r, r))
        for norm in ("batch", "none")
        for c, r in ((1, 8), (3, 32))
    ],
    *[(DCGAN(width=2, latent=6), (3, r, r)) for r in (16, 64)],
    (WganGPResNet(latent=6, width=3), (3, 32, 32)),
    *[(SNGAN(latent=6, width=1), (c, r, r)) for c, r in ((1, 32), (3, 48), (3, 64), (3, 128))],
    *[(StyleGAN2(latent=5, width=4, mapping_depth=2), (c, r, r)) for c, r in ((1, 8), (3, 64))],
    (StyleGAN2(latent=5, width=4, mapping_depth=2, deviation_group=3, residual=False), (3, 32, 32)),
]


@pytest.mark.parametrize(("model", "shape"), CASES, ids=str)
def test_shapes_and_gradients(model, shape):
    pair = model.build(shape)
    latents = torch.randn(4, model.latent)
    samples = pair.generator(latents)
    logits = pair.discriminator(samples)
    assert samples.shape == (4, *shape)
    assert logits.shape == (4,)
    if len(shape) == 3 and not isinstance(model, StyleGAN2):  # whose images end in no tanh
        assert samples.abs().max() <= 1
    logits.square().sum().backward()
    for network in pair:
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name


@pytest.mark.parametrize(("model", "shape"), CASES, ids=str)
def test_seed_decides_the_weights(model, shape):
    built = []
    for _ in range(2):
        torch.manual_seed(3)
        built.append(model.build(shape).generator.state_dict())
    assert all(torch.equal(built[0][key], built[1][key]) for key in built[0])


def test_dcgan_64_has_the_parameters_of_the_pytorch_example():
    """pytorch/examples, dcgan, nz 100, ngf = ndf 64, 3 channels."""
    generator, discriminator = DCGAN().build((3, 64, 64))
    assert sum(p.numel() for p in generator.parameters()) == 3_576_704
    assert sum(p.numel() for p in discriminator.parameters()) == 2_765_568


def test_dcgan_starts_from_its_normal_weights():
    weights = DCGAN().build((3, 32, 32)).discriminator[0].weight
    assert weights.std().item() == pytest.approx(0.02, rel=0.05)


def test_without_batch_norm_samples_do_not_mix():
    discriminator = DCGAN(width=4, norm="none").build((1, 8, 8)).discriminator
    images = torch.randn(3, 1, 8, 8)
    torch.testing.assert_close(discriminator(images)[:1], discriminator(images[:1]))


@pytest.mark.parametrize(
    ("model", "wrong", "right"),
    [
        *[(DCGAN(), shape, "8, 16, 32 or 64 px") for shape in ((3, 12, 12), (3, 128, 128), (3, 8, 16))],
        (WganGPResNet(), (3, 64, 64), "images of 32 px"),
        (SNGAN(), (3, 96, 96), "32, 48, 64 or 128 px"),
        (StyleGAN2(), (3, 48, 48), "8, 16, 32, 64, 128, 256, 512 or 1024 px"),
    ],
    ids=str,
)
def test_resolutions_that_are_made_are_listed(model, wrong, right):
    with pytest.raises(ValueError, match=right):
        model.build(wrong)


@pytest.mark.parametrize("model", [DCGAN(), WganGPResNet(), SNGAN(), StyleGAN2()], ids=str)
def test_image_models_make_no_points(model):
    with pytest.raises(ValueError, match="mlp"):
        model.build((2,))


@pytest.mark.parametrize(
    "wrong", [{"latent": 0}, {"width": 0}, {"width": 8.5}, {"latent": "8"}, {"width": True}]
)
@pytest.mark.parametrize("model", [MLP, DCGAN, WganGPResNet, SNGAN, StyleGAN2])
def test_sizes_that_are_no_whole_number_or_below_one_are_refused(model, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        model(**wrong)


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (MLP, {"depth": 0}),
        (DCGAN, {"norm": "layer"}),
        (StyleGAN2, {"mapping_depth": 0}),
        (StyleGAN2, {"fmaps": 0.0}),
        (StyleGAN2, {"fmaps": float("inf")}),
        (StyleGAN2, {"mixing": 1.1}),
    ],
)
def test_settings_out_of_range_are_refused(model, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        model(**wrong)
