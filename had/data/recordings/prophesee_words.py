"""Files of fixed-size words behind a text header -> words, in blocks; upper parts of the time, unwrapped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from had.data.recordings.recording import Recording
from had.data.recordings.sensor_size import Stated
from had.errors import DataError

STEP_BACK = 16
"""Upper time parts that fall by at most this much are a disorder of the sensor's bus, by more an overflow."""


class WordRecording(Recording):
    """A header, then words of one size.

    Attributes:
        word: the type of a word.
        unknown_kinds: values of a word's upper four bits that the format does not use.
        offset: of the first word in the file.
    """

    word: np.dtype = np.dtype("<u2")
    unknown_kinds: tuple[int, ...] = ()

    def __init__(self, path: Path, offset: int, size: tuple[int, int] | None, stated: Sequence[Stated]):
        super().__init__(path, size=size, stated=stated)
        self.offset = offset

    def check_end(self) -> None:
        """See `Recording.check_end`: the file does not end inside a word."""
        self._refuse_cut(self.path.stat().st_size - self.offset)

    def _refuse_cut(self, size: int) -> None:
        if size % self.word.itemsize:
            got = f"{self.path}, which ends inside a {self.word.itemsize}-byte word"
            raise DataError(f"a whole {self.format} file", got, "copy or download it again")

    def words(self, most: int) -> Iterator[np.ndarray]:
        """The data words in blocks (`DataError` where the file ends inside a word)."""
        self.check_end()
        self.skipped.clear()
        with self.path.open("rb") as file:
            file.seek(self.offset)
            while block := file.read(most * self.word.itemsize):
                self._refuse_cut(len(block))
                yield np.frombuffer(block, self.word)

    def skip(self, what: str, count: int) -> None:
        """Note that ``count`` of something are left out."""
        if count:
            self.skipped[what] += int(count)

    def skip_unknown(self, kind: np.ndarray) -> None:
        """Note the words of a type that the format does not have, which only damaged files hold."""
        self.skip("words of unknown type", np.bincount(kind, minlength=16)[list(self.unknown_kinds)].sum())


class Clock:
    """Upper parts of the time, unwrapped over their overflow.

    Attributes:
        started_before: whether a part was known before the latest block.
    """

    def __init__(self, *, bits: int, step_back: int = STEP_BACK):
        self.modulus = 1 << bits
        self.step_back = step_back
        self.last: np.int64 | None = None
        self.started_before = False

    def unwrap(self, parts: np.ndarray) -> np.ndarray:
        """(n,) parts of a block -> (n + 1,) int64 that grow on, the one carried into the block first."""
        self.started_before = self.last is not None
        parts = parts.astype(np.int64)
        carried = self.last if self.last is not None else (parts[0] if len(parts) else np.int64(0))
        steps = np.diff(parts, prepend=carried % self.modulus) % self.modulus
        steps = np.where(steps >= self.modulus - self.step_back, steps - self.modulus, steps)
        unwrapped = np.concatenate([[carried], carried + np.cumsum(steps)])
        if len(parts):
            self.last = unwrapped[-1]
        return unwrapped
