"""Several files, or parts of them, read as one behind the other; nothing is copied."""

from __future__ import annotations

import errno
import io
from collections.abc import Sequence
from pathlib import Path


class Pieces(io.RawIOBase):
    """Files (or bytes) one behind the other, read as one.

    Args:
        pieces: (file or bytes, how many of its bytes from its begin).
    """

    def __init__(self, pieces: Sequence[tuple[Path | bytes, int]]):
        self._pieces = list(pieces)
        self._begins = [sum(size for _, size in pieces[:number]) for number in range(len(pieces) + 1)]
        self._place = 0
        self._open: tuple[int, io.RawIOBase | io.BytesIO] | None = None

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The place of the next byte."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, which is returned."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._begins[-1]}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "a place before the first byte")  # as a file does
        self._place = base + offset
        return self._place

    def readinto(self, buffer) -> int:
        """Fill what one piece can fill of a buffer; 0 at the end."""
        number = next((n for n, end in enumerate(self._begins[1:]) if self._place < end), None)
        if number is None:
            return 0
        if self._open is None or self._open[0] != number:
            self._close()
            source = self._pieces[number][0]
            self._open = number, io.BytesIO(source) if isinstance(source, bytes) else source.open("rb", buffering=0)
        self._open[1].seek(self._place - self._begins[number])
        wanted = min(len(buffer), self._begins[number + 1] - self._place)
        count = self._open[1].readinto(memoryview(buffer)[:wanted]) or 0
        self._place += count
        return count

    def close(self) -> None:
        """Close the piece that is open."""
        self._close()
        super().close()

    def _close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None
