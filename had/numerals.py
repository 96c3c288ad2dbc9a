"""Text of others -> a whole or a finite number, or None where the text is not plainly one.

Python's own conversions are laxer and stricter than files of others need: ``int`` refuses more than 4,300 digits
with an error of its own, ``str.isdigit`` is true for superscripts that ``int`` cannot read, both know the digits of
every script, and ``int("1_000")`` is 1000. Here a digit is an ASCII digit.
"""

from __future__ import annotations

import math
import re

MOST_DIGITS = 20
"""Digits of a whole number at most: as many as the largest of 64 bits has."""
_MOST_CHARACTERS = 400
"""Of a number with a point or an exponent: more than the longest that a float prints in full."""

_WHOLE = re.compile(rf"[+-]?[0-9]{{1,{MOST_DIGITS}}}")
_FINITE = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,5})?")


def whole(text: str) -> int | None:
    """The whole number that a text is, None for any other text.

    Example:
        >>> whole("-12"), whole("1_2"), whole("²"), whole("9" * 5000)
        (-12, None, None, None)
    """
    return int(text) if _WHOLE.fullmatch(text) else None


def natural(text: str) -> int | None:
    """The whole number without a sign that a text is, None for any other text."""
    return int(text) if text[:1].isalnum() and _WHOLE.fullmatch(text) else None


def finite(text: str) -> float | None:
    """The finite number that a text is, None for any other text, NaN and infinity included.

    Example:
        >>> finite("2.5e-1"), finite("nan"), finite("1e999")
        (0.25, None, None)
    """
    if len(text) > _MOST_CHARACTERS or not _FINITE.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None
