"""The raw recording of one sequence: opened, its head decoded, its end looked at; read whole only on request."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from had.data.layouts import Layout
from had.data.recordings import Recording, open_recording
from had.data.verify.problems import Findings
from had.errors import DataError
from had.options.recordings import PreparationOptions

HEAD_EVENTS = 4096
"""Events that are decoded of a recording's begin."""
_AGAIN = "download or copy the recording again, or leave the sequence out of its list"


class RawFacts(NamedTuple):
    """What a raw recording holds.

    Attributes:
        size: (width, height) of its sensor, where it is stated.
        camera_frames: None where it could not be read that far.
        events: None unless it was read whole.
    """

    size: tuple[int, int] | None = None
    camera_frames: int | None = None
    events: int | None = None


def check_raw(findings: Findings, path: Path, *, size: tuple[int, int] | None, deep: bool) -> RawFacts:
    """Open a recording as preparation does.

    Args:
        size: (width, height) that the sequence states, for a format that does not.
        deep: decode all events and camera frames.
    """
    facts = RawFacts(size)
    try:
        recording = open_recording(path, size=size)
        facts = RawFacts(recording.declared, recording.frame_count())
        events = _all_events(recording) if deep else _ends(recording)
    except DataError as error:
        findings.refused("raw-broken", error, file=path)
        return facts
    if events == 0:
        remedy = "all its event images are white; leave the sequence out if it should have some"
        findings.add("raw-silent", "no events", remedy, file=path, severity="note")
    return facts._replace(events=events if deep else None)


def _ends(recording: Recording) -> int:
    """Look at the first and last events, and at the first camera frame; the number of the first events."""
    next(recording.frames(), None)
    head = next(recording.chunks(HEAD_EVENTS), None)
    if head is None:
        return 0
    recording.check_end()
    return len(head)


def _all_events(recording: Recording) -> int:
    for frame in recording.frames():
        del frame
    return sum(len(events) for events in recording.chunks())


def check_frames(
    findings: Findings,
    layout: Layout,
    options: PreparationOptions,
    path: Path,
    *,
    frames: int,
    stated_slices: int | None,
    camera_frames: int,
    camera_is_read: bool,
) -> None:
    """Hold the number of boxes against the frames that preparation makes of a recording.

    Args:
        frames: boxes.
        stated_slices: what the sequence's folder states.
        camera_frames: in the recording.
        camera_is_read: whether its camera frames become a stream.
    """
    slicing = layout.slicing if options.slicing == "layout" else options.slicing
    counts = {}
    if slicing == "equal":
        counts["slices"] = (options.slices or stated_slices or layout.slices or frames + 1) - 1
    elif not camera_frames:
        remedy = "set preparation.slicing to equal, or download the recording again"
        findings.add("raw-short", f"no camera frames, which slicing {slicing!r} needs", remedy, file=path)
        return
    if slicing != "equal" or camera_is_read:
        counts["camera frames"] = camera_frames
    for what, count in counts.items():
        if count < frames:
            remedy = "complete the recording or shorten its annotation"
            findings.add("raw-short", f"{count} {what} for {frames} boxes", remedy, file=path)
    if counts and min(counts.values()) > frames:
        what = " and ".join(f"{count} {name}" for name, count in counts.items())
        remedy = "frames behind the last box are left out"
        findings.add("raw-long", f"{what} for {frames} boxes", remedy, file=path, severity="note")
