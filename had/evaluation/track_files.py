"""Result files made by anybody -> (F, 4) float64 boxes.

One box a line, ``x y w h`` separated by commas, tabs, semicolons or blanks, whole or fractional
numbers, NaN allowed (the evaluators repair it); a byte-order mark and Windows line ends are read over.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from had.errors import DataError

_SEPARATORS = str.maketrans(",;\t", "   ")


def read_boxes(path: Path, *, frames: int | None = None) -> np.ndarray:
    """The boxes of a text file.

    Args:
        path: the file.
        frames: boxes wanted; further rows are cut, fewer are refused. None: all there are.

    Returns:
        (F, 4) float64 ``xywh`` in pixels.

    Raises:
        DataError: no such file, not text, a line that is not four numbers, or fewer than ``frames`` rows.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError("a result file", f"no file {path}", "track that sequence") from None
    except UnicodeDecodeError:
        raise DataError("a text file of boxes", f"other data in {path}", "write one `x,y,w,h` a line") from None
    rows = [line.split() for line in text.translate(_SEPARATORS).splitlines()]
    while rows and not rows[-1]:
        rows.pop()
    for number, row in enumerate(rows, start=1):
        if len(row) != 4:
            got = f"{len(row)} values in line {number} of {path}"
            raise DataError("four numbers x, y, w, h a line", got, "write axis-parallel boxes, one line a frame")
    if frames is not None and len(rows) < frames:
        raise DataError(f"{frames} boxes in {path}", f"{len(rows)} rows", "track the whole sequence again")
    try:
        boxes = np.array(rows, dtype=np.float64)
    except ValueError:
        raise DataError("four numbers x, y, w, h a line", _first_word(rows, path), "remove headers and words") from None
    return boxes.reshape(-1, 4)[:frames]


def _first_word(rows: list[list[str]], path: Path) -> str:
    """Where the first value that is not a number stands."""
    for number, row in enumerate(rows, start=1):
        for value in row:
            try:
                float(value)
            except ValueError:
                return f"{value!r} in line {number} of {path}"
    return f"other values in {path}"
