"""One field of a CSV of events: a whole number, a time, a polarity in words; what is none of them."""

from __future__ import annotations

import re
from pathlib import Path

from had.errors import DataError, excerpt
from had.numerals import finite, whole

TRUE, FALSE = ("True", "true", "TRUE"), ("False", "false", "FALSE")
"""Words that a polarity may be written in."""
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf(?:inity)?)", re.IGNORECASE | re.ASCII)
_NUMERIC = re.compile(r"[+-]?[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?")


def delimiter_of(line: str) -> str:
    """The sign that parts the values of a line."""
    return next((sign for sign in ",;\t " if sign in line), ",")


def split(line: str, delimiter: str) -> list[str]:
    """The fields of a line without spaces and quotes around them."""
    return [field.strip().strip('"') for field in line.strip().split(delimiter)]


def is_number(text: str) -> bool:
    """Whether a field is a finite number."""
    return finite(text) is not None


def is_value(text: str) -> bool:
    """Whether a field is a finite number, or a polarity in words."""
    return word(text) is not None or is_number(text)


def word(text: str) -> int | None:
    """The polarity, 1 or 0, that a field states: True or 1, False or 0; None for any other."""
    return 1 if text in (*TRUE, "1") else 0 if text in (*FALSE, "0") else None


def number_of(text: str) -> float:
    """The number that a field which `is_value` states."""
    known = word(text)
    return float(text) if known is None else known


def is_not_finite(text: str) -> bool:
    """Whether a field is NaN or infinite, or a number that is too large or too long."""
    return bool(_NOT_FINITE.fullmatch(text) or _NUMERIC.fullmatch(text)) and not is_number(text)


def refuse_not_finite(value: str, line: str, number: int, path: Path) -> DataError:
    """The error for a ``value`` that `is_not_finite`, and the line it stands in."""
    got = f"{value} of {excerpt(line.strip())} in line {number} of {path}"
    return DataError("finite numbers", got, "correct or remove that line")


def is_int(text: str) -> bool:
    """Whether a field is a whole number of 64 bits."""
    number = whole(text)
    return number is not None and -(1 << 63) <= number < 1 << 63
