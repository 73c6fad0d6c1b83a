"""What can happen to one file. Each kind changes the file, and says in words what it did."""

import json
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

PAGE = 4096
_VALUES = [None, [], {}, 5, -1, "abc", True, 10**23, 1e308, "\ud800", "../../etc/passwd", "x" * 5000]
_TEXT = {".json", ".jsonl", ".txt"}

Damage = Callable[[Path, random.Random], str]


def is_text(path: Path) -> bool:
    """Whether a file is text that a person could edit."""
    return path.suffix in _TEXT


def flip_bit(path: Path, rng: random.Random) -> str:
    """One bit is another."""
    data = bytearray(path.read_bytes())
    place, bit = rng.randrange(len(data)), rng.randrange(8)
    data[place] ^= 1 << bit
    path.write_bytes(data)
    return f"bit {bit} of byte {place} flipped"


def flip_bit_keeping_time(path: Path, rng: random.Random) -> str:
    """The same, and the file's time says that nothing was written."""
    status = path.stat()
    words = flip_bit(path, rng)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return f"{words}, its time kept"


def change_digit(path: Path, rng: random.Random) -> str:
    """One digit of a number is another; where there is none, one bit."""
    data = bytearray(path.read_bytes())
    # Digests have most of the digits, and are not numbers.
    numbers = list(re.finditer(rb"(?<![0-9a-f])[0-9]{1,20}(?![0-9a-f])", data))
    places = [place for number in numbers for place in range(number.start(), number.end())]
    if not places:
        return flip_bit(path, rng)
    place = rng.choice(places)
    old = chr(data[place])
    new = rng.choice([digit for digit in "0123456789" if digit != old])
    data[place] = ord(new)
    path.write_bytes(data)
    around = data[max(0, place - 12) : place + 1].decode("utf-8", "replace")
    return f"digit {old} at byte {place} became {new}: ...{around!r}"


def change_word(path: Path, rng: random.Random) -> str:
    """Two neighbours among its bytes change places."""
    data = bytearray(path.read_bytes())
    places = [place for place in range(len(data) - 1) if data[place] != data[place + 1]]
    if not places:
        return flip_bit(path, rng)
    place = rng.choice(places)
    data[place], data[place + 1] = data[place + 1], data[place]
    path.write_bytes(data)
    return f"bytes {place} and {place + 1} swapped"


def cut(path: Path, rng: random.Random) -> str:
    """Its end is missing."""
    size = path.stat().st_size
    kept = rng.randrange(size)
    os.truncate(path, kept)
    return f"cut to {kept} of {size} bytes"


def cut_at_a_line(path: Path, rng: random.Random) -> str:
    """Its last lines are missing."""
    lines = path.read_bytes().splitlines(keepends=True)
    kept = rng.randrange(len(lines))
    path.write_bytes(b"".join(lines[:kept]))
    return f"cut to {kept} of {len(lines)} lines"


def lengthen(path: Path, rng: random.Random) -> str:
    """Something follows its end."""
    more = rng.choice(
        [b"\0" * 512, b"null\n", b"5\n", b'"abc"\n', b"{}\n", b"\xff\xfe", path.read_bytes()[:900]]
    )
    with path.open("ab") as stream:
        stream.write(more)
    return f"{len(more)} bytes more, {more[:8]!r}"


def empty(path: Path, rng: random.Random) -> str:
    """Nothing is left in it."""
    path.write_bytes(b"")
    return "emptied"


def zero_page(path: Path, rng: random.Random) -> str:
    """A page of it is zeros, as a file system leaves it that had only made room."""
    size = path.stat().st_size
    start = rng.randrange(0, size, PAGE)
    count = min(PAGE, size - start)
    with path.open("r+b") as stream:
        stream.seek(start)
        stream.write(b"\0" * count)
    return f"{count} zeros from byte {start}"


def swap(path: Path, rng: random.Random) -> str:
    """It and a file beside it have each other's names."""
    beside = [
        p for p in sorted(path.parent.iterdir()) if p.is_file() and p != path and not p.name.startswith(".")
    ]
    alike = [p for p in beside if p.suffix == path.suffix and p.read_bytes() != path.read_bytes()]
    if not (alike or beside):
        return empty(path, rng)
    other = rng.choice(alike or beside)
    mine, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(mine)
    return f"swapped with {other.name}"


