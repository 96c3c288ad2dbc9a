"""Prophesee RAW files (EVT 2.0 and EVT 3.0) -> events, vectorised, block by block.

The text header (lines that begin with ``%``) says the format and, in newer files, the geometry. Both
formats send the upper bits of the time apart from the events; everything that one block must know
of the blocks before it is carried along.

Source: Prophesee's documentation of the EVT 2.0 and EVT 3.0 data formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from had.data.recordings.recording import Recording, as_events
from had.errors import DataError

BLOCK_WORDS = 1 << 19
"""Most words decoded at a time: a few MB of intermediate columns."""
STEP_BACK = 16
"""Upper time parts that fall by at most this much are a disorder of the sensor's bus, by more an overflow."""

_UNKNOWN = -(1 << 40)
"""A row or base column that no word has set yet; vectors cannot move it above zero."""

_PLUGINS = {"gen31": (640, 480), "gen3": (640, 480), "gen4": (1280, 720), "imx636": (1280, 720)}
_GENERATIONS = {"3.0": (640, 480), "3.1": (640, 480), "4.0": (1280, 720), "4.1": (1280, 720), "4.2": (1280, 720)}


def read_header(path: Path) -> tuple[dict[str, str], int]:
    """The header's ``% key value`` lines (keys in lower case) and the offset of the first data byte."""
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        while True:
            offset = file.tell()
            line = file.readline(4096)
            if not line.startswith(b"%") or not line.endswith(b"\n"):
                return fields, offset
            key, _, value = line[1:].decode("latin-1").strip().partition(" ")
            if key.lower() == "end":
                return fields, file.tell()
            fields[key.lower()] = value.strip()


def open_prophesee(path: Path, *, size: tuple[int, int] | None = None) -> Recording:
    """The reader for a RAW file (`DataError` where its header names no supported format)."""
    header, offset = read_header(path)
    stated, _, details = header.get("format", "").partition(";")
    name = stated.upper() or f"EVT{header.get('evt', '')}"
    name = re.sub(r"\.0$", "", name)
    kinds: dict[str, type[_ProphesseeRecording]] = {"EVT2": Evt2Recording, "EVT3": Evt3Recording}
    if name not in kinds:
        got = f"{name!r} in the header of {path}" if header else f"no header in {path}"
        raise DataError("a RAW file in EVT2 or EVT3", got, "convert it with its maker's software, to CSV for instance")
    return kinds[name](path, offset, size or _geometry(header, details))


def _geometry(header: dict[str, str], details: str) -> tuple[int, int] | None:
    """(width, height) from the header: stated, or that of the named sensor; None where it says neither."""
    found = re.fullmatch(r"(\d+)x(\d+)", header.get("geometry", ""))
    if found:
        return int(found[1]), int(found[2])
    pairs = dict(item.split("=", 1) for item in details.split(";") if "=" in item)
    width, height = pairs.get("width", header.get("width")), pairs.get("height", header.get("height"))
    if width and height and width.isdigit() and height.isdigit():
        return int(width), int(height)
    if header.get("sensor_generation") in _GENERATIONS:
        return _GENERATIONS[header["sensor_generation"]]
    plugin = header.get("plugin_name", "")
    return next((size for key, size in _PLUGINS.items() if key in plugin), None)


