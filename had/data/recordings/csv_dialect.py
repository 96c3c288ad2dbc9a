"""How a CSV of events is written: delimiter, meaning of the columns, what precedes the first event.

A header, or a comment before the first event, names the columns in any order. Without one the values of the
first rows tell them. What can be read in two ways is refused, unless one is the published order x,y,polarity,t
(`ROLES`), its times exceed all other values, and the file has fewer than 16 rows.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np

from had.data.recordings.columns import ROLES, order_or_refuse, reason_of
from had.data.recordings.csv_comments import NamedColumns, columns_in, named_columns, sizes_in, units_in
from had.data.recordings.csv_fields import (
    FALSE,
    TRUE,
    delimiter_of,
    is_int,
    is_not_finite,
    is_number,
    is_value,
    number_of,
    refuse_not_finite,
    split,
    word,
)
from had.data.recordings.sensor_size import Stated
from had.data.recordings.statements import Statement, agreed
from had.errors import DataError, excerpt
from had.numerals import finite, natural

COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
"""Suffixes and their codecs."""
_LONGEST = 1 << 16
"""Characters of the longest line that is looked at."""
_SAMPLE_LINES = 10_000
_MOST_PREAMBLE = 10_000
"""Lines before the first event."""
_WHOLES = re.compile(r"(?:[+-]?[0-9]{1,18}\n)*")
"""Lines of whole numbers that fit 64 bits for certain."""
_REMEDY = "write a first line that names the columns, e.g. t,x,y,p"


class Dialect(NamedTuple):
    """How a file is written.

    Attributes:
        delimiter: one character.
        columns: what each column is: x, y, p, t or something else.
        skipped: lines before the first event.
        stated: the units of time that the header and the comments name.
        sizes: what the lines before the first event state of the sensor's size.
        times: those of the first rows; float64 where one of them is written with a point, else int64.
        floats: names of the columns of which one of the first rows is written with a point or an exponent.
        words: whether the polarity of one of the first rows is True or False.
        told: whether the first rows' values alone tell the columns.
    """

    delimiter: str
    columns: tuple[str, ...]
    skipped: int
    stated: list[Statement]
    sizes: tuple[Stated, ...]
    times: np.ndarray
    floats: frozenset[str]
    words: bool
    told: bool = False

    def values(self, line: str) -> dict[str, float] | None:
        """The named values of a line, None for one that is no event."""
        fields = split(line, self.delimiter)
        if len(fields) != len(self.columns):
            return None
        named = dict(zip(self.columns, fields, strict=True))
        values = {name: self._value(name, named[name]) for name in ROLES}
        return None if None in values.values() else values  # type: ignore[return-value]

    def _value(self, name: str, text: str) -> float | None:
        if name == "p" and self.words:
            return word(text)
        if name in self.floats:
            return finite(text)
        return int(text) if is_int(text) else None

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
        expected, remedy = f"{len(self.columns)} values with whole numbers in {whole}", "correct or remove that line"
        fields = split(line, self.delimiter)
        named = dict(zip(self.columns, fields, strict=True)) if len(fields) == len(self.columns) else {}
        wrong = next((name for name in ROLES if named and self._value(name, named[name]) is None), None)
        if number == self.skipped + 1 and wrong is not None:
            remedy = f"write {wrong} in numbers in all lines" + (" (polarity as 0 and 1)" if wrong == "p" else "")
        return DataError(expected, f"{excerpt(line.strip())} in line {number} of {path}", remedy)


@contextmanager
def open_bytes(path: Path) -> Iterator[Any]:
    """A file as a pyarrow stream, decompressed where its suffix says so.

    The path is given in bytes, which need not be UTF-8. Not as a Python file: pyarrow's threads read ahead, and one
    that still reads from such a file when the interpreter ends aborts the process.
    """
    import pyarrow

    compression = COMPRESSED.get(path.suffix.lower())
    with pyarrow.OSFile(os.fsencode(path)) as file, pyarrow.input_stream(file, compression=compression) as stream:
        yield stream


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """A file as text, decompressed where its suffix says so (`DataError` where it is broken)."""
    try:
        with open_bytes(path) as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace") as file:
            yield file
    except OSError as error:
        got = f"{path}, which cannot be decompressed ({reason_of(error)})"
        raise DataError("a whole compressed CSV", got, "copy or download it again") from None


def read_dialect(path: Path) -> Dialect:
    """Read the first lines of a file (`DataError` where they are not events' columns)."""
    with open_text(path) as file:
        lines, skipped, comments, sizes = lines_of(file), 0, list[str](), list[Stated]()
        text = ""
        for line in lines:
            text = line.strip()
            comment = text.startswith(("#", "%"))
            size = None if comment else _size(text)
            if text and not comment and size is None:
                break
            sizes += [size] if size else []
            comments += [text] if comment else []
            skipped, text = skipped + 1, ""
            if skipped > _MOST_PREAMBLE:
                got = f"none in the first {_MOST_PREAMBLE} of {path}"
                raise DataError("lines of events", got, "remove what is before them")
        sizes += sizes_in(comments)
        delimiter = delimiter_of(text)
        fields = split(text, delimiter)
        if delimiter == " " and "" in fields:
            got = f"several between those of {excerpt(text)} in {path}"
            raise DataError("one space or comma between values", got, "write it with commas")
        named = columns_in(comments, delimiter, len(fields) if text else len(ROLES))
        first = [text] if text else []
        if text and not all(is_value(field) or is_not_finite(field) for field in fields):
            named, skipped, first = [_header(fields, text, path), *named], skipped + 1, []
        sample = [*first, *islice(lines, _SAMPLE_LINES)]
    units = [Statement(one.unit, f"the name of the times in {one.where}") for one in named if one.unit]
    units += units_in(comments)
    columns = agreed("order of columns", (one.order for one in named), path, lambda order: tuple(order.split(",")))
    if columns is not None:
        return Dialect(delimiter, columns, skipped, units, tuple(sizes), *_rows(sample, delimiter, columns))
    if text and len(fields) != len(ROLES):
        got = f"{len(fields)} columns and no header in {path}"
        raise DataError("a header, or the four columns x, y, polarity and t", got, _REMEDY)
    value = next(filter(is_not_finite, fields), None)
    if value is not None:
        raise refuse_not_finite(value, text, skipped + 1, path)
    rows = [split(line, delimiter) for line in sample]
    told = [row for row in rows if len(row) == len(ROLES) and all(is_value(field) for field in row)]
    order: tuple[str, ...] = ROLES
    if told:
        numbers = np.array([[number_of(field) for field in row] for row in told])
        order = order_or_refuse(numbers, path, _REMEDY, published=ROLES)
    return Dialect(delimiter, order, skipped, units, tuple(sizes), *_rows(sample, delimiter, order), told=bool(told))


def lines_of(file: TextIO) -> Iterator[str]:
    """A file's lines; of a longer one pieces of 65,536 characters."""
    return iter(lambda: file.readline(_LONGEST), "")


def _size(text: str) -> Stated | None:
    """The sensor's size, where a line states nothing else: ``346 260``."""
    sides = [natural(field) for field in split(text, delimiter_of(text))]
    return Stated("its first line", *sides) if len(sides) == 2 and all(sides) else None


def _header(fields: list[str], text: str, path: Path) -> NamedColumns:
    """The columns that a header names."""
    found = named_columns(fields, "the header")
    if found is None:
        expected = "a header that names x, y, polarity and t once each"
        raise DataError(expected, f"{excerpt(text)} in {path}", "rename its columns, or remove it")
    return found


def _rows(lines: list[str], delimiter: str, columns: tuple[str, ...]) -> tuple[np.ndarray, frozenset[str], bool]:
    """The first rows' times, the columns that hold floats, and whether polarity is in words.

    Broken lines are named later, by the reader.
    """
    rows = [split(line, delimiter) for line in lines[:_SAMPLE_LINES]]
    rows = [row for row in rows if len(row) == len(columns)]
    texts = {name: [row[columns.index(name)] for row in rows] for name in ROLES}
    words = any(text in TRUE + FALSE for text in texts["p"])
    floats = set()
    for name, column in texts.items():
        if not _WHOLES.fullmatch("".join(f"{text}\n" for text in column)):  # all at once, as they mostly are
            texts[name] = [text for text in column if is_number(text)]
            floats |= set() if all(map(is_int, texts[name])) else {name}
    if "t" in floats:
        return np.array(texts["t"], np.float64), frozenset(floats), words
    return np.array([int(text) for text in texts["t"]], np.int64), frozenset(floats), words