def delete(path: Path, rng: random.Random) -> str:
    """It is not there."""
    path.unlink()
    return "deleted"


def make_folder(path: Path, rng: random.Random) -> str:
    """A folder has its name."""
    path.unlink()
    path.mkdir()
    return "made a folder"


def make_pipe(path: Path, rng: random.Random) -> str:
    """A named pipe, to which nobody writes, has its name."""
    path.unlink()
    os.mkfifo(path)
    return "made a named pipe"


def make_link(path: Path, rng: random.Random) -> str:
    """A link has its name: to nowhere, to itself, or to another file."""
    path.unlink()
    target = rng.choice(["nowhere", path.name, "/dev/null", "/etc/hostname"])
    path.symlink_to(target)
    return f"made a link to {target}"


def change_value(path: Path, rng: random.Random) -> str:
    """One value of its JSON is another, of another kind."""
    lines = path.read_text(encoding="utf-8").splitlines()
    number = rng.randrange(len(lines)) if path.suffix == ".jsonl" else None
    text = lines[number] if number is not None else "\n".join(lines)
    whole = json.loads(text)
    places = [((), None), *_places(whole)]
    keys, old = rng.choice(places)
    new = rng.choice(_VALUES)
    if keys:
        holder = whole
        for key in keys[:-1]:
            holder = holder[key]
        holder[keys[-1]] = new
    else:
        whole = new
    written = json.dumps(whole) if number is not None else json.dumps(whole, indent=2) + "\n"
    if number is not None:
        lines[number] = written
        written = "\n".join(lines) + "\n"
    path.write_text(written, encoding="utf-8")
    where = "".join(f"[{key!r}]" for key in keys) or "all of it"
    line = f"line {number + 1}: " if number is not None else ""
    return f"{line}{where} was {str(old)[:30]} and became {str(new)[:30]!r}"


def nest(path: Path, rng: random.Random) -> str:
    """Its JSON is nested deeper than any reader goes."""
    path.write_text("[" * 100_000 + "\n", encoding="utf-8")
    return "100,000 brackets in place of its text"


def rename_key(path: Path, rng: random.Random) -> str:
    """One key of its JSON has two of its letters changed."""
    lines = path.read_text(encoding="utf-8").splitlines()
    number = rng.randrange(len(lines)) if path.suffix == ".jsonl" else None
    whole = json.loads(lines[number] if number is not None else "\n".join(lines))
    holders = [
        h for h in [whole, *(_at(whole, keys) for keys, _ in _places(whole))] if isinstance(h, dict) and h
    ]
    if not holders:
        return empty(path, rng)
    holder = rng.choice(holders)
    old = rng.choice(list(holder))
    new = old[::-1] if old[::-1] != old else f"{old}x"
    holder[new] = holder.pop(old)
    if number is None:
        path.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    else:
        lines[number] = json.dumps(whole)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"key {old!r} became {new!r}"


ANY: dict[str, Damage] = {
    "flipped bit": flip_bit,
    "cut": cut,
    "lengthened": lengthen,
    "emptied": empty,
    "zeroed page": zero_page,
    "swapped with a sibling": swap,
    "deleted": delete,
    "a folder": make_folder,
    "a link": make_link,
    "a named pipe": make_pipe,
}
"""For every file."""

TEXT: dict[str, Damage] = {
    "changed digit": change_digit,
    "swapped bytes": change_word,
    "cut at a line": cut_at_a_line,
    "changed value": change_value,
    "renamed key": rename_key,
    "nested": nest,
}
"""For files of JSON."""


def restore(original: Path, damaged: Path) -> None:
    """Make one folder what another is."""
    shutil.rmtree(damaged)
    shutil.copytree(original, damaged, symlinks=True)


def _places(value: object, keys: tuple = ()) -> list[tuple[tuple, object]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for key, item in inside:
        found += [((*keys, key), item), *_places(item, (*keys, key))]
    return found


def _at(value: object, keys: tuple) -> object:
    for key in keys:
        value = value[key]
    return value
