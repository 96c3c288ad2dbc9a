"""CSV files of events (EventVOT's ``x,y,polarity,t``) -> events, streamed by pyarrow.

`csv_dialect` finds out how a file is written. A first line of numbers is data (the published reader loses
it as a header). Whole times are microseconds, as published, unless the header or the caller says otherwise
or they can only be nanoseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from had.data.recordings.columns import ROLES, ColumnRecording, TimeUnit, reason_of, unit_by_values
from had.data.recordings.csv_dialect import COMPRESSED, lines_of, open_bytes, open_text, read_dialect
from had.data.recordings.csv_fields import FALSE, TRUE
from had.errors import DataError, excerpt

_BLOCK_BYTES = 1 << 20
"""Read at a time; pyarrow reads up to 32 such blocks ahead, and that is what memory is spent on."""
_TAIL_BYTES = 1 << 12
"""Enough for the last line."""


class CsvRecording(ColumnRecording):
    """A CSV of events, one a line, polarity 0/1 or -1/1; plain, or compressed by gzip or zstd."""

    format = "CSV"

    def __init__(self, path: Path, *, size: tuple[int, int] | None = None, time_unit: TimeUnit | None = None):
        self._dialect = read_dialect(path)
        super().__init__(path, size=size, stated=self._dialect.sizes)
        self._compressed = path.suffix.lower() in COMPRESSED
        self.order_told = self._dialect.columns if self._dialect.told else None
        times = self._dialect.times
        told = unit_by_values(times) if times.dtype.kind == "i" else None
        published: TimeUnit | None = "us" if times.dtype.kind == "i" and told != "ns" else None
        self.choose_unit(times, asked=time_unit, stated=self._dialect.stated, usual=published)
        if published and told is None and time_unit is None and not self._dialect.stated:
            values = f"from {times.min()} to {times.max()} in the first {len(times)} events"
            self.notes.append(f"times ({values}) taken for microseconds, for which they are unusual: see --time-unit")

    def place(self, index: int) -> str:
        """The line of event ``index`` (empty lines not counted)."""
        return f"line {index + 1 + self._dialect.skipped}"

    def last_us(self) -> int | None:
        """See `Recording.last_us`; None for a last line that is no event, which `decode` names, and if compressed."""
        event = None if self._compressed else self._dialect.values(self._tail().rstrip().rpartition("\n")[2])
        return None if event is None else int(self.microseconds(np.array([event["t"]]), 0)[0])

    def check_end(self) -> None:
        """See `Recording.check_end`: the last line has all its values, and a time not before that of the line above."""
        if self._compressed or not len(self._dialect.times):
            return
        tail = self._tail()
        before, last = ["", *tail.rstrip().split("\n")][-2:]
        event, earlier = self._dialect.values(last), self._dialect.values(before)
        if event is not None and (earlier is None or earlier["t"] <= event["t"]):
            return
        with self.path.open("rb") as file:
            newlines = sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK_BYTES), b""))
        number = newlines - tail[len(tail.rstrip()) :].count("\n") + 1
        if self._dialect.not_finite(last) is not None:
            raise self._dialect.refusal(last, number, self.path)
        expected = f"{len(self._dialect.columns)} values and a time that does not run backwards"
        got = f"{excerpt(last.strip())} in line {number} of {self.path}, its last"
        raise DataError(expected, got, "copy or download the file again: it looks cut off")

    def _tail(self) -> str:
        with self.path.open("rb") as file:
            file.seek(max(0, self.path.stat().st_size - _TAIL_BYTES))
            return file.read().decode(errors="replace")

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
        types = {name: pyarrow.float64() if name in dialect.floats else pyarrow.int64() for name in ROLES}
        words = {}
        if dialect.words:
            types["p"] = pyarrow.bool_()
            words = {"true_values": [*TRUE, "1"], "false_values": [*FALSE, "0"]}
        convert = csv.ConvertOptions(include_columns=list(ROLES), column_types=types, **words)
        done = 0
        try:
            with (
                open_bytes(self.path) as stream,
                csv.open_csv(stream, read, csv.ParseOptions(delimiter=dialect.delimiter), convert) as batches,
            ):
                for batch in batches:
                    if batch.num_rows:
                        yield self._events([batch.column(name) for name in ROLES], done)
                        done += batch.num_rows
        except pyarrow.ArrowInvalid as error:
            if "Empty CSV" in str(error):
                return
            raise self._broken_line(reason_of(error)) from None
        except OSError as error:
            got = f"{self.path}, which cannot be read to its end ({reason_of(error)})"
            raise DataError("a whole CSV", got, "copy or download it again") from None

    def _events(self, columns: list[Any], done: int) -> np.ndarray:
        """Columns x, y, p, t of one batch, checked, as events."""
        if any(column.null_count for column in columns):
            raise self._broken_line("an empty value")
        x, y, p, t = (column.to_numpy(zero_copy_only=False) for column in columns)
        p = p.view(np.uint8) if p.dtype.kind == "b" else p
        if not all(values.dtype.kind in "iu" or np.isfinite(values).all() for values in (x, y, p, t)):
            raise self._broken_line("an infinite value")
        return self.as_checked(x, y, p, t, done=done)

    def _broken_line(self, reason: str) -> DataError:
        """An error that names the first line which is no event (searched only now: it is slow)."""
        dialect = self._dialect
        with open_text(self.path) as file:
            for number, line in enumerate(lines_of(file), 1):
                if number > dialect.skipped and line.strip() and dialect.values(line) is None:
                    return dialect.refusal(line, number, self.path)
        return DataError("a readable CSV", f"{self.path} ({reason})", "write it again")
