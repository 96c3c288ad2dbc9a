"""The text of a box file -> numbers, quickly: four a line, or nothing where the text is not plainly that.

Callers that get nothing read the text again, line by line, to say what is wrong and where. So the quick way takes
no decision of its own: what it accepts, a careful reader accepts, and reads as the same numbers.
"""

from __future__ import annotations

import io
import re

import numpy as np

from had.numerals import finite

SEPARATORS = ",;\t"
"""Between two numbers, beside blanks."""
_EMPTY_FIELD = re.compile(r"^\s*[,;]|[,;]\s*[,;]")
_EMPTY_TABBED = re.compile(r"^\t|\t\t")
_BLANK_GAP = re.compile(r"\S +\S")
_TO_COMMAS = bytes.maketrans(SEPARATORS.encode(), b"," * len(SEPARATORS))
_TO_BLANKS = bytes.maketrans(SEPARATORS.encode(), b" " * len(SEPARATORS))
_BLANKS = str.maketrans(SEPARATORS, " " * len(SEPARATORS))
_PLAIN = b"0123456789+-.eE,; \t\r\nNnAa"
"""All that a file of numbers consists of; in particular no letter that starts a header, a comment or a word."""
_MARK = b"\xef\xbb\xbf"


def box_of(line: str) -> list[float] | None:
    """The four finite numbers of a line, None for any other line."""
    box = [finite(value) for value in fields(line)]
    if len(box) != 4 or None in box or has_empty_field(line):
        return None
    return box  # type: ignore[return-value]


def quick_boxes(content: bytes) -> np.ndarray | None:
    """(F, 4) float64, or None for anything but F >= 1 lines of four numbers each.

    NaN is a number here, infinity is not. Fields are separated by commas, semicolons, tabs or blanks, none is empty;
    a byte-order mark, Windows line ends and blank lines at the end are read over.
    """
    content = content.removeprefix(_MARK).rstrip()
    if not content or content.translate(None, _PLAIN):
        return None
    commas = b"\n" + content.translate(_TO_COMMAS, b" ")
    if b",," in commas or b"\n," in commas:  # the careful way knows whether these leave a field empty
        return None
    lines = content.count(b"\n") + 1
    try:
        boxes = np.loadtxt(io.BytesIO(content.translate(_TO_BLANKS)), dtype=np.float64, comments=None, ndmin=2)
    except ValueError:
        return None
    return boxes if boxes.shape == (lines, 4) and not np.isinf(boxes).any() else None


def fields(line: str) -> list[str]:
    """The words of a line, whatever separates them."""
    return line.translate(_BLANKS).split()


def has_empty_field(line: str) -> bool:
    """Whether a separator stands at a line's begin or behind another one; of tabs where they part all numbers.

    Beside commas, semicolons or blanks that part numbers, tabs are blanks. One separator may end a line.
    """
    if "," in line or ";" in line or _BLANK_GAP.search(line):
        return _EMPTY_FIELD.search(line) is not None
    return _EMPTY_TABBED.search(line.rstrip().replace(" ", "")) is not None
