"""CSV files of events (EventVOT's ``x,y,polarity,t``) -> events, streamed by pyarrow.

A header line names the columns in any order. Without one the published order is assumed and checked
against the values; a first line of numbers is data (the published reader loses it as a header).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from had.data.recordings.recording import Recording, as_events
from had.errors import DataError, excerpt

PUBLISHED_ORDER = ("x", "y", "p", "t")
_NAMES = {
    **dict.fromkeys(("x", "col", "column", "x_pos"), "x"),
    **dict.fromkeys(("y", "row", "y_pos"), "y"),
    **dict.fromkeys(("p", "pol", "polarity", "on"), "p"),
    **dict.fromkeys(("t", "ts", "t_us", "time", "timestamp", "timestamps", "timestamp_us"), "t"),
}
_BLOCK_BYTES = 1 << 20
"""Read at a time; pyarrow reads up to 32 such blocks ahead, and that is what memory is spent on."""
_TAIL_BYTES = 1 << 12
"""Enough for the last line."""
_SIDE = 1 << 14
"""No event sensor is as wide: larger values are not pixels."""


class _Dialect(NamedTuple):
    """How a file is written: its delimiter, what its columns mean, and the lines before the first event."""

    delimiter: str
    columns: tuple[str, ...]
    skipped: int
    has_header: bool


class CsvRecording(Recording):
    """A CSV of events, one a line, times in whole microseconds, polarity 0/1 or -1/1."""

    format = "CSV"

    def __init__(self, path: Path, *, size: tuple[int, int] | None = None):
        super().__init__(path, size=size)
        self._dialect = _dialect(path)

    def place(self, index: int) -> str:
        """The line of event ``index`` (empty lines not counted)."""
        return f"line {index + 1 + self._dialect.skipped}"

    def last_us(self) -> int | None:
        """See `Recording.last_us`; None for a last line that is no event, which `decode` names."""
        event = self._event(self._tail().rstrip().rpartition("\n")[2])
        return None if event is None else event["t"]

    def check_end(self) -> None:
        """See `Recording.check_end`: the last line has all its values, and a time not before that of the line above."""
        tail = self._tail()
        before, last = ["", *tail.rstrip().split("\n")][-2:]
        event, earlier = self._event(last), self._event(before)
        if event is not None and (earlier is None or earlier["t"] <= event["t"]):
            return
        with self.path.open("rb") as file:
            newlines = sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK_BYTES), b""))
        number = newlines - tail[len(tail.rstrip()) :].count("\n") + 1
        expected = f"{len(self._dialect.columns)} values and a time that does not run backwards"
        got = f"{excerpt(last.strip())} in line {number} of {self.path}, its last"
        raise DataError(expected, got, "copy or download the file again: it looks cut off")

    def _tail(self) -> str:
        with self.path.open("rb") as file:
            file.seek(max(0, self.path.stat().st_size - _TAIL_BYTES))
            return file.read().decode(errors="replace")

    def _event(self, line: str) -> dict[str, int] | None:
        """The named values of a line, None for one that is no event."""
        fields = line.strip().split(self._dialect.delimiter)
        named = dict(zip(self._dialect.columns, fields, strict=False))
        whole = len(fields) == len(self._dialect.columns) and all(_is_int(named[name]) for name in PUBLISHED_ORDER)
        return {name: int(named[name]) for name in PUBLISHED_ORDER} if whole else None

    def decode(self, max_events: int) -> Iterator[np.ndarray]:
        """See `Recording.decode`; `DataError` names the first broken line."""
        import pyarrow
        from pyarrow import csv

        dialect = self._dialect
        read = csv.ReadOptions(
            use_threads=False,
            block_size=min(_BLOCK_BYTES, max(max_events * 16, 1 << 12)),
            skip_rows=dialect.skipped,
            column_names=list(dialect.columns),
        )
        convert = csv.ConvertOptions(
            include_columns=list(PUBLISHED_ORDER), column_types=dict.fromkeys(PUBLISHED_ORDER, pyarrow.int64())
        )
        done = 0
        try:
            with csv.open_csv(self.path, read, csv.ParseOptions(delimiter=dialect.delimiter), convert) as batches:
                for batch in batches:
                    if batch.num_rows:
                        yield self._events([batch.column(name) for name in PUBLISHED_ORDER], done)
                        done += batch.num_rows
        except pyarrow.ArrowInvalid as error:
            if "Empty CSV" in str(error):
                return
            raise self._broken_line(str(error)) from None

    def _events(self, columns: list[Any], done: int) -> np.ndarray:
        """Columns x, y, p, t of one batch, checked, as events."""
        if any(column.null_count for column in columns):
            raise self._broken_line("an empty value")
        x, y, p, t = (column.to_numpy(zero_copy_only=False) for column in columns)
        if not self._dialect.has_header and done == 0 and not _looks_published(x, y, p, t):
            raise DataError(
                f"the columns {','.join(PUBLISHED_ORDER)} (pixel, pixel, 0/1, rising microseconds)",
                f"other values in {self.path}, which has no header",
                "write a first line that names the columns, e.g. t,x,y,p",
            )
        for values, low, high, name in ((x, 0, _SIDE, "x"), (y, 0, _SIDE, "y"), (p, -1, 2, "polarity")):
            wrong = (values < low) | (values >= high)
            if wrong.any():
                first = int(wrong.argmax())
                got = f"{name} {values[first]} at {self.place(done + first)} of {self.path}"
                raise DataError(f"{name} between {low} and {high - 1}", got, "correct or remove that line")
        return as_events(t, x, y, p > 0)

    def _broken_line(self, reason: str) -> DataError:
        """An error that names the first line which is not whole numbers (searched only now: it is slow)."""
        dialect = self._dialect
        with self.path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if number > dialect.skipped and line.strip() and self._event(line) is None:
                    got = f"{excerpt(line.strip())} in line {number} of {self.path}"
                    expected = f"{len(dialect.columns)} values with whole numbers in {','.join(PUBLISHED_ORDER)}"
                    return DataError(expected, got, "correct or remove that line")
        return DataError("a readable CSV", f"{self.path} ({reason.splitlines()[0]})", "write it again")


def _dialect(path: Path) -> _Dialect:
    """Read the first lines of a file (`DataError` where they are not events' columns)."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        skipped, line = 0, file.readline()
        while line and (not line.strip() or line.startswith(("#", "%"))):
            skipped, line = skipped + 1, file.readline()
    text = line.strip()
    delimiter = next((sign for sign in ",;\t " if sign in text), ",")
    fields = [field.strip().strip('"').lower() for field in text.split(delimiter)]
    if not text or all(_is_number(field) for field in fields):
        if text and len(fields) != len(PUBLISHED_ORDER):
            expected = f"the four columns {','.join(PUBLISHED_ORDER)}"
            got = f"{len(fields)} columns and no header in {path}"
            raise DataError(expected, got, "write a first line that names the columns")
        return _Dialect(delimiter, PUBLISHED_ORDER, skipped, False)
    columns = [_NAMES.get(field, f"other {i}") for i, field in enumerate(fields)]
    if any(columns.count(name) != 1 for name in PUBLISHED_ORDER):
        expected = "a header that names x, y, polarity and t once each"
        raise DataError(expected, f"{excerpt(text)} in {path}", "rename its columns, or remove it for x,y,polarity,t")
    return _Dialect(delimiter, tuple(columns), skipped + 1, True)


def _looks_published(x: np.ndarray, y: np.ndarray, p: np.ndarray, t: np.ndarray) -> bool:
    """Whether columns without a header can be pixel, pixel, polarity and time."""
    polarity = ((p >= 0) & (p <= 1)).all() or (np.abs(p) == 1).all()
    pixels = x.min() >= 0 and y.min() >= 0 and x.max() < _SIDE and y.max() < _SIDE
    return bool(polarity and pixels and t[-1] >= t[0])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_int(text: str) -> bool:
    return text.strip().lstrip("+-").isdigit()
