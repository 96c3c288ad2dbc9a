"""The text of a box file -> numbers, quickly: four a line, or nothing where the text is not plainly that.

Callers that get nothing read the text again, line by line, to say what is wrong and where. So the quick way takes
no decision of its own: what it accepts, a careful reader accepts, and reads as the same numbers.
"""

from __future__ import annotations

import io

import numpy as np

SEPARATORS = ",;\t"
"""Between two numbers, beside blanks."""
_TO_BLANKS = bytes.maketrans(SEPARATORS.encode(), b" " * len(SEPARATORS))
_TO_COMMAS = bytes.maketrans(b";", b",")
_PLAIN = b"0123456789+-.eE,; \t\r\nNnAa"
"""All that a file of numbers consists of; in particular no letter that starts a header, a comment or a word."""
_MARK = b"\xef\xbb\xbf"


def quick_boxes(content: bytes) -> np.ndarray | None:
    """(F, 4) float64, or None for anything but F >= 1 lines of four numbers each.

    NaN is a number here, infinity is not. Fields are separated by commas, semicolons, tabs or blanks, of which two
    commas in a row leave a field empty; a byte-order mark, Windows line ends and blank lines at the end are read over.
    """
    content = content.removeprefix(_MARK).rstrip()
    if not content or content.translate(None, _PLAIN) or b",," in content.translate(_TO_COMMAS, b" \t"):
        return None
    lines = content.count(b"\n") + 1
    try:
        boxes = np.loadtxt(io.BytesIO(content.translate(_TO_BLANKS)), dtype=np.float64, comments=None, ndmin=2)
    except ValueError:
        return None
    return boxes if boxes.shape == (lines, 4) and not np.isinf(boxes).any() else None
