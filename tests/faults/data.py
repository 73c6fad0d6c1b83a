"""Files of images: loaded while they are damaged, and kept in a cache that is damaged."""

import gzip
import hashlib
import json
import os
import random
import shutil
import struct
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from tests.faults.child import Answer
from tests.faults.scenarios import files, leftovers
from tests.faults.trial import state_of
from tests.faults.vocabulary import Facts, Fault, Golden, Place, Scenario

_COUNT = 12
_SMALL, _LARGE = 8, 768  # the large ones take the room from which on images are kept in the cache
_NAMES = {
    "npz": "data.npz",
    "folder": "data",
    "zip": "data.zip",
    "parquet": "data.parquet",
    "idx": "data-idx3-ubyte",
    "idx.gz": "data-idx3-ubyte.gz",
    "cifar": "data",
}
_CACHE = "cache"


def write(kind: str, folder: Path) -> None:
    """A small file, or folder, of images of this kind."""
    import numpy as np
    from tests.cases.idx import idx

    (folder / ".kind").write_text(kind)
    rng = np.random.default_rng(0)
    # Few levels, so that what compresses does so.
    pixels = rng.integers(0, 8, (_COUNT, 3, 32, 32), np.uint8) * 32
    encoded = [_encoded(image, number) for number, image in enumerate(pixels)]
    if kind == "npz":
        np.savez_compressed(folder / "data.npz", images=pixels, labels=np.arange(_COUNT))
    elif kind == "folder":
        for number, (suffix, data) in enumerate(encoded):
            path = folder / "data" / f"class-{number % 2}" / f"{number:03d}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    elif kind == "zip":
        with zipfile.ZipFile(folder / "data.zip", "w") as archive:
            for number, (suffix, data) in enumerate(encoded):
                archive.writestr(f"{number:03d}.{suffix}", data)
    elif kind == "parquet":
        import polars as pl

        column = [
            {"bytes": data, "path": f"{number}.{suffix}"} for number, (suffix, data) in enumerate(encoded)
        ]
        pl.DataFrame({"image": column, "label": range(_COUNT)}).write_parquet(folder / "data.parquet")
    elif kind.startswith("idx"):
        grey = pixels[:, 0]
        data = idx(grey)
        data = gzip.compress(data, mtime=0) if kind.endswith("gz") else data
        (folder / _NAMES[kind]).write_bytes(data)
    else:
        (folder / "data").mkdir()
        for batch in (1, 2):
            rows = np.concatenate([np.zeros((_COUNT, 1), np.uint8), pixels.reshape(_COUNT, -1)], axis=1)
            (folder / "data" / f"data_batch_{batch}.bin").write_bytes(rows.tobytes())


def _encoded(image: object, number: int) -> tuple[str, bytes]:
    import numpy as np
    from PIL import Image

    suffix = ("png", "jpg", "webp", "bmp", "tif", "gif")[number % 6]
    stream = BytesIO()
    kind = {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper())
    Image.fromarray(np.asarray(image).transpose(1, 2, 0)).save(stream, kind)
    return suffix, stream.getvalue()


def _kind() -> str:
    """Which kind of data the folder has; one fault may hit this file, which is the laboratory's own."""
    with suppress(OSError):
        return Path(".kind").read_text()
    return Path(".kind").read_text()


