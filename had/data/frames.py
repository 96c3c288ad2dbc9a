"""One time step as a tracker sees it: the events, the voxels and the images of one frame.

`had.data.sequences` makes frames of prepared sequences, `had.tracking` makes them of live recordings;
`had.data.crops` cuts templates and search regions out of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from had.errors import DataError

EVENT_DTYPE = np.dtype([("t", "<i8"), ("x", "<u2"), ("y", "<u2"), ("p", "i1")])
"""One event: time in microseconds, pixel, polarity in {-1, +1}."""


@dataclass(frozen=True)
class Frame:
    """One time step.

    Attributes:
        size: (width, height) of the sensor in pixels.
        events: the slice's events, a structured array with at least x, y, p; or None.
        voxels: (V, 19) float32 rows x, y (cell centres, pixels), t (in [0, 1] of the slice), 16 polarities; or None.
        voxel_cell: (x, y, t) size of a voxel's cell in pixels and slices, or None where it is not known.
        images: stream -> (H, W, 3) uint8 RGB.
        files: stream -> image file, read when it is asked for.
    """

    size: tuple[int, int]
    events: np.ndarray | None = None
    voxels: np.ndarray | None = None
    images: dict[str, np.ndarray] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    voxel_cell: tuple[float, float, float] | None = None

    def image(self, stream: str) -> np.ndarray:
        """The whole image of a stream, (H, W, 3) uint8 RGB.

        Raises:
            DataError: the stream is not there, its file is broken, or its size is not the sensor's.
        """
        if stream in self.images:
            return self.images[stream]
        if stream in self.files:
            return read_image(self.files[stream], self.size)
        if stream == "event_image" and self.events is not None:
            from had.data.representations import event_image

            return event_image(self.events, *self.size)
        raise DataError(f"stream {stream!r}", "a frame without it", "prepare the recording again")


def read_image(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """An image file as (H, W, 3) uint8 RGB.

    Raises:
        DataError: no such file, not a whole image, or not of ``size`` (width, height).
    """
    import cv2

    if not path.is_file():
        raise DataError("an image file", f"no file {path}", "prepare the data again or complete the download")
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None or (path.suffix == ".jpg" and _is_cut_jpeg(path)):
        raise DataError("a readable image", f"a broken file {path}", "replace it and prepare the data again")
    if size is not None and (image.shape[1], image.shape[0]) != tuple(size):
        got = f"{image.shape[1]}x{image.shape[0]} in {path}"
        raise DataError(f"an image of {size[0]}x{size[1]} pixels", got, "check that the file belongs to this sequence")
    return image


def _is_cut_jpeg(path: Path) -> bool:
    """Whether a JPEG file has lost its end: decoders make what is missing grey and say nothing."""
    with path.open("rb") as file:
        head = file.read(3)
        file.seek(max(0, file.seek(0, 2) - 1024))  # some writers fill up behind the end
        return head == b"\xff\xd8\xff" and b"\xff\xd9" not in file.read()
