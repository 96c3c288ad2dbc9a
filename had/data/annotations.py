"""Ground truth of a split in its published layout: names, boxes, presence flags, attributes, sensor.

Text files enter, checked line by line; `Annotation` leaves. No recording is opened.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from had.box_text import box_of, quick_boxes
from had.data.annotation_layouts import AnnotationLayout, flags_mean
from had.data.layouts import SENSOR_FILE, SLICES_FILE, Layout
from had.data.names import read_list
from had.data.second_annotation import refuse_second
from had.errors import DataError, excerpt, nearest
from had.files import read_rows, read_text, shown
from had.numerals import natural
from had.pointers import refuse_pointer

log = logging.getLogger(__name__)
MOST_SIDE = 1 << 14
"""Pixels of a sensor's side; a coordinate is stored in 16 bits."""
MOST_SLICES = 10_000_000
"""Slices of a recording."""


@dataclass(frozen=True)
class Annotation:
    """Ground truth of one sequence.

    Attributes:
        name: the sequence.
        boxes: (F, 4) float64 ``xywh`` in pixels, as published (may be empty or leave the image).
        present: (F,) bool, whether the target is visible.
        attributes: abbreviation -> whether it applies; empty where none are published.
    """

    name: str
    boxes: np.ndarray
    present: np.ndarray
    attributes: dict[str, bool] = field(default_factory=dict)


def read_split(layout: Layout, root: Path, split: str) -> list[Annotation]:
    """The annotations of a split in the order of its list.

    Training sequences that another split lists too are left out and logged.

    Raises:
        DataError: no such split, no list, or a broken annotation (file, line and expectation are named).
    """
    folder = split_folder(layout, root, split)
    attributes = read_attributes(layout, folder)
    names = read_names(layout, root, split)
    return [read_annotation(layout, folder / name, name, attributes=attributes.get(name)) for name in names]


def split_folder(layout: Layout, root: Path, split: str) -> Path:
    """The folder of a split (`DataError` where the layout has no such split)."""
    if split not in layout.splits:
        raise DataError(f"a split of {layout.title}", repr(split), nearest(split, layout.splits))
    return Path(root) / layout.splits[split]


def read_names(layout: Layout, root: Path, split: str) -> list[str]:
    """The names of a split's sequences (`DataError`: as `read_list`)."""
    names = read_list(split_folder(layout, root, split) / layout.list_file)
    if split != "train":
        return names
    others: set[str] = set()
    for other in layout.splits:
        path = split_folder(layout, root, other) / layout.list_file
        if other != split and path.is_file():
            others |= set(read_list(path))
    doubled = sorted(set(names) & others)
    if doubled:
        log.warning("%s: left out of train, because another split lists them too: %s", layout.title, ", ".join(doubled))
    return [name for name in names if name not in others]


def read_annotation(
    layout: Layout, folder: Path, name: str, *, attributes: dict[str, bool] | None = None
) -> Annotation:
    """The ground truth of the sequence in ``folder``.

    Args:
        attributes: its attributes where they are known already; None: look for them beside the sequence.

    Raises:
        DataError: a missing or broken file, or as many flags as there are not boxes.
    """
    boxes = read_ground_truth(Path(folder) / layout.boxes)
    if layout.presence is None:
        present = np.asarray((boxes[:, 2:] > 0).all(axis=1))
    else:
        present = read_flags(Path(folder) / layout.presence, len(boxes), layout.present_value)
    if attributes is None:
        attributes = read_attributes(layout, Path(folder).parent).get(name, {})
    return Annotation(name, boxes, present, attributes)


def _lines(path: Path, expected: str) -> list[str]:
    if not path.is_file():
        raise DataError(expected, f"no file {path}", "complete the download or correct the root")
    refuse_pointer(path, expected)
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise DataError(expected, f"an empty file {path}", "complete the download")
    return lines


def read_ground_truth(path: Path) -> np.ndarray:
    """The boxes of one sequence, (F, 4) float64 ``xywh``.

    Raises:
        DataError: no file, none in it, not finite numbers, or other boxes beside it that may be meant as well.
    """
    expected = "one x,y,w,h a line"
    refuse_second(path)
    boxes: list[list[float]] = []
    quick = quick_boxes(path.read_bytes()) if path.is_file() else None
    if quick is not None and np.isfinite(quick).all():
        return quick
    for number, line in enumerate(_lines(path, expected), 1):
        box = box_of(line)
        if box is None:
            raise DataError(expected, f"{excerpt(line)} in line {number} of {path}", "correct that line")
        boxes.append(box)
    return np.array(boxes, np.float64)


