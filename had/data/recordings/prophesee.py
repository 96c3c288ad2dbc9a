"""Prophesee RAW files (EVT 2.0 and EVT 3.0) -> events, vectorised, block by block.

The text header (lines that begin with ``%``) says the format and, in newer files, the geometry. Both
formats send the upper bits of the time apart from the events; everything that one block must know
of the blocks before it is carried along. A file that was cut between two words looks whole: nothing
in it says how long it was.

Source: Prophesee's documentation of the EVT 2.0 and EVT 3.0 data formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from had.data.recordings.recording import Recording, as_events
from had.data.recordings.sensor_size import SIDE, Stated
from had.errors import DataError, excerpt
from had.numerals import natural

BLOCK_WORDS = 1 << 19
"""Most words decoded at a time: a few MB of intermediate columns."""
STEP_BACK = 16
"""Upper time parts that fall by at most this much are a disorder of the sensor's bus, by more an overflow."""

_MOST_LINES = 10_000
"""Of a header."""
_UNKNOWN = -(1 << 40)
"""A row or base column that no word has set yet; vectors cannot move it above zero."""

_PLUGINS = {"genx320": (320, 320), "gen31": (640, 480), "gen3": (640, 480), "gen4": (1280, 720), "imx636": (1280, 720)}
_GENERATIONS = {"3.0": (640, 480), "3.1": (640, 480), "4.0": (1280, 720), "4.1": (1280, 720), "4.2": (1280, 720)}


def read_header(path: Path) -> tuple[dict[str, str], int]:
    """The header's ``% key value`` lines (keys in lower case) and the offset of the first data byte."""
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        for _ in range(_MOST_LINES):
            offset = file.tell()
            line = file.readline(4096)
            text = line.startswith(b"% ") and line.endswith(b"\n")
            if not text or not line.decode("latin-1").replace("\t", " ").strip().isprintable():  # data may begin so
                return fields, offset
            key, _, value = line[1:].decode("latin-1").strip().partition(" ")
            if key.lower() == "end":
                return fields, file.tell()
            fields[key.lower()] = value.strip()
    raise DataError(f"a header of at most {_MOST_LINES} lines", f"a longer one in {path}", "remove what is no header")


def open_prophesee(path: Path, *, size: tuple[int, int] | None = None) -> Recording:
    """The reader for a RAW or DAT file (`DataError` where its header names no supported format)."""
    header, offset = read_header(path)
    stated, _, details = header.get("format", "").partition(";")
    names = [name.upper() for name in (stated, f"EVT{header['evt']}" if "evt" in header else "") if name]
    names = [re.sub(r"\.0$", "", name) for name in names]
    if len({name.replace(".", "") for name in names}) > 1:
        got = f"{names[0]} and {names[1]} in that of {path}"
        raise DataError("one format in a RAW file's header", got, "remove the line that is wrong")
    name = names[0] if names else ""
    stated_sizes = _stated_sizes(header, details, path)
    if not name and ("data" in header or path.suffix.lower() == ".dat"):
        from had.data.recordings.prophesee_dat import DatRecording

        return DatRecording(path, offset, size, stated_sizes, header)
    kinds: dict[str, type[WordRecording]] = {"EVT2": Evt2Recording, "EVT3": Evt3Recording}
    if name not in kinds:
        got = f"{excerpt(name)} in the header of {path}" if name else f"a header without a format in {path}"
        remedy = "convert it with its maker's software, to CSV for instance"
        if not header:
            got = f"no header in {path}"
            remedy = "put a line '% evt 2.0' or '% evt 3.0' before its data, whichever it is"
        raise DataError("a RAW file in EVT2 or EVT3", got, remedy)
    order = {**_pairs(details), **header}.get("endianness", "little")
    if order.lower() != "little":
        raise DataError(
            "little-endian words", f"endianness {excerpt(order)} in {path}", "convert it with its maker's software"
        )
    recording = kinds[name](path, offset, size, stated_sizes)
    sensor = _named_sensor(header)
    if sensor is not None and recording.declared not in (None, sensor):
        stated = "{}x{}".format(*recording.declared)
        recording.notes.append(
            f"the header states {stated}, and a sensor of {sensor[0]}x{sensor[1]}: the first is taken"
        )
    return recording


