"""Which frame each box belongs to: box k to frame ``first + k`` of a recording or of a folder of images.

Frames and boxes of one number belong together one by one. Where there are more frames, the publishers' list of first
frames (`Layout.starts`) or the sequence's own range (`RANGE_FILE`) says with which one the boxes begin; a layout whose
recordings begin before their first box is refused without that number. The list is about recordings: published images,
which may be cut to the boxes, are held against it only where there are more of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from had.data.annotations import read_slices
from had.data.layouts import Layout
from had.errors import ConfigError, DataError, excerpt
from had.files import read_text
from had.numerals import natural
from had.options.recordings import PreparationOptions

RANGE_FILE = "start_end_index.txt"
"""``first,last`` frame of the original recording, from 1; published with COESOT."""


def first_frame(layout: Layout, folder: Path, *, boxes: int, frames: int, what: str) -> int:
    """Number, from 0, of the frame to which the first box of the sequence in ``folder`` belongs.

    Args:
        boxes: how many there are.
        frames: how many there are.
        what: what the frames are and where, for the message.

    Raises:
        DataError: fewer frames than boxes, from the first one on; nothing states a number that the layout needs; or
            lists differ in it.
    """
    expected = f"a frame for each of {boxes} boxes"
    if frames < boxes:
        raise DataError(expected, f"{frames} {what}", "complete the recording or shorten its annotation")
    if not layout.starts:
        return 0 if frames == boxes else _start_of_range(folder, boxes, frames)
    stated = _listed(layout, folder)
    if stated is None:
        if frames == boxes:
            return 0
        raise _unlisted(layout, folder)
    first, path = stated
    if first + boxes > frames:
        got = f"{frames} {what}, of which {path} says that the first box belongs to number {first} (from 0)"
        raise DataError(expected, got, "check that list, the recording and its annotation")
    return first


def read_range(folder: Path) -> tuple[int, int] | None:
    """(first, last) frame that the sequence's `RANGE_FILE` states, from 1; None where there is none or it is broken."""
    path = folder / RANGE_FILE
    if not path.is_file():
        return None
    fields = path.read_text(encoding="utf-8-sig", errors="replace").replace(",", " ").split()
    numbers = [natural(field) for field in fields]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
        return None
    return numbers[0], numbers[1]


def _start_of_range(folder: Path, boxes: int, frames: int) -> int:
    """The range's begin, if the boxes are those of the range and the frames those of the original recording."""
    first, last = read_range(folder) or (1, 0)
    return first - 1 if first >= 1 and last - first + 1 == boxes and frames >= last else 0


def statements(layout: Layout, folder: Path) -> tuple[Any, ...]:
    """All that is stated of the first frame of the sequence in ``folder``: what is prepared depends on it."""
    return read_range(folder), [read_starts(path).get(folder.name) for path in _lists(layout, folder)]


def _lists(layout: Layout, folder: Path) -> list[Path]:
    """The publishers' lists that are there, in the split's folder or above it."""
    places = [place / name for place in (folder.parent, folder.parent.parent) for name in layout.starts]
    return [path for path in places if path.is_file()]


def _listed(layout: Layout, folder: Path) -> tuple[int, Path] | None:
    """The number in the publishers' lists, and the list that has it; None where none does (`DataError`: two differ)."""
    known = {path: read_starts(path).get(folder.name) for path in _lists(layout, folder)}
    numbers = {path: first for path, first in known.items() if first is not None}
    stated = sorted(numbers.items(), key=lambda item: item[1])
    if stated and stated[0][1] != stated[-1][1]:
        got = " and ".join(f"{first} in {path}" for path, first in (stated[0], stated[-1]))
        raise DataError(f"one number of the first frame with a box of {folder.name}", got, "correct or remove one list")
    return next(((first, path) for path, first in numbers.items()), None)


def _unlisted(layout: Layout, folder: Path) -> DataError:
    there = _lists(layout, folder)
    expected = f"the number of the first frame with a box of {folder.name}, before which {layout.title} is recorded"
    got = f"no line for it in {there[0]}" if there else f"no list {layout.starts[0]} in {folder.parent.parent}"
    return DataError(expected, got, f"put the publishers' list there (a line `sequence,number`, from 0): {layout.home}")


def read_starts(path: Path) -> dict[str, int]:
    """Sequence -> number of its first frame with a box (`DataError` for a line that is not ``name,number``)."""
    starts: dict[str, int] = {}
    for number, line in enumerate(read_text(path, "lines `sequence,number`").splitlines(), 1):
        name, _, digits = line.replace(",", " ").strip().rpartition(" ")
        if not line.strip():
            continue
        first = natural(digits)
        if first is None or not name or starts.get(name.strip(), first) != first:
            got = f"{excerpt(line)} in line {number} of {path}"
            raise DataError("a sequence and the number of its first frame, each once", got, "correct that line")
        starts[name.strip()] = first
    return starts


def first_camera_frame(
    layout: Layout, options: PreparationOptions, path: Path, *, boxes: int, camera_frames: int, camera_is_read: bool
) -> int:
    """`first_frame` of the camera frames of a recording; 0 where nothing is made of them.

    Args:
        path: the recording, in its sequence's folder.
        camera_is_read: whether they become a stream; else they may still decide which events belong to a box.

    Raises:
        DataError: as `first_frame`, and where there are none.
        ConfigError: equal slices of a recording that begins before its first box.
    """
    slicing = layout.slicing if options.slicing == "layout" else options.slicing
    equal = slicing == "equal"
    if not equal and not camera_frames:
        got = f"{path} without camera frames"
        raise DataError(f"camera frames for slicing {slicing!r}", got, "set preparation.slicing to equal")
    if equal and not camera_is_read and not (layout.starts and camera_frames):
        return 0
    what = f"camera frames in {path}"
    first = first_frame(layout, path.parent, boxes=boxes, frames=camera_frames, what=what)
    if equal and first:
        got = f"equal slices of {path}, whose first box belongs to camera frame {first}"
        raise ConfigError("preparation.slicing by camera frames", got, "set it to layout")
    return first


def share_count(layout: Layout, options: PreparationOptions, folder: Path, boxes: int) -> int:
    """Shares of an equally sliced recording, of which the first is no frame (`DataError`: fewer frames than boxes).

    The option; else what the sequence's folder states (`SLICES_FILE`); else the layout's, whatever the number
    of boxes; one more than the boxes where the layout publishes none.
    """
    shares = options.slices or read_slices(folder) or layout.slices or boxes + 1
    if shares - 1 < boxes:
        got = f"{shares - 1} slices (equal) of the recording in {folder}"
        remedy = "complete the recording or shorten its annotation"
        raise DataError(f"a frame for each of {boxes} boxes", got, remedy)
    return shares
