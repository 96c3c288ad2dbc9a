"""Prophesee DAT files (decoded events, 8 bytes each) -> events.

After the text header stand one byte of type and one of size, then time (32 bits), x and y (14 bits each) and
polarity (4 bits) of each event.

Source: Prophesee's documentation of the DAT file format.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from had.data.recordings.prophesee import Clock, WordRecording
from had.data.recordings.recording import as_events
from had.errors import DataError

BLOCK_EVENTS = 1 << 19
"""Most events decoded at a time."""


class DatRecording(WordRecording):
    """DAT: 8-byte events with 32 bits of time, unwrapped over its overflow after 71 minutes."""

    format = "DAT"
    word = np.dtype([("t", "<u4"), ("pixel", "<u4")])

    def __init__(self, path: Path, offset: int, size: tuple[int, int] | None, header: dict[str, str]):
        with path.open("rb") as file:
            file.seek(offset)
            kind = file.read(2)
        version = header.get("version", "2")
        if not header or version != "2" or len(kind) < 2 or kind[0] not in (0x00, 0x0C) or kind[1] != 8:
            got = f"version {version}, type and size {kind.hex(' ') or 'missing'} in {path}"
            expected = "a DAT file of version 2 with a header and 8-byte CD events (00 08 or 0c 08)"
            remedy = "convert it with its maker's software, or copy it again if it was cut off"
            raise DataError(expected, got if header else f"no header in {path}", remedy)
        super().__init__(path, offset + 2, size)

    def decode(self, max_events: int) -> Iterator[np.ndarray]:
        """See `Recording.decode`."""
        clock, done = Clock(bits=32, step_back=1 << 31), 0
        for words in self.words(min(max_events, BLOCK_EVENTS)):
            pixel = words["pixel"]
            on = pixel >> 28
            if (on > 1).any():
                first = int((on > 1).argmax())
                got = f"{on[first]} at {self.place(done + first)} of {self.path}"
                raise DataError("polarity 0 or 1", got, "copy or download it again: it is damaged")
            yield as_events(clock.unwrap(words["t"])[1:], pixel & 0x3FFF, (pixel >> 14) & 0x3FFF, on == 1)
            done += len(words)
