"""How a CSV of events is written: delimiter, meaning of the columns, what precedes the first event.

A header, or a comment before the first event, names the columns in any order. Without one the values of the
first rows tell them. What can be read in two ways is refused, unless one is the published order x,y,polarity,t
(`ROLES`), its times exceed all other values, and the file has fewer than 16 rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from had.data.recordings.columns import ROLES, TimeUnit, columns_named, order_or_refuse, reason_of
from had.errors import DataError, excerpt

COMPRESSED = (".gz", ".zst")
_LONGEST = 1 << 16
"""Characters of the longest line that is looked at."""
_SAMPLE_LINES = 10_000
_REMEDY = "write a first line that names the columns, e.g. t,x,y,p"


class Dialect(NamedTuple):
    """How a file is written.

    Attributes:
        delimiter: one character.
        columns: what each column is: x, y, p, t or something else.
        skipped: lines before the first event.
        stated: the unit of time that the header names, or None.
        size: (width, height) that the first line states, or None.
        times: those of the first rows; float64 where one of them is written with a point, else int64.
        floats: names of the columns of which one of the first rows is written with a point or an exponent.
        told: whether the first rows' values alone tell the columns.
    """

    delimiter: str
    columns: tuple[str, ...]
    skipped: int
    stated: TimeUnit | None
    size: tuple[int, int] | None
    times: np.ndarray
    floats: frozenset[str]
    told: bool = False

    def values(self, line: str) -> dict[str, float] | None:
        """The named values of a line, None for one that is no event."""
        fields = split(line, self.delimiter)
        if len(fields) != len(self.columns):
            return None
        named = dict(zip(self.columns, fields, strict=True))
        if not all(is_number(named[name]) if name in self.floats else is_int(named[name]) for name in ROLES):
            return None
        return {name: float(named[name]) if name in self.floats else int(named[name]) for name in ROLES}

    def not_finite(self, line: str) -> str | None:
        """The first value that is NaN or infinite, of a line that has all its values."""
        fields = split(line, self.delimiter)
        named = dict(zip(self.columns, fields, strict=True)) if len(fields) == len(self.columns) else {}
        return next((text for name, text in named.items() if name in ROLES and is_not_finite(text)), None)

    def refusal(self, line: str, number: int, path: Path) -> DataError:
        """The error for line ``number``, which is no event."""
        value = self.not_finite(line)
        if value is not None:
            return refuse_not_finite(value, line, number, path)
        whole = "x,y,p and a time in t" if "t" in self.floats else ",".join(ROLES)
        expected = f"{len(self.columns)} values with whole numbers in {whole}"
        return DataError(expected, f"{excerpt(line.strip())} in line {number} of {path}", "correct or remove that line")


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """A file as text, decompressed where its suffix says so (`DataError` where it is broken)."""
    import io

    import pyarrow

    if path.suffix.lower() not in COMPRESSED:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            yield file
        return
    try:
        with io.TextIOWrapper(pyarrow.input_stream(path), encoding="utf-8-sig", errors="replace") as file:
            yield file
    except OSError as error:
        got = f"{path}, which cannot be decompressed ({reason_of(error)})"
        raise DataError("a whole compressed CSV", got, "copy or download it again") from None


def read_dialect(path: Path) -> Dialect:
    """Read the first lines of a file (`DataError` where they are not events' columns)."""
    with open_text(path) as file:
        lines, skipped, comment, size = _lines(file), 0, "", None
        text = ""
        for line in lines:
            text = line.strip()
            stated = _size(text)
            if text and not text.startswith(("#", "%")) and stated is None:
                break
            comment, size, skipped, text = text or comment, stated or size, skipped + 1, ""
        delimiter = _delimiter(text)
        fields = split(text, delimiter)
        if delimiter == " " and "" in fields:
            got = f"several between those of {excerpt(text)} in {path}"
            raise DataError("one space or comma between values", got, "write it with commas")
        if text and not all(is_number(field) or is_not_finite(field) for field in fields):
            columns, unit = _named(fields, text, path)
            return Dialect(delimiter, columns, skipped + 1, unit, size, *_rows(lines, delimiter, columns))
        sample = [text, *islice(lines, _SAMPLE_LINES)] if text else []
    if text and len(fields) != len(ROLES):
        named = len(fields) > len(ROLES) and _from_comment(comment, delimiter, len(fields))
        if not named:
            got = f"{len(fields)} columns and no header in {path}"
            raise DataError("a header, or the four columns x, y, polarity and t", got, _REMEDY)
    else:
        named = _from_comment(comment, delimiter, len(ROLES))
    if not named:
        value = next(filter(is_not_finite, fields), None)
        if value is not None:
            raise refuse_not_finite(value, text, skipped + 1, path)
        rows = [split(line, delimiter) for line in sample]
        whole = [row for row in rows if len(row) == len(ROLES) and all(is_number(field) for field in row)]
        order = order_or_refuse(np.array(whole, np.float64), path, _REMEDY, published=ROLES) if whole else ROLES
        times, floats = _rows(iter(sample), delimiter, order)
        return Dialect(delimiter, order, skipped, None, size, times, floats, told=bool(whole))
    return Dialect(delimiter, named[0], skipped, named[1], size, *_rows(iter(sample), delimiter, named[0]))


def _lines(file: TextIO) -> Iterator[str]:
    return iter(lambda: file.readline(_LONGEST), "")


def _delimiter(text: str) -> str:
    return next((sign for sign in ",;\t " if sign in text), ",")


def _size(text: str) -> tuple[int, int] | None:
    """The sensor's size, where a line states nothing else: ``346 260``."""
    fields = split(text, _delimiter(text))
    whole = len(fields) == 2 and all(field.isdigit() and int(field) > 0 for field in fields)
    return (int(fields[0]), int(fields[1])) if whole else None


def _named(fields: list[str], text: str, path: Path) -> tuple[tuple[str, ...], TimeUnit | None]:
    """The columns that a header names."""
    found = columns_named(fields)
    if found is None:
        expected = "a header that names x, y, polarity and t once each"
        raise DataError(expected, f"{excerpt(text)} in {path}", "rename its columns, or remove it")
    return _ordered(fields, found)


def _ordered(
    fields: list[str], found: tuple[dict[str, str], TimeUnit | None]
) -> tuple[tuple[str, ...], TimeUnit | None]:
    roles = {fields.index(name): role for role, name in found[0].items()}
    return tuple(roles.get(i, f"other {i}") for i in range(len(fields))), found[1]


def _from_comment(text: str, delimiter: str, count: int) -> tuple[tuple[str, ...], TimeUnit | None] | None:
    """The columns that a comment names, as `numpy.savetxt` writes it; None where it does not."""
    fields = split(text.lstrip("#% "), delimiter)
    found = columns_named(fields) if len(fields) == count else None
    return _ordered(fields, found) if found else None


def _rows(lines: Iterator[str], delimiter: str, columns: tuple[str, ...]) -> tuple[np.ndarray, frozenset[str]]:
    """The first rows' times, and the columns that hold floats; broken lines are named later, by the reader."""
    rows = [split(line, delimiter) for line in islice(lines, _SAMPLE_LINES)]
    rows = [row for row in rows if len(row) == len(columns)]
    values = {name: [row[columns.index(name)] for row in rows] for name in ROLES}
    values = {name: [text for text in texts if is_number(text)] for name, texts in values.items()}
    floats = {name for name, texts in values.items() if not all(is_int(text) for text in texts)}
    if "t" not in floats and all(abs(int(time)) < 1 << 63 for time in values["t"]):
        return np.array([int(time) for time in values["t"]], np.int64), frozenset(floats)
    return np.array(values["t"], np.float64), frozenset(floats | {"t"})


def split(line: str, delimiter: str) -> list[str]:
    """The fields of a line without spaces and quotes around them."""
    return [field.strip().strip('"') for field in line.strip().split(delimiter)]


def is_number(text: str) -> bool:
    """Whether a field is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def is_not_finite(text: str) -> bool:
    """Whether a field is NaN or infinite, or too large for a float."""
    try:
        return not math.isfinite(float(text))
    except ValueError:
        return False


def refuse_not_finite(value: str, line: str, number: int, path: Path) -> DataError:
    """The error for a ``value`` that `is_not_finite`, and the line it stands in."""
    got = f"{value} of {excerpt(line.strip())} in line {number} of {path}"
    return DataError("finite numbers", got, "correct or remove that line")


def is_int(text: str) -> bool:
    """Whether a field is a whole number."""
    return text.lstrip("+-").isdecimal()
