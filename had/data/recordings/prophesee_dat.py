"""Prophesee DAT files (decoded events, 8 bytes each) -> events.

After the text header stand one byte of type and one of size, then time (32 bits) and a word of each event: in
version 2 x and y (14 bits each) and polarity (4 bits); in version 1, which is that of a header without a line
``% Version`` too (ATIS, N-Cars), x (9 bits), y (8 bits) and polarity (1 bit).

Source: Prophesee's documentation of the DAT file format; for version 1 the recordings themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from had.data.recordings.prophesee_words import Clock, WordRecording
from had.data.recordings.recording import as_events
from had.data.recordings.sensor_size import Stated
from had.errors import DataError, excerpt

BLOCK_EVENTS = 1 << 19
"""Most events decoded at a time."""


class DatRecording(WordRecording):
    """DAT: 8-byte events with 32 bits of time, unwrapped over its overflow after 71 minutes."""

    format = "DAT"
    word = np.dtype([("t", "<u4"), ("pixel", "<u4")])

    def __init__(
        self,
        path: Path,
        offset: int,
        size: tuple[int, int] | None,
        stated: Sequence[Stated],
        *,
        has_header: bool,
        version: str | None,
    ):
        """``version``: as the header states it, None where it does not."""
        with path.open("rb") as file:
            file.seek(offset)
            kind = file.read(2)
        read_as = "1" if version is None else version
        known = read_as in ("1", "2") and len(kind) == 2 and kind[0] in (0x00, 0x0C) and kind[1] == 8
        if not has_header or not known:
            got = f"version {excerpt(read_as)}, type and size {kind.hex(' ') or 'missing'} in {path}"
            expected = "a DAT file of version 1 or 2 with a header and 8-byte CD events (00 08 or 0c 08)"
            remedy = "convert it with its maker's software, or copy it again if it was cut off"
            raise DataError(expected, got if has_header else f"no header in {path}", remedy)
        super().__init__(path, offset + 2, size, stated)
        self._first_version = read_as == "1"
        if version is None:
            self.notes.append("the header states no version: read as version 1 (x 9 bits, y 8 bits, polarity)")

    def decode(self, max_events: int) -> Iterator[np.ndarray]:
        """See `Recording.decode`."""
        clock, done = Clock(bits=32, step_back=1 << 31), 0
        for words in self.words(min(max_events, BLOCK_EVENTS)):
            pixel = words["pixel"]
            if self._first_version:
                x, y, on = pixel & 0x1FF, (pixel >> 9) & 0xFF, pixel >> 17
            else:
                x, y, on = pixel & 0x3FFF, (pixel >> 14) & 0x3FFF, pixel >> 28
            if (on > 1).any():
                first = int((on > 1).argmax())
                got = f"{on[first]} at {self.place(done + first)} of {self.path}"
                remedy = "copy or download it again: it is damaged"
                if self._first_version:
                    remedy = f"put a line '% Version 2' into its header if it is of that version, else {remedy}"
                raise DataError("polarity 0 or 1", got, remedy)
            yield as_events(clock.unwrap(words["t"])[1:], x, y, on == 1)
            done += len(words)
