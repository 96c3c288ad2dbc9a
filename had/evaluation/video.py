"""Tracks drawn on frames -> a WebM film that browsers and players show.

Images are (H, W, 3) uint8 RGB; boxes are ``xywh`` in pixels of the first (left) image. Written with
the VP8 encoder in OpenCV, so nothing has to be installed beside it; on request as MPEG-4, which no browser plays.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from had.errors import ConfigError, DataError
from had.evaluation.style import TRUTH
from had.files import atomic_file
from had.progress import progress

log = logging.getLogger(__name__)

CODECS = {".webm": "VP80", ".mp4": "mp4v"}
"""Suffix -> the code of its encoder."""
FASTEST = 240.0
"""Most frames a second; browsers show no more. Slices of a shorter time are shown in slow motion."""
ABSENT = "Target absent"
"""Stands in the legend instead of the ground truth."""
LEGEND_LEFT, LINE_HEIGHT = 50, 24
"""Where the legend's lines begin, beside the frame's number, and their height, in pixels."""


class Drawn(NamedTuple):
    """A track as it is drawn.

    Attributes:
        name: stands in the legend.
        boxes: (F, 4) ``xywh``.
        colour: ``#RRGGBB``.
    """

    name: str
    boxes: np.ndarray
    colour: str


def check_suffix(path: Path) -> None:
    """See that a film's name says a format that can be written (`ConfigError`); a warning where no browser plays it."""
    if path.suffix not in CODECS:
        raise ConfigError("a film *.webm", str(path), "give it that suffix")
    if path.suffix != ".webm":
        log.warning("%s: browsers do not play MPEG-4 of this kind, name it *.webm for one that they play", path)


def write_video(
    path: Path,
    *,
    frames: Iterable[np.ndarray],
    tracks: Sequence[Drawn],
    ground_truth: np.ndarray | None = None,
    frame_rate: float = 25.0,
    smallest_height: int = 360,
) -> None:
    """Write a video of tracks; the file appears whole or not at all.

    Args:
        path: ``.webm``, or ``.mp4``.
        frames: (H, W, 3) uint8 RGB, one a time step, all of one size; read one at a time.
        tracks: drawn in the order given; rows without area are not drawn.
        ground_truth: (F, 4), drawn on top in bright green; NaN where the target is absent, which the legend says.
        frame_rate: frames a second, at most `FASTEST`.
        smallest_height: smaller images are enlarged by a whole factor up to about this height.

    Raises:
        ConfigError: another suffix.
        DataError: no frames, frames of different sizes, fewer boxes than frames, or no encoder.
    """
    import cv2

    path = Path(path)
    check_suffix(path)
    writer, size, number = None, (0, 0), 0
    with atomic_file(path) as temporary:
        try:
            for number, frame in enumerate(progress(frames, label=f"video {path.name}", unit="frames"), start=1):
                image = _drawn(frame, number - 1, tracks, ground_truth, smallest_height)
                if writer is None:
                    size = (image.shape[1], image.shape[0])
                    rate = min(frame_rate, FASTEST)
                    writer = cv2.VideoWriter(str(temporary), cv2.VideoWriter.fourcc(*CODECS[path.suffix]), rate, size)
                    if not writer.isOpened():
                        raise DataError(
                            f"an encoder of {path.suffix}", "none in this OpenCV", "install opencv-python-headless"
                        )
                if (image.shape[1], image.shape[0]) != size:
                    got = f"frame {number} of {image.shape[1]}x{image.shape[0]}"
                    raise DataError(f"frames of {size[0]}x{size[1]}", got, "give images of one size")
                writer.write(np.ascontiguousarray(image[..., ::-1]))
        finally:
            if writer is not None:
                writer.release()
        if writer is None:
            raise DataError("at least one frame", "none", "check the recording's length")
        if not temporary.is_file() or temporary.stat().st_size == 0:
            raise DataError(f"a video {path}", "an empty file", "check the free space on the disk")


def _drawn(
    frame: np.ndarray, index: int, tracks: Sequence[Drawn], ground_truth: np.ndarray | None, smallest_height: int
) -> np.ndarray:
    """One frame enlarged, with boxes, frame number and a legend below; width and height are even."""
    factor = max(1, round(smallest_height / frame.shape[0]))
    image = np.ascontiguousarray(np.repeat(np.repeat(frame, factor, axis=0), factor, axis=1))
    drawn = [*tracks] if ground_truth is None else [*tracks, Drawn("Ground truth", ground_truth, TRUTH)]
    for name, boxes, colour in drawn:
        if index >= len(boxes):
            raise DataError(f"a box of {name} for frame {index + 1}", f"{len(boxes)} boxes", "track all frames")
        _box(image, boxes[index] * factor, _rgb(colour))
    names = [ABSENT if boxes is ground_truth and not _has_area(boxes[index]) else name for name, boxes, _ in drawn]
    caption = _caption(str(index + 1), names, [_rgb(colour) for *_, colour in drawn], image.shape[1])
    image = np.concatenate([image, caption])
    return np.pad(image, ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0)), constant_values=255)


def _caption(number: str, names: Sequence[str], colours: Sequence[tuple[int, ...]], width: int) -> np.ndarray:
    """The frame's number and the legend, (24 L, width, 3), in as many lines L as its longest names need."""
    import cv2

    font, places, left, line = cv2.FONT_HERSHEY_SIMPLEX, [], LEGEND_LEFT, 0
    # The ground truth, which comes last, changes its name from frame to frame: its room is always the wider one's.
    for name in [*names[:-1], *(max(name, ABSENT, key=len) for name in names[-1:])]:
        room = 34 + cv2.getTextSize(name, font, 0.45, 1)[0][0]
        if left > LEGEND_LEFT and left + room > width:
            left, line = LEGEND_LEFT, line + 1
        places.append((left, line * LINE_HEIGHT))
        left += room
    caption = np.full((LINE_HEIGHT * (line + 1), width, 3), 255, np.uint8)
    cv2.putText(caption, number, (4, 17), font, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    for name, colour, (x, y) in zip(names, colours, places, strict=True):
        cv2.line(caption, (x, y + 12), (x + 14, y + 12), colour, 3)
        cv2.putText(caption, name, (x + 18, y + 17), font, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return caption


def _box(image: np.ndarray, box: np.ndarray, colour: tuple[int, ...]) -> None:
    """Draw one ``xywh`` box with a white rim into ``image``; nothing where it has no area."""
    import cv2

    if not _has_area(box):
        return
    corners = np.clip([box[:2], box[:2] + box[2:]], -1e4, 1e4).round().astype(int)
    first, second = (tuple(int(value) for value in corner) for corner in corners)
    cv2.rectangle(image, first, second, (255, 255, 255), 3)
    cv2.rectangle(image, first, second, colour, 1 if image.shape[0] < 300 else 2)


def _has_area(box: np.ndarray) -> bool:
    return bool(np.isfinite(box).all() and min(box[2:]) > 0)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
