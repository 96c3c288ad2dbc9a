"""A real video with a box for every frame -> one recording in a published layout.

The light between two frames is interpolated along the optical flow of both directions, blended as in
Super SloMo (Jiang et al., CVPR 2018, eq. 4); grey values are taken for sRGB and linearised first. Where
the two flows contradict each other in most of the picture (a cut), the frames are cross-faded instead,
and the log says so. The frame camera's images are the video's own frames.

Time: a frame lies in the middle of its interval; before the first and after the last frame the picture
stands still.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from had.box_text import box_of
from had.data.frames import read_image
from had.data.layouts import Layout
from had.data.simulate.enrol import check_name, enrol, name_of
from had.data.simulate.recording import FLAGS, Annotated, lead_of, write_recording
from had.data.simulate.textures import luminance
from had.errors import ConfigError, DataError, excerpt
from had.files import atomic_folder, read_text, shown
from had.options.recordings import SimulationOptions
from had.pointers import refuse_pointer

IMAGES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff")
SLOWEST, FASTEST = 0.01, 10_000
"""Frames a second: the sensor's clock has microseconds."""
MOST_UPSAMPLING = 1000
MOST_PIXELS = 4096 * 2304
"""Of a frame: the flow between two frames takes many times their memory."""
MOST_INCONSISTENT = 0.5
"""Share of the pixels whose flows may contradict each other."""
log = logging.getLogger(__name__)


def simulate_video(
    *,
    layout: Layout,
    options: SimulationOptions,
    frames: Path,
    boxes: Path,
    root: Path,
    name: str = "",
    frame_rate: float,
    upsampling: int,
    origin: int = 0,
) -> None:
    """Write one sequence into the layout's ``test`` split; add it to the split's list and attributes.

    Args:
        layout: whose files are written; the sensor has the video's size.
        options: of the two sensors and the seed; lengths and rates in it are not used.
        frames: a folder of images, taken in the order of the numbers in their names, or a video file.
        boxes: a file with one ``x y w h`` a frame, separated by commas, tabs or spaces; zeros: absent.
        root: the benchmark's folder.
        name: the sequence's name; empty: the video's (`had.data.simulate.enrol.name_of`).
        frame_rate: frames a second at which the video is played to the sensor.
        upsampling: images between two frames, at least 1.
        origin: the coordinate of the first pixel in ``boxes``, 0 or 1.

    Raises:
        ConfigError: a frame rate that is not a positive number, or far from any camera's; too many images.
        DataError: no frames, no or unreadable boxes, not as many boxes as frames, or a name that is taken.
    """
    if not SLOWEST <= frame_rate <= FASTEST:
        expected = f"--frame-rate above 0, from {SLOWEST:g} to {FASTEST:,}"
        raise ConfigError(expected, f"{frame_rate:g}", "give the video's frames a second")
    if upsampling > MOST_UPSAMPLING:
        raise ConfigError(f"--upsampling up to {MOST_UPSAMPLING:,}", f"{upsampling}", "give a smaller one")
    name = name or name_of(Path(frames))
    folder = Path(root) / layout.splits["test"]
    check_name(folder, name)
    video = Video(Path(frames))
    rows = read_boxes(Path(boxes), frames=len(video), size=video.size, origin=origin)
    lead = lead_of(layout)
    timing = {"frame_rate": frame_rate, "renders_per_frame": upsampling}
    source = VideoSource(video, upsampling=upsampling, lead=lead, exposure_us=_exposure(options, frame_rate))
    with atomic_folder(folder / name, ()) as part:
        write_recording(
            part,
            layout=layout,
            name=name,
            options=options.model_copy(update=timing),
            source=source,
            annotated=Annotated(boxes=rows, present=rows[:, 2] > 0),
            rng=np.random.default_rng(options.seed),
            label=f"simulate {layout.name} {name}",
        )
        (part / FLAGS).write_text("0\n" * len(layout.attributes), encoding="utf-8")
    enrol(folder, layout, name)


