"""Memory for the images that threads decode together: many small ones at once, large ones one by one."""

import ctypes
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

_PIXELS = 2**26  # at once, of all threads: a GiB
_LARGE_FILE = 2**24  # bytes
_LARGE_IMAGE = 2**22  # pixels


class Budget:
    """Makes threads wait while the images of others take the memory.

    Decoding takes about 16 bytes a pixel: the image, its copy in RGBA, that on white, and RGB.

    Args:
        pixels: decoded at once. An image of more is decoded alone.
    """

    def __init__(self, pixels: int = _PIXELS) -> None:
        self._all, self._taken = pixels, 0
        self._changed = threading.Condition()
        self._large = threading.Lock()

    @contextmanager
    def read(self, size: int) -> Generator[None]:
        """Hold the bytes of a file; of large ones one thread at a time does."""
        if size <= _LARGE_FILE:
            yield
        else:
            with self._large:
                yield

    @contextmanager
    def decode(self, pixels: int) -> Generator[None]:
        """Hold a decoded image."""
        wanted = min(pixels, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._taken + wanted <= self._all)
            self._taken += wanted
        try:
            yield
        finally:
            if pixels > _LARGE_IMAGE:
                _give_back()
            with self._changed:
                self._taken -= wanted
                self._changed.notify_all()


def _give_back() -> None:
    """Return freed memory to the system: glibc keeps an image's worth of it for each thread."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim:
        trim(0)
