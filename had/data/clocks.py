"""A recording's camera frames beside its events: their size, the time windows of their events, one clock for both.

`had prepare` asks this of all camera frames, `had verify` of some of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from had.data.layouts import Layout
from had.data.recordings import CameraFrame, Recording
from had.data.recordings.gaps import Gaps
from had.data.slicing import interval_windows
from had.errors import ConfigError, DataError
from had.options.recordings import PreparationOptions

CAMERA_DTYPE = np.dtype(
    [(name, "<i8") for name in ("t", "begin", "end", "exposure_begin", "exposure_end")] + [("known", "?")]
)
"""The times of a camera frame, as in `CameraFrame`; ``known``: whether its read-out is stated."""
_EVENTS_OF = {"frame": "read-out", "exposure": "exposure", "interval": "interval"}


def camera_times(frames: Iterable[CameraFrame]) -> np.ndarray:
    """(F,) times of camera frames."""
    return np.array([(*frame[:5], frame.read_out_known) for frame in frames], CAMERA_DTYPE)


def check_frame_size(recording: Recording, frame: CameraFrame) -> None:
    """See that a camera frame has the events' size, which boxes and crops of both streams are in (`DataError`)."""
    height, width = frame.image.shape[:2]
    if (width, height) != recording.size:
        expected = "camera frames of {}x{} pixels, as the events' sensor has".format(*recording.size)
        remedy = "make the frames of the sensor's size, or leave the sequence out of its list"
        raise DataError(expected, f"one of {width}x{height} in {recording.path}", remedy)


def slicing_in_force(layout: Layout, options: PreparationOptions, camera: np.ndarray) -> str:
    """The slicing of a recording; read-out times that a file does not state give way to the frame interval."""
    slicing = layout.slicing if options.slicing == "layout" else options.slicing
    return "interval" if slicing == "frame" and not camera["known"].all() else slicing


def check_voxel_slicing(options: PreparationOptions, slicing: str) -> None:
    """See that voxels can be sliced as is asked for (`ConfigError`): only equal slices have published ones."""
    if options.voxel_slicing == "published" and slicing != "equal":
        got = f"slicing {slicing!r}"
        raise ConfigError("slicing 'equal' for preparation.voxel_slicing published", got, "change one of the two")


def camera_windows(camera: np.ndarray, slicing: str) -> np.ndarray:
    """(F, 2) microseconds, begin (inside) and end (outside) of the events of each camera frame."""
    if slicing == "interval":
        return interval_windows(camera["t"])
    begin, end = ("begin", "end") if slicing == "frame" else ("exposure_begin", "exposure_end")
    return np.stack([camera[begin], camera[end]], axis=1)


Boxed = slice | np.ndarray
"""Which of some camera frames have a box: a slice, or (F,) bool."""


def check_clock(camera: np.ndarray, boxed: Boxed, slicing: str, first_us: int, last_us: int, path: Path) -> None:
    """See that camera frames and events are on one clock.

    Args:
        camera: the times of all frames, or of some that have a box and those beside them, which end their intervals.
        boxed: those that have a box.
        slicing: ``"frame"``, ``"exposure"`` or ``"interval"``.
        first_us, last_us: times of the first and last event.

    Raises:
        DataError: no frame's window meets the events; or the read-outs lie away from the exposures of most frames.
    """
    if not meets(camera_windows(camera, slicing)[boxed], first_us, last_us).any():
        raise silent(camera, boxed, slicing, first_us, last_us, path)
    camera = camera[boxed]
    if slicing == "frame" and (apart := _apart(camera)).mean() > 0.5:
        k = int(apart.argmax())
        got = f"read-out at {camera['begin'][k]} and exposure at {camera['exposure_begin'][k]} us in {path}"
        remedy = "set preparation.slicing to exposure if those times are right, or leave the sequence out of its list"
        raise DataError("read-out and exposure of a camera frame at one time", got, remedy)


def check_gap(gaps: Gaps, recording: Recording, slicing: str, first_us: int, last_us: int) -> str:
    """What is to be said of the longest time without events of a recording; empty where there is no long one.

    Raises:
        DataError: half of a recording that is cut into equal slices is without events, as where a clock jumped.
    """
    sentence = gaps.sentence(recording.place)
    if sentence and slicing == "equal" and 2 * gaps.longest_us > last_us - first_us:
        remedy = "cut the recording there, or leave the sequence out of its list"
        raise DataError("events all along a recording that is cut equally", f"{sentence}, in {recording.path}", remedy)
    return sentence


def silent(camera: np.ndarray, boxed: Boxed, slicing: str, first_us: int, last_us: int, path: Path) -> DataError:
    """The refusal of a recording in which no frame with a box has an event, although there are events."""
    windows = camera_windows(camera, slicing)[boxed]
    others = [name for name in _EVENTS_OF if name != slicing and (name != "frame" or camera["known"].all())]
    fitting = [name for name in others if meets(camera_windows(camera, name)[boxed], first_us, last_us).any()]
    remedy = "leave the sequence out of its list: no other time of its frames lies there"
    if fitting:
        remedy = f"set preparation.slicing to {' or '.join(fitting)}, or leave the sequence out of its list"
    expected = f"camera frames on the clock of the events, {first_us} to {last_us} us"
    got = f"no event in the {_EVENTS_OF[slicing]} of any frame, {windows.min()} to {windows.max()} us, of {path}"
    return DataError(expected, got, remedy)


def meets(windows: np.ndarray, first_us: int, last_us: int) -> np.ndarray:
    """(F,) whether a window holds a time between the first event and the last."""
    return (windows[:, 0] <= last_us) & (windows[:, 1] > first_us) & (windows[:, 1] > windows[:, 0])


def _apart(camera: np.ndarray) -> np.ndarray:
    """(F,) whether a frame's exposure lies away from its read-out by more than the read-out is long."""
    length = camera["end"] - camera["begin"]
    before = camera["exposure_end"] < camera["begin"] - length
    return before | (camera["exposure_begin"] > camera["end"] + length)