def _exposure(options: SimulationOptions, frame_rate: float) -> int:
    return int(min(options.rgb_camera.exposure_us, 0.9e6 / frame_rate))


def read_boxes(path: Path, *, frames: int, size: tuple[int, int], origin: int) -> np.ndarray:
    """The boxes of a video, (F, 4) ``xywh`` with 0-based pixels; zeros where the target is absent.

    Raises:
        DataError: no such file, a line without four finite numbers, a box beside the picture, a wrong count.
    """
    if origin not in (0, 1):
        raise DataError("origin 0 or 1", repr(origin), "say which coordinate the first pixel has in the boxes file")
    if not path.is_file():
        raise DataError("a file with one x,y,w,h a frame", f"no file {path}", "give the path of the boxes")
    rows = []
    for number, line in enumerate(read_text(path, "a file with one x,y,w,h a frame").splitlines(), 1):
        if not line.strip():
            continue
        row = box_of(line)
        if row is None:
            raise DataError("four numbers x,y,w,h", f"{excerpt(line)} in line {number} of {path}", "correct that line")
        if min(row[2:]) <= 0:
            row = [0.0] * 4
        else:
            row[:2] = row[0] - origin, row[1] - origin
            if row[0] >= size[0] or row[1] >= size[1] or row[0] + row[2] <= 0 or row[1] + row[3] <= 0:
                what = f"{line!r} beside it in line {number} of {path}"
                raise DataError(f"a box inside the {size[0]}x{size[1]} picture", what, "write 0,0,0,0 where absent")
        rows.append(row)
    if len(rows) != frames:
        raise DataError(f"{frames} boxes, one a frame", f"{len(rows)} in {path}", "annotate every frame exactly once")
    return np.array(rows)


