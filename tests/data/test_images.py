import struct
import warnings
import zipfile
import zlib
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from paripassu.data import ImageFolder

CPU = torch.device("cpu")
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def noise(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def encoded(image, kind="PNG", **settings):
    buffer = BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def png(seed=0, *shape):
    return encoded(Image.fromarray(noise(seed, *(shape or (8, 8, 3)))))


def deep_png(colour_type, channels):
    """A 4 x 4 PNG of 16 bits per channel, which Pillow writes for grey alone."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + struct.pack(">H", 40_000) * 4 * channels) * 4
    header = struct.pack(">IIBBBBB", 4, 4, 16, colour_type, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def deep_tiff():
    """An 8 x 8 RGB TIFF of 16 bits per channel, which Pillow reads and does not write."""
    tags = [(256, 3, 1, 8), (257, 3, 1, 8), (258, 3, 3, 122), (259, 3, 1, 1), (262, 3, 1, 2)]
    tags += [(273, 4, 1, 128), (277, 3, 1, 3), (278, 3, 1, 8), (279, 4, 1, 384)]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    depths = struct.pack("<HHH", 16, 16, 16)
    return b"II*\0" + struct.pack("<I", 8) + directory + bytes(4) + depths + noise(0, 384).tobytes()


def animated(kind):
    first, *others = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN, BLUE)]
    return encoded(first, kind, save_all=True, append_images=others)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "photos"


@pytest.fixture
def written(folder):
    """Writes files, bytes by path, below the folder."""

    def write(files):
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        return folder

    return write


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def load(path, resolution=8, **settings):
    return ImageFolder(path, resolution, **settings).load(CPU)


def test_images_of_the_resolution_are_kept_to_the_byte_in_path_order(written):
    images = written({"b.png": png(0), "a/z.bmp": encoded(Image.fromarray(noise(1, 8, 8, 3)), "BMP")})
    loaded = load(images)
    expected = np.stack([noise(1, 8, 8, 3), noise(0, 8, 8, 3)]).transpose(0, 3, 1, 2)
    assert loaded.pixels.dtype == torch.uint8
    assert np.array_equal(loaded.pixels.numpy(), expected)
    assert loaded.shape == (3, 8, 8)
    assert loaded.skipped == ()


def test_a_zip_is_its_folder(written, tmp_path):
    files = {f"{c}/{i}.png": png(i, 12, 9, 3) for i, c in enumerate("cab")}
    archive = zipped(tmp_path / "photos.zip", dict(reversed(files.items())))
    assert torch.equal(load(archive).pixels, load(written(files)).pixels)
    assert ImageFolder(archive, 8).name == ImageFolder(str(written(files)), 8).name == "photos"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_every_format_is_read_whatever_its_suffix(written, kind):
    loaded = load(written({"image.jpg": encoded(Image.new("RGB", (16, 16), RED), kind)}))
    assert (loaded.pixels.permute(0, 2, 3, 1).int() - torch.tensor(RED)).abs().max() <= 3


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_deflate", "packbits"])
@pytest.mark.parametrize("shape", [(8, 8, 3), (8, 8)])
def test_a_tiff_of_8_bits_is_kept_to_the_byte(written, compression, shape):
    data = encoded(Image.fromarray(noise(0, *shape)), "TIFF", compression=compression)
    loaded = load(written({"a.tif": data}), channels=3 if len(shape) == 3 else 1)
    assert np.array_equal(loaded.pixels[0], np.atleast_3d(noise(0, *shape)).transpose(2, 0, 1))


def test_grey_stays_grey_and_is_spread_over_rgb(written):
    grey = noise(0, 8, 8)
    images = written({"a.png": encoded(Image.fromarray(grey))})
    assert np.array_equal(load(images, channels=1).pixels[0], grey[None])
    assert np.array_equal(load(images).pixels[0], np.stack([grey] * 3))


def test_colour_becomes_luma_in_one_channel(written):
    """ITU-R 601: 0.299 R + 0.587 G + 0.114 B."""
    images = written(
        {name: encoded(Image.new("RGB", (4, 4), c)) for name, c in (("1.png", RED), ("2.png", GREEN))}
    )
    assert load(images, 4, channels=1).pixels[:, 0, 0, 0].tolist() == [round(0.299 * 255), round(0.587 * 255)]


@pytest.mark.parametrize("size", [(24, 8), (8, 24)])
def test_the_central_square_is_kept(written, size):
    image = Image.new("RGB", size, RED)
    left, top = (size[0] - 8) // 2, (size[1] - 8) // 2
    image.paste(BLUE, (left, top, left + 8, top + 8))
    loaded = load(written({"a.png": encoded(image)}))
    assert np.array_equal(loaded.pixels[0], np.array(Image.new("RGB", (8, 8), BLUE)).transpose(2, 0, 1))


def test_resizing_averages_instead_of_picking(written):
    """A chequerboard of single pixels is even grey at a quarter of its size; sampling would keep stripes."""
    board = np.indices((32, 32)).sum(axis=0) % 2 * np.uint8(255)
    inner = load(written({"a.png": encoded(Image.fromarray(board.astype(np.uint8)))}), channels=1).pixels[
        ..., 1:-1, 1:-1
    ]
    assert (inner.int() - 127).abs().max() <= 2


@pytest.mark.parametrize("size", [128, 256, 512])
def test_large_jpegs_are_the_same_as_if_decoded_in_full(written, size):
    smooth = Image.fromarray(noise(0, 12, 12, 3)).resize((size, size), Image.Resampling.BICUBIC)
    data = encoded(smooth, "JPEG", quality=95)
    with Image.open(BytesIO(data)) as full:
        expected = np.array(full.resize((32, 32), Image.Resampling.LANCZOS)).transpose(2, 0, 1).astype(int)
    assert np.abs(load(written({"a.jpg": data}), 32).pixels[0].numpy() - expected).max() <= 3


def test_transparency_lies_on_white(written):
    half = Image.new("RGBA", (8, 8), (*RED, 0))
    half.paste((*BLUE, 255), (0, 0, 4, 8))
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    images = written({"a.png": encoded(half), "b.png": encoded(palette, transparency=bytes([255, 0]))})
    pixels = load(images).pixels
    assert pixels[0, :, 0, 0].tolist() == list(BLUE)
    assert pixels[0, :, 0, 7].tolist() == pixels[1, :, 0, 0].tolist() == [255, 255, 255]


def test_photos_are_turned_upright(written):
    image = Image.new("RGB", (8, 8), RED)
    image.paste(BLUE, (0, 0, 8, 4))  # blue above; EXIF 6: the top is to the right
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = load(written({"a.png": encoded(image, exif=exif)})).pixels
    assert pixels[0, :, 0, 7].tolist() == list(BLUE)
    assert pixels[0, :, 0, 0].tolist() == list(RED)


def test_damaged_exif_data_are_passed_over_in_silence(written):
    """Pillow warns of them, and warnings fail our tests."""
    data = encoded(Image.new("RGB", (8, 8), RED), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05junk")
    assert load(written({"a.jpg": data})).pixels[0, 0].min() >= 250


def test_a_camera_file_of_photo_and_preview_is_its_photo(written):
    photo, preview = Image.new("RGB", (16, 16), RED), Image.new("RGB", (16, 16), BLUE)
    data = encoded(photo, "MPO", save_all=True, append_images=[preview])
    assert load(written({"a.jpg": data})).pixels[0, 0].min() >= 250


def test_hidden_and_other_files_are_passed_over(written):
    others = {
        ".hidden.png": b"",
        "__MACOSX/._a.png": b"",
        ".cache/a.png": b"",
        "notes.txt": b"",
        "a.png.part": b"",
    }
    assert len(load(written({"a.png": png()} | others))) == 1


def test_progress_counts_every_image(written):
    calls = []
    source = ImageFolder(written({f"{i}.png": png(i) for i in range(5)}), 8)
    source.load(CPU, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i, 5) for i in range(1, 6)]


NONE_INSIDE = "no BMP, GIF, JPEG, PNG, TIFF or WebP inside"
BAD = {
    "empty": (b"", NONE_INSIDE),
    "text": (b"no image at all", NONE_INSIDE),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", NONE_INSIDE),
    "portable pixmap": (b"P6 1 1 255\n123", NONE_INSIDE),
    "truncated png": (png(0, 32, 32, 3)[:1000], "truncated"),
    "truncated jpeg": (encoded(Image.fromarray(noise(0, 64, 64, 3)), "JPEG")[:-400], "truncated"),
    "truncated gif": (encoded(Image.fromarray(noise(0, 32, 32)), "GIF")[:-200], "truncated"),
    "truncated webp": (encoded(Image.fromarray(noise(0, 32, 32, 3)), "WEBP")[:-100], "decoder"),
    "animated gif": (animated("GIF"), "animated"),
    "animated png": (animated("PNG"), "animated"),
    "animated webp": (animated("WEBP"), "animated"),
    "16-bit grey": (deep_png(0, 1), "16 bits per channel"),
    "16-bit rgb": (deep_png(2, 3), "16 bits per channel"),
    "cmyk": (encoded(Image.new("CMYK", (8, 8)), "JPEG"), "CMYK, not RGB or grey"),
    "16-bit grey tiff": (encoded(Image.fromarray(noise(0, 8, 8).astype(np.uint16)), "TIFF"), "16 bits per"),
    "16-bit rgb tiff": (deep_tiff(), "16 bits per channel"),
    "float tiff": (encoded(Image.new("F", (8, 8)), "TIFF"), "32 bits per channel"),
    "cmyk tiff": (encoded(Image.new("CMYK", (8, 8)), "TIFF"), "CMYK, not RGB or grey"),
    "pages of tiff": (animated("TIFF"), "several pages"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_image_is_named_with_the_reason_and_the_count(written, case):
    data, reason = BAD[case]
    images = written({"a.png": png(), "bad/1.png": data, "bad/2.png": data})
    message = (
        r"2 of 3 images in .*photos cannot be used, the first are "
        rf"bad/1.png \(.*{reason}.*\), bad/2.png \(.*{reason}.*\): mend them"
    )
    with pytest.raises(ValueError, match=message) as refused:
        load(images)
    assert "\n" not in str(refused.value)


def test_three_bad_images_are_named_and_all_counted(written):
    images = written({"good.png": png()} | {f"{i}.png": b"" for i in range(5)})
    named = ", ".join(rf"{i}\.png \({NONE_INSIDE}\)" for i in range(3))
    with pytest.raises(ValueError, match=rf"^5 of 6 images in .*, the first are {named}: mend them, remove"):
        load(images)


@pytest.mark.parametrize("suffix", ["avif", "HEIC", "jp2", "jxl", "ppm", "tiff", "gif", "bmp", "jfif"])
def test_images_that_cannot_be_read_are_not_passed_over_in_silence(written, suffix):
    images = written({"a.png": png(), f"b.{suffix}": b"another kind"})
    with pytest.raises(
        ValueError, match=rf"1 of 2 images .* the first is b.{suffix} \({NONE_INSIDE}\): mend"
    ):
        load(images)


def test_suspiciously_large_images_are_refused_not_warned_about(written, monkeypatch):
    """Pillow warns above its limit and raises above twice it; here 100 pixels, 12 x 12 and 20 x 20."""
    images = written({"a.png": png(), "b.png": png(0, 12, 12, 3), "c.png": png(0, 20, 20, 3)})
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loaded = load(images, on_bad_image="skip")
    assert caught == []
    assert [name.split(" ")[0] for name in loaded.skipped] == ["b.png", "c.png"]
    assert all("decompression bomb" in reason for reason in loaded.skipped)


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.png", "w") as member:
        for _ in range(360):
            member.write(bytes(1_000_000))
    with pytest.raises(ValueError, match=r"the first is a.png \(360,000,000 bytes, too large for an image\)"):
        load(bomb)


def test_skipping_keeps_the_good_images_in_order_and_reports_the_bad(written):
    images = written({"a.png": png(0), "b.png": b"", "c.png": png(2), "d.png": animated("GIF")})
    loaded = load(images, on_bad_image="skip")
    expected = np.stack([noise(0, 8, 8, 3), noise(2, 8, 8, 3)]).transpose(0, 3, 1, 2)
    assert np.array_equal(loaded.pixels, expected)
    assert loaded.skipped == (f"b.png ({NONE_INSIDE})", "d.png (animated)")


def test_classes_without_images_are_bad_too(written, tmp_path):
    """Those with bad images alone are told of by these."""
    others = {"notes/a.txt": b"", "owl/.DS_Store": b"", "owl/.1.png": png(), ".hidden/a.txt": b""}
    images = written({"cat/1.png": png(0), "dog/1.png": b"", "deep/er/2.png": png(1)} | others)
    for empty in ("bird", "deep/dark", ".hidden/fish"):
        (images / empty).mkdir(parents=True)
    loaded = load(images, on_bad_image="skip")
    assert len(loaded) == 2
    skipped = ["dog/1.png", "bird", "deep/dark", "notes", "owl"]
    assert [each.split(" (")[0] for each in loaded.skipped[:5]] == skipped
    assert {each.split(" (")[0] for each in loaded.skipped[5:]} == {
        ".hidden",
        "notes/a.txt",
        "owl/.1.png",
        "owl/.DS_Store",
    }
    (images / "dog/1.png").unlink()
    message = (
        r"5 folders in .*photos hold no images, the first are bird, deep/dark, dog: "
        r"fill them, remove them or skip them \(on_bad"
    )
    with pytest.raises(ValueError, match=message):
        load(images)
    for name in ("bird/", "bird/a.txt"):
        with pytest.raises(ValueError, match=r"1 folders in .*zip hold no images, the first is bird"):
            load(zipped(tmp_path / "a.zip", {"cat/1.png": png(0), name: b""}))


def test_skipping_all_is_refused_too(written):
    with pytest.raises(ValueError, match=r"2 of 2 images .* mend them$"):
        load(written({"a.png": b"", "b.png": b"x"}), on_bad_image="skip")


def test_damaged_members_and_passwords_of_a_zip_are_bad_images(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a.png": png(0), "b.png": png(1)})
    data = bytearray(archive.read_bytes())
    damaged = bytearray(data)
    damaged[60] ^= 1  # within a.png's stored bytes
    archive.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"1 of 2 images .* the first is a.png \(Bad CRC-32"):
        load(archive)
    data[6] |= 1  # a.png's flags, in its own header and in the directory
    data[data.find(b"PK\1\2") + 8] |= 1
    archive.write_bytes(data)
    with pytest.raises(ValueError, match=r"a.png \(.*encrypted"):
        load(archive)


def test_paths_that_are_no_collection_of_images_are_refused(folder, tmp_path, written):
    with pytest.raises(ValueError, match="photos does not exist: give a folder or zip"):
        load(folder)
    folder.mkdir()
    with pytest.raises(ValueError, match=r"photos holds no images: give a folder or zip of BMP, GIF, JPEG"):
        load(folder)
    with pytest.raises(ValueError, match="neither a folder nor an intact zip"):
        load(written({"a.png": png()}) / "a.png")
    broken = zipped(tmp_path / "b.zip", {"a.png": png()})
    broken.write_bytes(broken.read_bytes()[:-10])
    with pytest.raises(ValueError, match=r"b\.zip is neither a folder nor an intact zip"):
        load(broken)
    with pytest.raises(ValueError, match=r"c\.zip holds no images"):
        load(zipped(tmp_path / "c.zip", {"notes.txt": b""}))


@pytest.mark.parametrize("name", ["deep/set.zip", "set.npz", "train-images-idx3-ubyte.gz"])
def test_a_folder_without_images_names_what_could_be_given_instead(written, name):
    images = written({name: b"", "train-labels-idx1-ubyte.gz": b"", "notes.txt": b""})
    with pytest.raises(ValueError, match=rf"photos holds no images: give what is in it .* is {name}$"):
        load(images)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resolution": 0}, "resolution must be >= 1, got 0"),
        ({"resolution": 8.5}, r"resolution must be a whole number, got 8\.5"),
        ({"resolution": "8"}, "resolution must be a whole number, got '8'"),
        ({"channels": 2}, r"channels must be 1 \(grey\) or 3 \(RGB\), got 2"),
        ({"on_bad_image": "ignore"}, "on_bad_image must be 'refuse' or 'skip', got 'ignore'"),
    ],
)
def test_settings_out_of_range_are_refused(folder, settings, message):
    with pytest.raises(ValueError, match=message):
        ImageFolder(folder, **({"resolution": 8} | settings))
