"""Result files made by anybody -> (F, 4) float64 boxes.

One box a line, ``x y w h`` separated by commas, tabs, semicolons or blanks, whole or fractional
numbers, NaN allowed (the evaluators repair it); a byte-order mark and Windows line ends are read over.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from had.box_text import fields, has_empty_field, quick_boxes
from had.errors import DataError, excerpt
from had.files import read_text

_EXPECTED = "four numbers x, y, w, h a line"
_DECIMAL_COMMAS = re.compile(r"(?=.*,)\s*([+-]?\d+(,\d+)?,?[;\s]+){3}[+-]?\d+(,\d+)?\s*", re.ASCII)
_NUMBER = re.compile(r"[+-]?(nan|(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)", re.IGNORECASE | re.ASCII)
FEW = 20
"""Rows beyond a sequence's frames that are no sign of another rate, however short it is."""
_NAN_REMEDY = "write NaN where the tracker has no box"


def read_boxes(path: Path, *, frames: int | None = None) -> np.ndarray:
    """The boxes of a text file.

    Args:
        path: the file.
        frames: boxes wanted, see `of_frames`. None: all there are.

    Returns:
        (F, 4) float64 ``xywh`` in pixels.

    Raises:
        DataError: no such file, not text, a line that is not four numbers, or as `of_frames`; the file, the line and
            the remedy are named.
    """
    if Path(path).exists() and not Path(path).is_file():  # a pipe would be waited for without end
        raise DataError("a result file", f"{path}, which is no file", "give a file")
    try:
        content = Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise DataError("a result file", f"no file {path}", "track that sequence") from None
    except OSError as error:
        raise DataError("a result file", f"{path}, which cannot be read ({error.strerror})", "give a file") from None
    boxes = quick_boxes(content)
    if boxes is None:
        boxes = _carefully(path)
    return boxes if frames is None else of_frames(boxes, frames, path)


def of_frames(boxes: np.ndarray, frames: int, path: Path) -> np.ndarray:
    """The rows that belong to a sequence's frames: a few further ones are cut, as the official evaluators do.

    Raises:
        DataError: fewer, or far more: rows at another rate than the annotation's would be compared with other frames.
    """
    if len(boxes) < frames:
        raise DataError(f"{frames} boxes in {path}", f"{len(boxes)} rows", "track the whole sequence again")
    if len(boxes) >= 2 * frames and len(boxes) - frames > FEW:
        times = f"{len(boxes) / frames:.3g} times as many"
        remedy = "give one row an annotated frame, in the annotation's rate, or the annotation of all frames"
        raise DataError(f"{frames} boxes in {path}", f"{len(boxes)} rows, {times}", remedy)
    return boxes[:frames]


def _carefully(path: Path) -> np.ndarray:
    """The same line by line; the first one that is wrong is named."""
    text = read_text(Path(path), "a text file of boxes")
    if "\0" in text:
        raise DataError("a text file of boxes", f"other data in {path}", "write one `x,y,w,h` a line")
    lines = text.rstrip().splitlines()
    return np.array([_box(line, f"line {n} of {path}") for n, line in enumerate(lines, 1)]).reshape(-1, 4)


def _box(line: str, place: str) -> list[float]:
    values = fields(line)
    if not values:
        raise DataError(_EXPECTED, f"0 values in {place}, which is blank", f"remove that line, or {_NAN_REMEDY}")
    wrong = next((value for value in values if not _NUMBER.fullmatch(value)), None)
    if wrong is not None and wrong.strip("+-").lower() in ("inf", "infinity"):
        raise DataError("finite numbers", f"{wrong!r} in {place}", _NAN_REMEDY)
    if wrong is not None:
        raise DataError(_EXPECTED, f"{excerpt(wrong)} in {place}", "remove headers, comments and words")
    if has_empty_field(line):
        raise DataError(_EXPECTED, f"an empty field in {place}, {excerpt(line)}", _NAN_REMEDY)
    if len(values) > 4 and _DECIMAL_COMMAS.fullmatch(line):
        corners = " (and of a polygon of four corners the axis-parallel box)" if len(values) == 8 else ""
        remedy = f"write a point for decimals, because a comma parts two numbers{corners}"
        raise DataError(_EXPECTED, f"{len(values)} values in {place}, {excerpt(line)}", remedy)
    if len(values) == 8:
        remedy = "write the axis-parallel box that your benchmark prescribes for a polygon of four corners"
        raise DataError(_EXPECTED, f"8 values in {place}", remedy)
    if len(values) != 4:
        remedy = "write axis-parallel boxes, one line a frame, a point for decimals and nothing after h"
        raise DataError(_EXPECTED, f"{len(values)} values in {place}", remedy)
    box = [float(value) for value in values]
    if any(map(math.isinf, box)):
        raise DataError("finite numbers", f"{excerpt(line)} in {place}", _NAN_REMEDY)
    return box
