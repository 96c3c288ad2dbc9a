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
from had.data.recordings.gaps import span
from had.data.recordings.recording import LATEST_US
from had.data.representations import voxel_cell, voxel_list
from had.device import choose_device, prepare_machine
from had.errors import ConfigError, DataError, excerpt
from had.files import atomic_file
from had.models.network import crops_for
from had.models.weights import load_network
from had.options.tracking import TrackingOptions
from had.progress import progress
from had.tracking.carried import benchmark_in, crops_in, tracking_with
from had.tracking.tracker import Tracker

log = logging.getLogger(__name__)
_HEAD_EVENTS = 10_000
"""Read to learn when a recording begins."""
_LONGEST_PAUSE_US, _MOST_EMPTY = 600_000_000, 100_000
"""Time without an event, and windows without one in a row, beyond which the clock is said to have jumped."""


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
    size: tuple[int, int] | None = None,
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
        start_us, stop_us: when to begin and end, in microseconds after the recording's first event; None: all.
        time_unit, size: as `had.data.recordings.open_recording`.
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
    source = open_recording(recording, size=size, time_unit=time_unit)
    box = _checked(box, source.size, window_us)
    _refuse_absurd(start_us, stop_us)
    tracking = tracking_with(provenance, checkpoint, options)
    tracker = Tracker(network, crops_for(network, crops_in(provenance, checkpoint)), tracking, device)
    frames = frames_of(
        source,
        window_us=window_us,
        start_us=start_us,
        stop_us=stop_us,
        camera=camera or "rgb" in network.streams,
        voxels=benchmark_in(provenance, checkpoint) if "voxel" in network.streams else None,
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
        DataError: no whole window lies in the time asked for, or the recording's clock jumps forward in it.
    """
    head = _head(source)
    begin, stop = (0, 0) if head is None else _limits(int(head["t"][0]), start_us, stop_us)
    begins = itertools.count(begin, window_us) if stop is None else range(begin, stop - window_us + 1, window_us)
    some, empty, most_empty = False, 0, min(_MOST_EMPTY, max(1, _LONGEST_PAUSE_US // window_us))
    for first, _, events in time_slices(source, ((first, first + window_us) for first in begins), whole=True):
        some, empty = True, 0 if len(events) else empty + 1
        if empty > most_empty:
            raise _jump(source, first - most_empty * window_us)
        yield first, events
    if not some:
        asked = f"between --start-us {start_us or 0} and {'the end' if stop_us is None else f'--stop-us {stop_us}'}"
        wanted = f"at least one window of {window_us} us {asked}"
        raise DataError(wanted, f"{source.path} with {_range(source)}", "give times after its first event")


def _range(source: Recording) -> str:
    """When a recording's events are, in words."""
    times = [(int(events["t"][0]), int(events["t"][-1])) for events in source.chunks()]
    if not times:
        return "no events"
    first, last = times[0][0], times[-1][1]
    return f"events from 0 to {last - first} us after the first ({first} to {last} us on its own clock)"


def _jump(source: Recording, begin_us: int) -> DataError:
    """The error for a recording without events from ``begin_us`` on for too long."""
    first = before = after = int(next(source.chunks(1))["t"][0])
    for events in source.chunks():
        t = events["t"]
        next_one = int(np.searchsorted(t, begin_us))
        before = int(t[next_one - 1]) if next_one else before
        if next_one < len(t):
            after = int(t[next_one])
            break
    return DataError(
        f"events without a gap of more than {span(_LONGEST_PAUSE_US)} or {_MOST_EMPTY} windows",
        f"a gap of {span(after - before)} from {before} to {after} us in {source.path}: its clock jumped, or it paused",
        f"give --start-us {after - first} to track what follows, or --stop-us {before - first + 1} for what precedes",
    )


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
    """Begin and end on the recording's clock, whose first event is at ``first``."""
    if stop_us is not None and stop_us <= (start_us or 0):
        raise ConfigError("--stop-us after --start-us", f"{start_us or 0} to {stop_us}", "give a later end")
    return first + (start_us or 0), None if stop_us is None else first + stop_us


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


def _refuse_absurd(start_us: int | None, stop_us: int | None) -> None:
    for option, value in (("--start-us", start_us), ("--stop-us", stop_us)):
        if value is not None and not 0 <= value < LATEST_US:
            got = excerpt(str(value))[1:-1]
            raise ConfigError(f"{option} from 0 on", got, "give microseconds after the recording's first event")


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
    on_it = x + w > 0 and y + h > 0 and x < size[0] and y < size[1]
    if not (np.isfinite(box).all() and w > 0 and h > 0 and on_it and w <= 2 * size[0] and h <= 2 * size[1]):
        got = ",".join(f"{value:g}" for value in box)
        expected = f"a box x,y,w,h on the {size[0]}x{size[1]} sensor, at most twice as large"
        raise ConfigError(expected, got, "correct --box")
    if window_us <= 0:
        raise ConfigError("a window of positive length", f"{window_us} us", "correct --window-us")
    return box