class _ProphesseeRecording(Recording):
    word: np.dtype = np.dtype("<u2")

    def __init__(self, path: Path, offset: int, size: tuple[int, int] | None):
        super().__init__(path, size=size)
        self.offset = offset

    def words(self, most: int) -> Iterator[np.ndarray]:
        """The data words in blocks (`DataError` where the file ends inside a word)."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            while block := file.read(most * self.word.itemsize):
                if len(block) % self.word.itemsize:
                    got = f"{self.path}, which ends inside a {self.word.itemsize}-byte word"
                    raise DataError(f"a whole {self.format} file", got, "copy or download it again")
                yield np.frombuffer(block, self.word)


class Evt2Recording(_ProphesseeRecording):
    """EVT 2.0: 32-bit words; 28 upper bits of the time in words of their own, 6 lower ones in each event."""

    format = "EVT2"
    word = np.dtype("<u4")

    def decode(self, max_events: int) -> Iterator[np.ndarray]:
        """See `Recording.decode`. Events before the first upper time part have no time and are left out."""
        clock = _Clock(bits=28)
        for words in self.words(min(max_events, BLOCK_WORDS)):
            kind = words >> 28
            is_high = kind == 0x8
            highs = clock.unwrap(words[is_high] & 0xFFFFFFF)
            is_event = kind <= 1
            which = np.cumsum(is_high)[is_event]  # 0: the part carried from the block before
            if not clock.started_before:
                is_event[np.flatnonzero(is_event)[which == 0]] = False
                which = which[which > 0]
            event = words[is_event]
            if len(event):
                t = (highs[which] << 6) | ((event >> 22) & 0x3F)
                yield as_events(t, (event >> 11) & 0x7FF, event & 0x7FF, kind[is_event] == 1)


class Evt3Recording(_ProphesseeRecording):
    """EVT 3.0: 16-bit words that set time, row or base column, or fire one event or a vector of up to 12.

    A new upper time part sets the lower one to zero, so that time does not jump ahead between the two.
    """

    format = "EVT3"

    def decode(self, max_events: int) -> Iterator[np.ndarray]:
        """See `Recording.decode`. Events before the first time and the first row are left out."""
        clock = _Clock(bits=12)
        low = np.int64(0)
        row = base = np.int64(_UNKNOWN)
        base_on = False
        for words in self.words(min(max(max_events // 12, 1024), BLOCK_WORDS)):
            kind = words >> 12
            value = (words & 0xFFF).astype(np.int64)

            is_high, is_time = kind == 0x8, (kind == 0x8) | (kind == 0x6)
            highs = clock.unwrap(value[is_high])
            high = highs[np.cumsum(is_high[is_time])]
            sets_low = (kind[is_time] == 0x6) | (np.diff(high, prepend=highs[0]) != 0)
            if not clock.started_before:
                sets_low[np.flatnonzero(is_high[is_time])[:1]] = True  # the first upper part is a new one, too
            lows = np.where(kind[is_time] == 0x6, value[is_time], 0)[sets_low]
            lows = np.concatenate([[low], lows])
            times = np.concatenate([[highs[0] << 12 | low], high << 12 | lows[np.cumsum(sets_low)]])
            low = lows[-1]

            is_row = kind == 0x0
            rows = np.concatenate([[row], value[is_row] & 0x7FF])
            row = rows[-1]

            is_base, is_vector = kind == 0x3, (kind == 0x4) | (kind == 0x5)
            width = np.where(is_vector, np.where(kind == 0x4, 12, 8), 0)
            travelled = np.cumsum(width)  # columns that vectors have covered, this word included
            bases = np.concatenate([[base], (value[is_base] & 0x7FF) - travelled[is_base]])
            bases_on = np.concatenate([[base_on], value[is_base] >> 11 == 1])
            base, base_on = bases[-1] + travelled[-1], bases_on[-1]

            is_event = is_vector | (kind == 0x2)
            which_time, which_row = np.cumsum(is_time)[is_event], np.cumsum(is_row)[is_event]
            which_base = np.cumsum(is_base)[is_event]
            single = kind[is_event] == 0x2
            column = np.where(single, value[is_event] & 0x7FF, bases[which_base] + (travelled - width)[is_event])
            on = np.where(single, value[is_event] >> 11 == 1, bases_on[which_base])
            fired = np.where(single, 1, value[is_event] & np.where(kind[is_event] == 0x5, 0xFF, 0xFFF))
            known = (rows[which_row] >= 0) & (column >= 0)
            if not clock.started_before:
                known &= np.cumsum(is_high)[is_event] > 0
            fired = np.where(known, fired, 0)

            word, bit = np.nonzero((fired[:, None] >> np.arange(12)) & 1)  # word by word, columns rising
            if len(word):
                yield as_events(times[which_time[word]], column[word] + bit, rows[which_row[word]], on[word])


class _Clock:
    """Upper parts of the time, unwrapped over their overflow.

    Attributes:
        started_before: whether a part was known before the latest block.
    """

    def __init__(self, *, bits: int):
        self.modulus = 1 << bits
        self.last: np.int64 | None = None
        self.started_before = False

    def unwrap(self, parts: np.ndarray) -> np.ndarray:
        """(n,) parts of a block -> (n + 1,) int64 that grow on, the one carried into the block first."""
        self.started_before = self.last is not None
        parts = parts.astype(np.int64)
        carried = self.last if self.last is not None else (parts[0] if len(parts) else np.int64(0))
        steps = np.diff(parts, prepend=carried % self.modulus) % self.modulus
        steps = np.where(steps >= self.modulus - STEP_BACK, steps - self.modulus, steps)
        unwrapped = np.concatenate([[carried], carried + np.cumsum(steps)])
        if len(parts):
            self.last = unwrapped[-1]
        return unwrapped
