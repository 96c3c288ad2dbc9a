"""The text files of one sequence: boxes, presence flags, frame range, what it states about sensor and slices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from had.data.annotation_doubts import are_shares
from had.data.annotations import read_flags, read_ground_truth, read_sensor, read_slices
from had.data.box_frames import RANGE_FILE, read_range
from had.data.box_sizes import refuse_oversized
from had.data.layouts import SENSOR_FILE, SLICES_FILE, Layout
from had.data.verify.problems import Findings
from had.errors import DataError


def check_boxes(findings: Findings, layout: Layout, folder: Path) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(F, 4) boxes and (F,) presence, each None where preparation would refuse its file."""
    try:
        boxes = read_ground_truth(folder / layout.boxes)
    except DataError as error:
        findings.refused("boxes", error, file=folder / layout.boxes)
        return None, None
    if layout.presence is None:
        return boxes, np.asarray((boxes[:, 2:] > 0).all(axis=1))
    try:
        return boxes, read_flags(folder / layout.presence, len(boxes), layout.present_value)
    except DataError as error:
        findings.refused("flags", error, file=folder / layout.presence)
        return boxes, None


def check_units(findings: Findings, layout: Layout, folder: Path, boxes: np.ndarray) -> None:
    """Note boxes that can hardly be pixels."""
    if are_shares(boxes):
        what = f"all numbers of {len(boxes)} boxes lie between 0 and 1, as shares of the image do"
        findings.add("box-units", what, "write x, y, w, h in pixels", file=folder / layout.boxes, severity="note")


def flag_count(layout: Layout, folder: Path) -> int | None:
    """Number of presence flags, None where there is no such file."""
    if layout.presence is None or not (folder / layout.presence).is_file():
        return None
    return len((folder / layout.presence).read_bytes().split())


def check_visible(findings: Findings, layout: Layout, folder: Path, boxes: Any, present: Any, clip: int) -> None:
    """See that training can cut a clip of ``clip`` frames from the sequence, or that tracking can begin somewhere.

    Args:
        clip: frames that begin with a visible target; 1 for tracking.
    """
    file = folder / layout.boxes
    visible = present & (boxes[:, 2:] > 0).all(axis=1)
    if len(boxes) < clip:
        got = f"{len(boxes)} frames, but a training clip has {clip} (crops.clip_frames)"
        findings.add("no-target", got, "leave the sequence out of its list", file=file)
    elif not visible[: len(boxes) - clip + 1].any():
        what = (
            "no frame that shows the target" if clip == 1 else f"no clip of {clip} frames begins with a visible target"
        )
        remedy = "leave the sequence out of its list or check its boxes"
        if layout.presence:
            remedy += f" and {layout.presence}, where {layout.flags_mean}"
        findings.add("no-target", what, remedy, file=file)
    empty = np.flatnonzero(present & ~visible)
    if len(empty):
        first = int(empty[0]) + 1
        what = f"{len(empty)} boxes of a present target have a width or height of 0 or less, the first in line {first}"
        remedy = "they count as not visible"
        findings.add("box-empty", what, remedy, file=file, line=first, severity="note")


def check_inside(findings: Findings, layout: Layout, folder: Path, boxes: Any, present: Any, size: Any) -> None:
    """Say which boxes of a visible target leave an image of ``size`` (width, height), or are far larger than it."""
    visible = present & (boxes[:, 2:] > 0).all(axis=1)
    try:
        refuse_oversized(boxes, visible, size, folder / layout.boxes)
    except DataError as error:
        findings.refused("box-outside", error, file=folder / layout.boxes)
        return
    x, y, w, h = boxes.T
    away = visible & ((x >= size[0]) | (y >= size[1]) | (x + w <= 0) | (y + h <= 0))
    over = visible & ~away & ((x < 0) | (y < 0) | (x + w > size[0]) | (y + h > size[1]))
    image = f"the image of {size[0]}x{size[1]}"
    remedy = "check that boxes and images belong together; a run takes them as they are"
    for which, where in ((away, "lie wholly outside"), (over, "reach beyond")):
        lines = np.flatnonzero(which) + 1
        if len(lines):
            what = f"{len(lines)} boxes {where} {image}, the first in line {lines[0]}"
            place = folder / layout.boxes
            findings.add("box-outside", what, remedy, file=place, line=int(lines[0]), severity="note")


def check_range(findings: Findings, folder: Path, frames: int) -> None:
    """Note a frame range that does not fit the number of boxes, which is what counts."""
    path = folder / RANGE_FILE
    if not path.is_file():
        return
    stated = read_range(folder)
    if stated is None:
        findings.add("start-end", "no `first,last`", "nothing reads it", file=path, line=1, severity="note")
    elif (length := stated[1] - stated[0] + 1) != frames:
        what = f"{stated[0]} to {stated[1]} are {length} frames, but there are {frames} boxes"
        remedy = "the number of boxes counts, as published"
        findings.add("start-end", what, remedy, file=path, line=1, severity="note")


def check_statements(findings: Findings, layout: Layout, folder: Path) -> tuple[tuple[int, int] | None, bool]:
    """(width, height) that the sequence's folder or the layout states, None where broken; whether all is whole."""
    size, whole = None, True
    try:
        size = read_sensor(layout, folder)
    except DataError as error:
        findings.refused("statement", error, file=folder / SENSOR_FILE)
        whole = False
    try:
        read_slices(folder)
    except DataError as error:
        findings.refused("statement", error, file=folder / SLICES_FILE)
        whole = False
    return size, whole