def read_flags(path: Path, frames: int, meaning_true: int) -> np.ndarray:
    """(F,) bool, True where the flag is ``meaning_true`` (`DataError`: no file, other flags, or another number)."""
    expected = f"one flag 0 or 1 for each of {frames} boxes ({flags_mean(meaning_true)})"
    flags = []
    for number, line in enumerate(_lines(path, expected), 1):
        if line.strip() not in ("0", "1"):
            raise DataError(expected, f"{excerpt(line)} in line {number} of {path}", "correct that line")
        flags.append(int(line) == meaning_true)
    if len(flags) != frames:
        raise DataError(expected, f"{len(flags)} flags in {path}", "complete the shorter of the two files")
    return np.array(flags, bool)


def read_sensor(layout: Layout, folder: Path) -> tuple[int, int]:
    """(width, height) of a sequence's sensor: stated in its folder (`SENSOR_FILE`), else the layout's (`DataError`)."""
    return stated_sensor(folder) or layout.sensor


def stated_sensor(folder: Path) -> tuple[int, int] | None:
    """(width, height) that a sequence's folder states (`SENSOR_FILE`), None where it does not.

    Raises:
        DataError: a file that states something else.
    """
    path = folder / SENSOR_FILE
    if not path.is_file():
        return None
    text = read_text(path, "width,height in pixels").replace(",", " ").split()
    sides = [natural(side) or 0 for side in text]
    if len(sides) != 2 or not all(0 < side <= MOST_SIDE for side in sides):
        got = f"{excerpt(' '.join(text))} in {path}"
        raise DataError("width,height in pixels", got, "correct or remove that file")
    return sides[0], sides[1]


def read_attributes(layout: AnnotationLayout, folder: Path) -> dict[str, dict[str, bool]]:
    """Attributes of the sequences of a split folder: name -> abbreviation -> whether it applies.

    Read from ``attributes.csv`` (header ``sequence,<abbreviation>...``) in the folder or above it, else
    from ``att/<sequence>.txt`` there (one flag a line, in the layout's order); empty where neither exists.

    Raises:
        DataError: a broken file.
    """
    for place in (folder, folder.parent):
        if (place / "attributes.csv").is_file():
            return _attribute_table(layout, place / "attributes.csv")
        if (place / "att").is_dir() and layout.attributes:
            flags = [path for path in shown(place / "att", "*.txt") if path.is_file()]
            return {path.stem: _attribute_flags(layout, path) for path in flags}
    return {}


def _attribute_table(layout: AnnotationLayout, path: Path) -> dict[str, dict[str, bool]]:
    rows = [row for row in read_rows(path, "a table of attributes") if row]
    header = rows[0] if rows else []
    unknown = [name for name in header[1:] if name not in layout.attributes]
    if header[:1] != ["sequence"] or unknown:
        expected = f"a header sequence,{','.join(layout.attributes)}"
        raise DataError(expected, f"{excerpt(','.join(header))} in {path}", "correct that header")
    table = {}
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(header) or not set(row[1:]) <= {"0", "1"}:
            expected = f"a name and {len(header) - 1} flags 0 or 1"
            raise DataError(expected, f"{excerpt(','.join(row))} in row {number} of {path}", "correct that row")
        if row[0] in layout.ambiguous:
            continue
        if row[0] in table:
            raise DataError("each sequence once", f"{row[0]!r} again in row {number} of {path}", "remove one of them")
        table[row[0]] = {name: flag == "1" for name, flag in zip(header[1:], row[1:], strict=True)}
    return table


def _attribute_flags(layout: AnnotationLayout, path: Path) -> dict[str, bool]:
    flags = read_text(path, f"{len(layout.attributes)} flags 0 or 1").replace(",", " ").split()
    if len(flags) != len(layout.attributes) or not set(flags) <= {"0", "1"}:
        raise DataError(f"{len(layout.attributes)} flags 0 or 1", f"{len(flags)} values in {path}", "correct that file")
    return {name: flag == "1" for name, flag in zip(layout.attributes, flags, strict=True)}


def read_slices(folder: Path) -> int | None:
    """Equal slices that a sequence's recording was made for, if its folder states them (`SLICES_FILE`).

    Raises:
        DataError: the file does not hold a whole number above 1.
    """
    path = folder / SLICES_FILE
    if not path.is_file():
        return None
    text = read_text(path, "a number of slices above 1").strip()
    slices = natural(text) or 0
    if not 1 < slices <= MOST_SLICES:
        raise DataError("a number of slices above 1", f"{excerpt(text)} in {path}", "correct it or delete the file")
    return slices
