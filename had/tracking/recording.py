"""A trained network follows an object through a raw recording of any format that `had.data.recordings` reads.

Time is cut into windows of equal length; each becomes a frame, as in prepared sequences. Constant memory.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from had.data.frames import EVENT_DTYPE, Frame
from had.data.layouts import layout_of
from had.data.recordings import Recording, TimeUnit, open_recording, time_slices
from had.data.representations import voxel_cell, voxel_list
from had.device import choose_device, prepare_machine
from had.errors import ConfigError, DataError
from had.files import atomic_file
from had.models.weights import load_network
from had.options.tracking import TrackingOptions
from had.progress import progress
from had.tracking.carried import crops_in, tracking_with
from had.tracking.tracker import Tracker

log = logging.getLogger(__name__)
_HEAD_EVENTS = 10_000
"""Read to learn when a recording begins."""


class Step(NamedTuple):
    """One window of the recording.

    Attributes:
        begin_us, end_us: the window, on the recording's clock.
        frame: its events (and the camera's last image as stream ``rgb``, where asked for).
        box: (4,) ``xywh`` in pixels.
        seconds: time that tracking took.
    """

    begin_us: int
    end_us: int
    frame: Frame
    box: np.ndarray
    seconds: float


def track_recording(
    *,
    recording: Path,
    box: np.ndarray,
    checkpoint: Path,
    window_us: int = 40_000,
    start_us: int | None = None,
    stop_us: int | None = None,
    time_unit: TimeUnit | None = None,
    boxes: Path | None = None,
    camera: bool = False,
    options: TrackingOptions | None = None,
    device: str = "auto",
) -> Iterator[Step]:
    """Follow the object that ``box`` surrounds in the first window.

    A window without any event leaves the box where it is: nothing moved.

    Args:
        recording: the raw file.
        box: (4,) ``xywh`` in pixels.
        checkpoint: ``model.safetensors`` of a trained run.
        window_us: length of a window.
        start_us, stop_us: when to begin and end: the recording's own time stamps, or, where smaller than its
            first one, microseconds since that one; None: all.
        time_unit: as `had.data.recordings.open_recording`.
        boxes: file to which the boxes are written, ``x y w h`` a window, tab-separated, when all is done.
        camera: give each frame the camera's last image as stream ``rgb``.
        options: weight of the Hann window, damping of the size, margin at the border, in place of the checkpoint's;
            None: those of the checkpoint.
        device: where the network runs.

    Yields:
        One step a window; the first repeats the given box.

    Raises:
        DataError: broken recording, none of its events in the time asked for, or none inside the box at its begin.
        CheckpointError: a checkpoint that does not say with which crops it was trained.
        ConfigError: a box outside the sensor, a window without length or a negative time.
    """
    prepare_machine()
    device = choose_device(device)
    network, provenance = load_network(checkpoint, device=device)
    source = open_recording(recording, time_unit=time_unit)
    box = _checked(box, source.size, window_us)
    _refuse_negative(start_us, stop_us)
    tracking = tracking_with(provenance, checkpoint, options)
    tracker = Tracker(network, crops_in(provenance, checkpoint), tracking, device)
    frames = frames_of(
        source,
        window_us=window_us,
        start_us=start_us,
        stop_us=stop_us,
        camera=camera or "rgb" in network.streams,
        voxels=provenance["benchmark"] if "voxel" in network.streams else None,
    )
    found: list[np.ndarray] = []
    spent = 0.0
    total = count_windows(source, window_us=window_us, start_us=start_us, stop_us=stop_us)
    for begin_us, frame in progress(frames, label=f"track {recording.name}", total=total, unit="windows"):
        begin = time.perf_counter()
        if not found:
            log.info("%s: tracked from %d us on the recording's own clock", recording, begin_us)
            _refuse_empty(frame, box, begin_us)
            tracker.initialize(frame, box)
        elif frame.events is not None and len(frame.events):
            box = tracker.track(frame)
        found.append(box)
        seconds = time.perf_counter() - begin
        spent += seconds
        yield Step(begin_us, begin_us + window_us, frame, box.copy(), seconds)
    log.info("%s: %d windows, %.1f a second", recording, len(found), len(found) / max(spent, 1e-9))
    if boxes is not None:
        with atomic_file(boxes) as path:
            np.savetxt(path, np.array(found), fmt="%.4f", delimiter="\t")


def frames_of(
    source: Recording,
    *,
    window_us: int,
    start_us: int | None = None,
    stop_us: int | None = None,
    camera: bool = False,
    voxels: str | None = None,
) -> Iterator[tuple[int, Frame]]:
    """The windows of a recording as frames, with the time at which each begins; a last partial window is left out.

    Args:
        source: an open recording.
        window_us, start_us, stop_us: as `track_recording`.
        camera: add the last image of the camera; frames before the first one show that one.
        voxels: benchmark whose recipe makes the voxels, or None for none.
    """
    images = _CameraImages(source) if camera else None
    cell = voxel_cell(layout_of(voxels).voxel, source.size) if voxels else None
    for begin, events in event_windows(source, window_us=window_us, start_us=start_us, stop_us=stop_us):
        end = begin + window_us
        shown = {"rgb": images.until(end)} if images else {}
        listed = _voxels(events, voxels, source.size, begin, end)
        yield begin, Frame(source.size, events, listed, shown, voxel_cell=cell)


def event_windows(
    source: Recording, *, window_us: int, start_us: int | None = None, stop_us: int | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """``(begin, events with begin <= t < begin + window_us)``, window after window.

    Raises:
        DataError: no whole window lies in the time asked for.
    """
    head, some = _head(source), False
    begin, stop = (0, 0) if head is None else _limits(int(head["t"][0]), start_us, stop_us)
    begins = itertools.count(begin, window_us) if stop is None else range(begin, stop - window_us + 1, window_us)
    for first, _, events in time_slices(source, ((first, first + window_us) for first in begins), whole=True):
        some = True
        yield first, events
    if not some:
        where = f"{'the begin' if start_us is None else start_us} and {'the end' if stop_us is None else stop_us}"
        wanted = f"at least one window of {window_us} us between {where}"
        remedy = "see `had inspect` for the recording's first and last time"
        raise DataError(wanted, f"no such events in {source.path}", remedy)


def count_windows(
    source: Recording, *, window_us: int, start_us: int | None = None, stop_us: int | None = None
) -> int | None:
    """Number of windows that `event_windows` gives.

    Where a file tells its last time only when it is read to its end: as many as fit before ``stop_us``, or
    None where that is open too.
    """
    head = _head(source)
    if head is None:
        return 0
    begin, stop = _limits(int(head["t"][0]), start_us, stop_us)
    ends = [end for end in (stop, source.last_us()) if end is not None]
    return max(0, (min(ends) - begin) // window_us) if ends else None


def _head(source: Recording) -> np.ndarray | None:
    """The first events; None where there are none."""
    return next(source.chunks(max_events=_HEAD_EVENTS), None)


def _limits(first: int, start_us: int | None, stop_us: int | None) -> tuple[int, int | None]:
    """Begin and end on the recording's clock; a time before its ``first`` one counts from there."""
    begin, stop = (None if at is None else at + (first if at < first else 0) for at in (start_us, stop_us))
    begin = first if begin is None else begin
    if stop is not None and stop <= begin:
        raise ConfigError("--stop-us after --start-us", f"a window from {begin} to {stop}", "give a later end")
    return begin, stop


class _CameraImages:
    """The camera's images in step with the windows."""

    def __init__(self, source: Recording):
        self.source, self.frames = source, source.frames()
        self.next = next(self.frames, None)
        if self.next is None:
            raise DataError("camera frames", f"none in {source.path}", "use a network that reads events alone")
        self.image = self.next.image

    def until(self, end_us: int) -> np.ndarray:
        """The last image whose time is before ``end_us``."""
        while self.next is not None and self.next.t < end_us:
            self.image = self.next.image
            self.next = next(self.frames, None)
        return self.image


def _voxels(events: np.ndarray, benchmark: str | None, size: tuple, begin: int, end: int) -> np.ndarray | None:
    if benchmark is None:
        return None
    return voxel_list(events, recipe=layout_of(benchmark).voxel, size=size, begin_us=begin, end_us=end)


def _refuse_negative(start_us: int | None, stop_us: int | None) -> None:
    for option, value in (("--start-us", start_us), ("--stop-us", stop_us)):
        if value is not None and value < 0:
            raise ConfigError(f"{option} from 0 on", f"{value}", "give microseconds; see `had inspect`")


def _refuse_empty(frame: Frame, box: np.ndarray, begin_us: int) -> None:
    """See that the first window shows something where the object shall be."""
    x, y, w, h = box
    events = np.empty(0, EVENT_DTYPE) if frame.events is None else frame.events
    inside = (events["x"] >= x) & (events["x"] < x + w) & (events["y"] >= y) & (events["y"] < y + h)
    if not inside.any():
        where = ",".join(f"{value:g}" for value in box)
        got = f"none of {len(events)} inside {where} in the window from {begin_us} us on"
        remedy = "correct --box, or give a --start-us at which the object moves"
        raise DataError("events of the object in the first window", got, remedy)


def _checked(box: np.ndarray, size: tuple[int, int], window_us: int) -> np.ndarray:
    box = np.asarray(box, dtype=np.float64)
    x, y, w, h = box
    if not (np.isfinite(box).all() and w > 0 and h > 0 and x + w > 0 and y + h > 0 and x < size[0] and y < size[1]):
        got = ",".join(f"{value:g}" for value in box)
        raise ConfigError(f"a box x,y,w,h on the {size[0]}x{size[1]} sensor", got, "correct --box")
    if window_us <= 0:
        raise ConfigError("a window of positive length", f"{window_us} us", "correct --window-us")
    return box