def _pairs(details: str) -> dict[str, str]:
    """``;height=720;width=1280`` -> its values by key in lower case."""
    pairs = (part.partition("=") for part in details.split(";"))
    return {key.strip().lower(): value.strip() for key, equals, value in pairs if equals}


def _stated_sizes(header: dict[str, str], details: str, path: Path) -> list[Stated]:
    """What a header states of the sensor's size: in ``geometry``, ``format``, ``width`` and ``height``.

    Where it states nothing: the size of the sensor that it names. A side of 0 is none (`DataError` for no number).
    """

    def side(text: str, where: str) -> int | None:
        number = natural(text)
        if number is None or number > SIDE:
            expected, remedy = f"a sensor of 1 to {SIDE} pixels a side", "correct that line"
            raise DataError(expected, f"{where} {excerpt(text)} in the header of {path}", remedy)
        return number or None

    texts: list[tuple[str, str | None, str | None]] = []
    if geometry := header.get("geometry"):
        width, *height = re.split(r"\s*[xX]\s*", geometry, maxsplit=1)
        texts.append(("geometry", width, "".join(height)))
    for where, values in (("format", _pairs(details)), ("header", header)):
        texts.append((where, values.get("width"), values.get("height")))
    found = []
    for where, *both in texts:
        sides = [None if text is None else side(text, where) for text in both]
        if sides != [None, None]:
            found.append(Stated(where, *sides))
    named = _named_sensor(header)
    return found or ([Stated("the sensor's name", *named)] if named else [])


def _named_sensor(header: dict[str, str]) -> tuple[int, int] | None:
    """(width, height) of the sensor that a header names."""
    plugin = header.get("plugin_name", "")
    named = _GENERATIONS.get(header.get("sensor_generation", ""))
    return named or next((size for key, size in _PLUGINS.items() if key in plugin), None)


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


class Evt2Recording(WordRecording):
    """EVT 2.0: 32-bit words; 28 upper bits of the time in words of their own, 6 lower ones in each event."""

    format = "EVT2"
    word = np.dtype("<u4")
    unknown_kinds = (2, 3, 4, 5, 6, 7, 9, 11, 12, 13)

    def decode(self, max_events: int) -> Iterator[np.ndarray]:
        """See `Recording.decode`. Events before the first upper time part have no time and are left out."""
        clock = Clock(bits=28)
        for words in self.words(min(max_events, BLOCK_WORDS)):
            kind = words >> 28
            self.skip_unknown(kind)
            is_high = kind == 0x8
            highs = clock.unwrap(words[is_high] & 0xFFFFFFF)
            is_event = kind <= 1
            which = np.cumsum(is_high)[is_event]  # 0: the part carried from the block before
            if not clock.started_before:
                self.skip("events before the first time", (which == 0).sum())
                is_event[np.flatnonzero(is_event)[which == 0]] = False
                which = which[which > 0]
            event = words[is_event]
            if len(event):
                t = (highs[which] << 6) | ((event >> 22) & 0x3F)
                yield as_events(t, (event >> 11) & 0x7FF, event & 0x7FF, kind[is_event] == 1)


class Evt3Recording(WordRecording):
    """EVT 3.0: 16-bit words that set time, row or base column, or fire one event or a vector of up to 12.

    A new upper time part sets the lower one to zero, so that time does not jump ahead between the two.
    """

    format = "EVT3"
    unknown_kinds = (1, 9, 11, 12, 13)

    def decode(self, max_events: int) -> Iterator[np.ndarray]:
        """See `Recording.decode`. Events before the first time and the first row are left out."""
        clock = Clock(bits=12)
        low = np.int64(0)
        row = base = np.int64(_UNKNOWN)
        base_on = False
        for words in self.words(min(max(max_events // 12, 1024), BLOCK_WORDS)):
            kind = words >> 12
            self.skip_unknown(kind)
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
            if not known.all():
                self.skip("events before the first time, row or column", _bits(fired[~known]))
            fired = np.where(known, fired, 0)

            word, bit = np.nonzero((fired[:, None] >> np.arange(12)) & 1)  # word by word, columns rising
            if len(word):
                yield as_events(times[which_time[word]], column[word] + bit, rows[which_row[word]], on[word])


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


def _bits(vectors: np.ndarray) -> int:
    """Number of bits that are set in 12-bit words."""
    return int(((vectors[:, None] >> np.arange(12)) & 1).sum())