class Video:
    """The frames of a folder or a video file, read one after another.

    Raises:
        DataError: nothing there, or an unreadable frame.
    """

    def __init__(self, path: Path):
        self._path = path
        self._recent: dict[int, np.ndarray] = {}
        self._files: list[Path] = []
        if path.is_dir():
            self._files = sorted((f for f in shown(path) if f.suffix.lower() in IMAGES), key=_natural)
            _check_numbers(self._files)
            self._count = len(self._files)
        elif path.is_file():
            refuse_pointer(path, "a video file")
            self._capture = cv2.VideoCapture(str(path))
            self._count = 0
            while self._capture.grab():
                self._count += 1
            self._capture = cv2.VideoCapture(str(path))
            self._position = 0
        else:
            raise DataError("a folder of images or a video file", f"nothing at {path}", "give an existing path")
        if self._count < 2:
            raise DataError("at least two frames", f"{self._count} in {path}", f"use images of {', '.join(IMAGES)}")
        height, width = self[0].shape[:2]
        if width * height > MOST_PIXELS:
            got = f"{width} x {height} in {path}"
            raise DataError(f"frames of at most {MOST_PIXELS:,} pixels", got, "make them smaller, and the boxes too")
        self.size = width, height

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB; of a video file only the last few frames and later ones can be had."""
        if index not in self._recent:
            if len(self._recent) > 3:
                del self._recent[min(self._recent)]
            self._recent[index] = self._read(index)
        return self._recent[index]

    def _read(self, index: int) -> np.ndarray:
        if self._files:
            return read_image(self._files[index], getattr(self, "size", None))
        while self._position <= index:
            try:
                good, image = self._capture.read()
            except cv2.error:
                good = False
            if not good:
                remedy = "convert the video again, or give a folder of images"
                raise DataError(f"{self._count} frames in {self._path}", f"none at {self._position}", remedy)
            self._position += 1
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _natural(path: Path) -> tuple[list[Any], str]:
    """Sort key by which img10 comes after img9: text and numbers by turns."""
    parts: list[Any] = re.split(r"([0-9]+)", path.stem)
    parts[1::2] = map(int, parts[1::2])
    return parts, path.suffix


def _check_numbers(files: list[Path]) -> None:
    """Look at the numbers in the names of a video's frames, which are played at one rate.

    Raises:
        DataError: one frame twice, as ``7.png`` and ``007.jpg``.
    """
    keys = [_natural(path)[0] for path in files]
    for before, key, path in zip(files, keys[1:], files[1:], strict=False):
        if _natural(before)[0] == key:
            raise DataError("each frame once", f"{before} and {path.name}", "remove one of them")
    if len({(len(key), *key[::2]) for key in keys}) > 1:
        return
    numbers = np.array([key[1::2] for key in keys], object)
    changing = [column for column in numbers.T if len(set(column)) > 1]
    steps = np.diff(changing[0]) if len(changing) == 1 else np.array([1])
    if len(uneven := np.flatnonzero(steps != min(steps))):
        name = files[uneven[0] + 1].name
        log.warning(
            "%d frames are missing before others, the first before %s; all are played at one rate", len(uneven), name
        )


class VideoSource:
    """A video in front of the two sensors (see `had.data.simulate.recording.Source`)."""

    def __init__(self, video: Video, *, upsampling: int, lead: int, exposure_us: int):
        self.size = video.size
        self._video, self._upsampling, self._lead, self._exposure_us = video, upsampling, lead, exposure_us
        self._pair: tuple[int, tuple] = (-1, ())
        codes = np.arange(256) / 255
        linear = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
        self._linear = linear.astype(np.float32)

    def luminance(self, step: int) -> np.ndarray:
        """Light at a step, (H, W) float32."""
        place = float(np.clip(step / self._upsampling - self._lead - 0.5, 0, len(self._video) - 1))
        first = min(int(place), len(self._video) - 2)
        if self._pair[0] != first:
            self._pair = first, self._between(first)
        before, after, flows = self._pair[1]
        return interpolate(before, after, flows, place - first)

    def frame(self, frame: int) -> tuple[np.ndarray, int]:
        """The video's own frame and the exposure it is given."""
        return self._video[frame], self._exposure_us

    def _between(self, first: int) -> tuple:
        images = [self._video[first], self._video[first + 1]]
        before, after = (luminance(self._linear[image]) for image in images)
        grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
        flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        unknown = [np.zeros((*image.shape, 2), np.float32) for image in grey]
        flows = flow.calc(grey[0], grey[1], unknown[0]), flow.calc(grey[1], grey[0], unknown[1])
        if inconsistent(*flows) > MOST_INCONSISTENT:
            log.warning("frames %d and %d are cross-faded: no optical flow joins them", first, first + 1)
            return before, after, None
        return before, after, flows


def inconsistent(forward: np.ndarray, backward: np.ndarray) -> float:
    """The share of the pixels that do not come back when they follow both flows, (H, W, 2) pixels each.

    A pixel comes back where |f(x) + b(x + f(x))|^2 < 0.01 (|f|^2 + |b|^2) + 0.5 (Sundaram, Brox, Keutzer,
    ECCV 2010, eq. 5).
    """
    returned = np.stack([_shifted(backward[..., axis], forward) for axis in range(2)], axis=-1)
    error = np.square(forward + returned).sum(-1)
    allowed = 0.01 * (np.square(forward).sum(-1) + np.square(returned).sum(-1)) + 0.5
    return float(np.mean(error >= allowed))


def interpolate(before: np.ndarray, after: np.ndarray, flows: tuple | None, share: float) -> np.ndarray:
    """The picture between two frames.

    Args:
        before, after: (H, W) float32 light.
        flows: forward and backward flow, (H, W, 2) pixels each; None: cross-fade.
        share: 0 is ``before``, 1 is ``after``.
    """
    if share in (0, 1):
        return after if share else before
    if flows is None:
        return (1 - np.float32(share)) * before + np.float32(share) * after
    forward, backward = flows
    a = np.float32(share)
    to_before = -(1 - a) * a * forward + a * a * backward
    to_after = (1 - a) * (1 - a) * forward - a * (1 - a) * backward
    return (1 - a) * _shifted(before, to_before) + a * _shifted(after, to_after)


def _shifted(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """image(x + flow(x)), (H, W) float32."""
    height, width = image.shape
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
