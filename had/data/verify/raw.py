"""The raw recording of one sequence: opened as preparation opens it, its head decoded, its end looked at, its camera
frames held against boxes, sensor and clock by the functions that preparation asks; read whole only on request."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from had.data.box_frames import first_camera_frame, share_count
from had.data.clocks import (
    camera_times,
    camera_windows,
    check_clock,
    check_frame_size,
    check_gap,
    check_voxel_slicing,
    meets,
    silent,
    slicing_in_force,
)
from had.data.layouts import Layout
from had.data.raw_files import open_raw
from had.data.recordings import CameraFrame, Recording
from had.data.recordings.gaps import Gaps
from had.data.verify.problems import Findings
from had.errors import ConfigError, DataError
from had.options.recordings import PreparationOptions

HEAD_EVENTS = 4096
"""Events that are decoded of a recording's begin."""
SOME_FRAMES = 16
"""Camera frames that are decoded, from the first box's to the last one's."""


class RawFacts(NamedTuple):
    """What a raw recording holds.

    Attributes:
        recording: opened; None where it is broken.
        size: (width, height) of its sensor.
        camera_frames: None where it could not be read that far.
        times: (first, last) of its events in microseconds; None without events, or where the last is not known.
        gaps: the longest times without events, of a recording that was read whole.
    """

    recording: Recording | None = None
    size: tuple[int, int] | None = None
    camera_frames: int | None = None
    times: tuple[int, int] | None = None
    gaps: Gaps | None = None


def check_raw(findings: Findings, layout: Layout, folder: Path, path: Path, *, deep: bool) -> RawFacts:
    """Open a recording as preparation does.

    Args:
        folder: the sequence's.
        path: the recording in it.
        deep: decode all events and camera frames.
    """
    facts, gaps = RawFacts(), Gaps()
    try:
        recording = open_raw(layout, folder)
        facts = RawFacts(None, recording.declared, recording.frame_count())
        events, times = _all_events(recording, gaps) if deep else _ends(recording)
    except DataError as error:
        findings.refused("raw-broken", error, file=path)
        return facts
    if events == 0:
        remedy = "all its event images are white; leave the sequence out if it should have some"
        findings.add("raw-silent", "no events", remedy, file=path, severity="note")
    return facts._replace(recording=recording, times=times, gaps=gaps if deep else None)


def _ends(recording: Recording) -> tuple[int, tuple[int, int] | None]:
    """Look at the first and last events, and at the first camera frame; the number of the first events, and times."""
    next(recording.frames(), None)
    head = next(recording.chunks(HEAD_EVENTS), None)
    if head is None:
        return 0, None
    recording.check_end()
    last = recording.last_us()
    return len(head), None if last is None else (int(head["t"][0]), last)


def _all_events(recording: Recording, gaps: Gaps) -> tuple[int, tuple[int, int] | None]:
    for frame in recording.frames():
        del frame
    count, times = 0, None
    for events in recording.chunks():
        count += len(events)
        gaps.add(events["t"])
        times = (int(events["t"][0]) if times is None else times[0], int(events["t"][-1]))
    return count, times


def check_frames(
    findings: Findings,
    layout: Layout,
    options: PreparationOptions,
    raw: RawFacts,
    *,
    boxes: int,
    camera_is_read: bool,
    deep: bool,
) -> None:
    """Hold boxes against the frames that preparation makes of a recording.

    Args:
        camera_is_read: whether its camera frames become a stream.
        deep: look at all camera frames.
    """
    recording, count = raw.recording, raw.camera_frames
    if recording is None or count is None:
        return
    path, counts = recording.path, {}
    slicing = layout.slicing if options.slicing == "layout" else options.slicing
    try:
        if raw.gaps is not None and raw.times is not None:
            gap = check_gap(raw.gaps, recording, slicing, *raw.times)
            if gap:
                findings.add("raw-gap", gap, "frames in it have no events", file=path, severity="note")
    except DataError as error:
        findings.refused("raw-gap", error, file=path)
        return
    try:
        if options.voxels and "voxel" in layout.teacher_streams:
            check_voxel_slicing(options, slicing)
        if slicing == "equal":
            counts["slices"] = share_count(layout, options, path.parent, boxes) - 1
        first = first_camera_frame(
            layout, options, path, boxes=boxes, camera_frames=count, camera_is_read=camera_is_read
        )
    except (DataError, ConfigError) as error:
        short = count < boxes or (slicing == "equal" and not counts)
        kind = "raw-short" if short else "first-frame"
        findings.refused("options" if isinstance(error, ConfigError) else kind, error, file=path)
        return
    if slicing != "equal" or camera_is_read:
        counts["camera frames"] = count
        try:
            _check_camera(
                findings,
                recording,
                layout,
                options,
                range(first, first + boxes),
                count,
                raw.times,
                camera_is_read,
                deep,
            )
        except DataError as error:
            findings.refused("camera", error, file=path)
    if counts and min(counts.values()) > boxes:
        what = " and ".join(f"{number} {name}" for name, number in counts.items())
        what += f" for {boxes} boxes" + (f", of which the first belongs to number {first} (from 0)" if first else "")
        remedy = "frames without a box are left out"
        findings.add("raw-long", what, remedy, file=path, severity="note")


def _check_camera(
    findings: Findings,
    recording: Recording,
    layout: Layout,
    options: PreparationOptions,
    boxed: range,
    count: int,
    times: tuple[int, int] | None,
    camera_is_read: bool,
    deep: bool,
) -> None:
    """Hold the size and the clock of some or all of ``count`` camera frames against the events' (`DataError`).

    Those without a box only end the intervals of others.
    """

    def checked(number: int, frame: CameraFrame) -> CameraFrame:
        if camera_is_read and number in boxed:
            check_frame_size(recording, frame)
        return frame

    def look(numbers: range | set[int]) -> tuple[np.ndarray, np.ndarray]:
        """The times of camera frames, and which of them have a box."""
        inside = sorted(numbers)
        frames = zip(inside, recording.frames_at(numbers), strict=True)
        return camera_times(checked(*one) for one in frames), np.isin(inside, boxed)

    beside = {boxed.start - 1, boxed.stop} & set(range(count))
    camera, has_box = look(range(count) if deep else _spread(boxed) | beside)
    slicing = slicing_in_force(layout, options, camera)
    if slicing == "equal" or times is None:
        return
    try:
        check_clock(camera, has_box, slicing, *times, recording.path)
    except DataError:
        check_clock(*((camera, has_box) if deep else look(range(count))), slicing, *times, recording.path)
    windows = camera_windows(camera, slicing)[has_box]
    outside = int((~meets(windows, *times)).sum())
    if 10 * outside > len(windows):
        what = f"{outside} of {len(windows)} camera frames lie outside of the events, {times[0]} to {times[1]} us"
        findings.add("camera", what, "their event images are white", file=recording.path, severity="note")
    if deep and not _any_event(recording, windows):
        raise silent(camera, has_box, slicing, *times, recording.path)


def _spread(boxed: range) -> set[int]:
    """At most `SOME_FRAMES` + 1 numbers from the first to the last."""
    return set(chain(boxed[:: max(1, len(boxed) // SOME_FRAMES)], boxed[-1:]))


def _any_event(recording: Recording, windows: np.ndarray) -> bool:
    """Whether an event lies in one of the (F, 2) windows."""
    for events in recording.chunks():
        spans = np.searchsorted(events["t"], windows)
        if (spans[:, 1] > spans[:, 0]).any():
            return True
    return False