def load(resolution: int, cache: str = _CACHE) -> int:
    """Load what is in the folder, and print how many images there are and what they are."""
    import torch

    from paripassu.data import Cifar, Idx, ImageFolder, Npz

    os.environ["PARIPASSU_CACHE"] = str(Path(cache).resolve())
    kind = _kind()
    path = Path(_NAMES[kind])
    source = {"npz": Npz, "idx": Idx, "idx.gz": Idx, "cifar": Cifar}.get(kind, ImageFolder)(path, resolution)
    try:
        images = source.load(torch.device("cpu"))
    except (ValueError, OSError, RuntimeError) as error:  # as the command line takes them
        print(f"paripassu: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError) else 1
    pixels = images.pixels.contiguous()
    actual = hashlib.sha256(str(list(pixels.shape)).encode())
    actual.update(pixels.numpy().data)
    print(
        json.dumps(
            {
                "images": len(images),
                "pixels": actual.hexdigest(),
                "digest": images.digest,
                "skipped": list(images.skipped),
            }
        )
    )
    return 0


def _facts(folder: Path, answer: Answer) -> Facts:
    cache = folder / _CACHE
    return {"loaded": json.loads(answer.out), "leftovers": leftovers(cache) if cache.exists() else []}


def _made(kind: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        def in_child() -> int:
            write(kind, folder)
            return 0

        assert state_of(in_child, folder).code == 0

    return make


def _is_what_the_file_holds(golden: Golden, facts: Facts, _: Answer, __: Path) -> bool:
    """Damaged files of formats without checksums hold other pixels; an image that is left out is named."""
    loaded, before = facts["loaded"], golden.facts["loaded"]
    is_true = loaded["digest"] == loaded["pixels"]
    return is_true and (loaded["images"] >= before["images"] or bool(loaded["skipped"]))


def damaged_cache(
    damage: Callable[[Path, random.Random], str],
) -> Callable[[Place, random.Random], Fault | None]:
    """Load once, so that the cache is filled for these very files; then damage a file in it."""

    def draw(place: Place, rng: random.Random) -> Fault | None:
        assert state_of(place.scenario.command, place.folder).code == 0
        paths = [
            path
            for path in sorted((place.folder / _CACHE).rglob("*"))
            if path.is_file() and path.stat().st_size
        ]
        path = rng.choice(paths)
        # Too large to be compared byte by byte in each trial: the cache is never restored.
        return Fault(f"{path.relative_to(place.folder)}: {damage(path, rng)}", must_recover=True)

    return draw


def rewritten_in_place(place: Place, rng: random.Random) -> Fault | None:
    """After it was loaded, the data's file is rewritten with other bytes, its size and time kept."""
    from tests.faults.damage import flip_bit_keeping_time

    assert state_of(place.scenario.command, place.folder).code == 0
    target = rng.choice(list(place.scenario.targets(place.folder)))
    words = [flip_bit_keeping_time(target, rng) for _ in range(5)]
    # What is right is what a fresh cache gives: other pixels, or a refusal, which no facts are equal to.
    fresh = state_of(lambda: load(_LARGE, "fresh"), place.folder)
    expected = _facts(place.folder, fresh) if fresh.code == 0 else {}
    shutil.rmtree(place.folder / "fresh", ignore_errors=True)
    return Fault(f"{target.name}: {'; '.join(words)}", touched=(target,), expected=expected)


def header_of(count: int) -> Callable[[Place, random.Random], Fault | None]:
    """The array in a .npz says that it has very many images."""

    def draw(place: Place, rng: random.Random) -> Fault | None:
        path = place.folder / "data.npz"
        if not path.exists():
            return None
        shape = rng.choice([(count, 3, 32, 32), (3, count, 32, 32), (count, count), (-count, 3, 32, 32)])
        header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + b"\0" * 3072
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("images.npy", array)
        return Fault(f"data.npz: an array of {shape}", touched=(path,))

    return draw


def damaged_stream(place: Place, rng: random.Random) -> Fault | None:
    """The compressed bytes in a zip are damaged, and its checksums were made for them."""
    paths = [path for path in place.scenario.targets(place.folder) if path.suffix in (".npz", ".zip")]
    if not paths:
        return None
    path = paths[0]
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        member = rng.choice(archive.infolist())
    start = member.header_offset + 30 + len(member.filename)
    end = start + member.compress_size
    for _ in range(rng.randint(1, 50)):
        data[rng.randrange(start, end)] = rng.randrange(256)
    path.write_bytes(data)
    return Fault(f"{path.name}: bytes of {member.filename} damaged", touched=(path,))


def many_bits(place: Place, rng: random.Random) -> Fault | None:
    """Some bytes of one file of the data are others."""
    path = rng.choice(list(place.scenario.targets(place.folder)))
    data = bytearray(path.read_bytes())
    count = rng.randint(1, 20)
    end = rng.choice([64, 512, len(data)])
    for _ in range(count):
        data[rng.randrange(min(end, len(data)))] = rng.randrange(256)
    path.write_bytes(data)
    return Fault(
        f"{path.relative_to(place.folder)}: {count} of the first {end} bytes changed", touched=(path,)
    )


_DATA = files("data*", "data/**/*")
FILES = Scenario(
    "data files",
    {kind: _made(kind) for kind in _NAMES},
    lambda: load(_SMALL),
    _facts,
    _DATA,
    _is_what_the_file_holds,
)
CACHED = Scenario(
    "data in the cache",
    {kind: _made(kind) for kind in ("npz", "folder", "parquet")},
    lambda: load(_LARGE),
    _facts,
    _DATA,
)
