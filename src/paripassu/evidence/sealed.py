"""Tables that are proved whole before they are read.

An index beside the Parquet files says what they are of and has the digest of each, and one of itself. So a
flipped bit, an older file or a table of something else is noticed before anything parses it. The index may
also say how the tables were made.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from paripassu.files import NotAFileError, read_whole, replacing, sealed, unsealed, write_whole


@dataclass(frozen=True)
class SealedTables:
    """Parquet files and the index that proves them whole.

    Args:
        index: its path; the tables are beside it.
        of: what the tables are of, as plain values. An index of anything else is not taken.
        prefix: that the names of the tables' files begin with.

    Example:
        >>> import tempfile
        >>> tables = SealedTables(Path(tempfile.mkdtemp()) / "tables.json", of="squares")
        >>> tables.write({"four": pl.DataFrame({"n": [0, 1, 2, 3], "square": [0, 1, 4, 9]})})
        >>> tables.read("four")["square"].to_list()
        [0, 1, 4, 9]
        >>> _ = tables.path("four").write_bytes(b"")
        >>> tables.flaw(["four"]).removeprefix(str(tables.index.parent))
        '/four.parquet is damaged'
    """

    index: Path
    of: Any
    prefix: str = ""

    def path(self, name: str) -> Path:
        """The file of a table."""
        return self.index.with_name(f"{self.prefix}{name}.parquet")

    def write(self, frames: Mapping[str, pl.DataFrame], made: Mapping[str, Any] | None = None) -> None:
        """Write tables, then the index, each whole or not at all. An index that is there is replaced.

        Args:
            frames: by name.
            made: how, as plain values. Tables that were made otherwise are taken too.

        Raises:
            OSError: there is no room, or the folder cannot be written.
        """
        digests: dict[str, str] = {}
        for name, frame in frames.items():
            stream = BytesIO()
            frame.write_parquet(stream)
            with replacing(self.path(name)) as partial:
                partial.write_bytes(stream.getvalue())
            digests[name] = hashlib.sha256(stream.getvalue()).hexdigest()
        how = {"made": dict(made)} if made else {}
        write_whole(self.index, sealed({"of": self.of, "tables": digests, **how}))

    def names(self) -> Collection[str]:
        """The tables that the index names.

        Raises:
            ValueError: the index is missing, damaged or of something else; the message says which.
        """
        return self._index()[0]

    def made(self) -> Mapping[str, Any]:
        """How the tables were made; empty where the index does not say it.

        Raises:
            ValueError: as `names`.
        """
        return self._index()[1]

    def read(self, name: str) -> pl.DataFrame:
        """One table.

        Raises:
            ValueError: the table or the index is missing, damaged or of something else; the message says
                which.
        """
        return pl.read_parquet(BytesIO(self._proved(name)), glob=False, hive_partitioning=False)

    def flaw(self, names: Collection[str]) -> str:
        """What keeps tables of these names from being read, in words; empty if nothing does."""
        try:
            for name in names:
                self._proved(name)
        except ValueError as error:
            return str(error)
        return ""

    def _proved(self, name: str) -> bytes:
        digests, path = self._index()[0], self.path(name)
        data = _content(path)
        if hashlib.sha256(data).hexdigest() != digests.get(name):
            raise ValueError(f"{path} is damaged")
        return data

    def _index(self) -> tuple[dict[str, str], dict[str, Any]]:
        """The digests of the tables by name, and how they were made."""
        content = _content(self.index)
        try:
            index = unsealed(content)
            of, digests, made = index["of"], dict(index["tables"]), dict(index.get("made", {}))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self.index} is damaged") from error
        if of != self.of:
            raise ValueError(f"{self.index} is of other tables")
        return digests, made


def _content(path: Path) -> bytes:
    try:
        return read_whole(path)
    except FileNotFoundError as error:
        raise ValueError(f"{path} is missing") from error
    except NotAFileError as error:
        raise ValueError(f"{path} is {error.kind}, not a file") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from error
