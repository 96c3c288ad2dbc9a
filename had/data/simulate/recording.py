"""A moving picture and its boxes -> one sequence's folder in a published layout.

What is simulated and what is a real video differ only in the `Source`; sensors, raw formats and
annotation files are the same for both.

Time: the recording begins at ``START_US``; interval i lasts one frame distance. In layouts whose frames
have exposures, frame k lies in interval k, its exposure in the middle of it. In layouts whose recordings
are cut into equal slices, of which the first is dropped, frame k is interval k + 1. Either way its box is
true in the middle of its interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from had.data.layouts import SENSOR_FILE, SLICES_FILE, Layout
from had.data.simulate.aedat4 import Aedat4Writer
from had.data.simulate.event_camera import EventCamera
from had.errors import ConfigError
from had.options.recordings import SimulationOptions
from had.progress import progress

START_US = 1_000_000
FLAGS = "attributes.txt"
"""A sequence's attribute flags, one 0 or 1 a line, inside its folder."""


class Source(Protocol):
    """What is in front of the sensors."""

    size: tuple[int, int]

    def luminance(self, step: int) -> np.ndarray:
        """Light at a step, (H, W) float32."""

    def frame(self, frame: int) -> tuple[np.ndarray, int]:
        """The frame camera's image of a frame, (H, W, 3) uint8 RGB, and its exposure in microseconds."""


@dataclass(frozen=True)
class Annotated:
    """A sequence's truth.

    Attributes:
        boxes: (F, 4) ``xywh``, zeros where absent.
        present: (F,) bool.
    """

    boxes: np.ndarray
    present: np.ndarray


def lead_of(layout: Layout) -> int:
    """Intervals of a recording before its first annotated frame."""
    return 1 if layout.slicing == "equal" else 0


def write_recording(
    folder: Path,
    *,
    layout: Layout,
    name: str,
    options: SimulationOptions,
    source: Source,
    annotated: Annotated,
    rng: np.random.Generator,
    label: str | None = None,
) -> None:
    """Fill ``folder`` with the raw recording and the annotations of one sequence.

    Args:
        folder: exists and is empty.
        layout: whose files are written.
        name: the sequence's name.
        options: of the event camera; the frame rate and the renderings a frame.
        source: what the sensors see.
        annotated: one row a frame.
        rng: the event camera's randomness.
        label: show progress over the intervals under this label.
    """
    frames, lead = len(annotated.boxes), lead_of(layout)
    width, height = source.size
    camera = EventCamera(options.event_camera, width=width, height=height, rng=rng)
    boundaries = START_US + np.rint(np.arange(frames + lead + 1) * 1e6 / options.frame_rate).astype(np.int64)
    slices: Iterable[np.ndarray] = _events(camera, source, boundaries, options.renders_per_frame)
    if label:
        slices = progress(slices, label=label, total=frames + lead, unit="frames")
    path = folder / layout.raw.format(sequence=name)
    if layout.raw_format == "csv":
        _write_csv(path, slices)
    elif layout.raw_format == "aedat4":
        _write_aedat4(path, slices, source, boundaries, lead)
    else:
        got = f"{layout.raw_format} of {layout.title}"
        raise ConfigError("a benchmark with CSV or AEDAT4 recordings to simulate", got, "give its `root` instead")
    write_annotation(folder, layout, annotated)
    (folder / SENSOR_FILE).write_text(f"{width},{height}\n", encoding="utf-8")
    if layout.slicing == "equal":
        (folder / SLICES_FILE).write_text(f"{frames + lead}\n", encoding="utf-8")


def _events(camera: EventCamera, source: Source, boundaries: np.ndarray, renders: int) -> Iterator[np.ndarray]:
    """The events of each interval."""
    camera.feed(source.luminance(0), int(boundaries[0]))
    for interval in range(len(boundaries) - 1):
        times = np.rint(np.linspace(boundaries[interval], boundaries[interval + 1], renders + 1)).astype(np.int64)
        parts = [
            camera.feed(source.luminance(interval * renders + number), int(times[number]))
            for number in range(1, renders + 1)
        ]
        yield np.concatenate(parts)


def _write_csv(path: Path, slices: Iterable[np.ndarray]) -> None:
    """``x,y,polarity,t`` with a header line; polarity 0 or 1, time in microseconds."""
    import pyarrow
    from pyarrow import csv

    columns = pyarrow.schema([("x", "uint16"), ("y", "uint16"), ("polarity", "uint8"), ("t", "int64")])
    options = csv.WriteOptions(include_header=False, quoting_style="none")
    with path.open("wb") as file, csv.CSVWriter(file, columns, write_options=options) as writer:
        file.write(b"x,y,polarity,t\n")
        for events in slices:
            arrays = [events["x"], events["y"], (events["p"] > 0).astype(np.uint8), events["t"]]
            batch = [pyarrow.array(np.ascontiguousarray(a)) for a in arrays]
            writer.write_batch(pyarrow.record_batch(batch, schema=columns))


def _write_aedat4(path: Path, slices: Iterable[np.ndarray], source: Source, boundaries: np.ndarray, lead: int) -> None:
    with Aedat4Writer(path, size=source.size) as writer:
        for interval, events in enumerate(slices):
            if len(events):
                writer.write_events(events)
            if interval >= lead:
                image, exposure = source.frame(interval - lead)
                begin, end = int(boundaries[interval]), int(boundaries[interval + 1])
                opened = (begin + end - exposure) // 2
                writer.write_frame(image, frame=(begin, end), exposure=(opened, opened + exposure))


def write_annotation(folder: Path, layout: Layout, annotated: Annotated) -> None:
    """The layout's ground truth and, where it has some, presence flags."""
    lines = [",".join(f"{value:.4f}".rstrip("0").rstrip(".") for value in box) for box in annotated.boxes]
    (folder / layout.boxes).write_text("\n".join(lines) + "\n", encoding="utf-8")
    if layout.presence is not None:
        flags = [layout.present_value if present else 1 - layout.present_value for present in annotated.present]
        (folder / layout.presence).write_text("".join(f"{flag}\n" for flag in flags), encoding="utf-8")
