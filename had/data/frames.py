"""One time step as a tracker sees it: the events, the voxels and the images of one frame.

`had.data.sequences` makes frames of prepared sequences, `had.tracking` makes them of live recordings;
`had.data.crops` cuts templates and search regions out of them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from had.data.image_header import MOST_BYTES, TooDeepError, checked_size
from had.data.prepared_files import damaged, image_checksum
from had.errors import DataError
from had.pointers import refuse_pointer

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
        checksums: stream -> checksum of its image file, where it was written with one.
    """

    size: tuple[int, int]
    events: np.ndarray | None = None
    voxels: np.ndarray | None = None
    images: dict[str, np.ndarray] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    voxel_cell: tuple[float, float, float] | None = None
    checksums: dict[str, int] = field(default_factory=dict)

    def image(self, stream: str) -> np.ndarray:
        """The whole image of a stream, (H, W, 3) uint8 RGB.

        Raises:
            DataError: the stream is not there, its file is broken, or its size is not the sensor's.
        """
        if stream in self.images:
            return self.images[stream]
        if stream in self.files:
            return read_image(self.files[stream], self.size, self.checksums.get(stream))
        if stream == "event_image" and self.events is not None:
            from had.data.representations import event_image

            return event_image(self.events, *self.size)
        raise DataError(f"stream {stream!r}", "a frame without it", "prepare the recording again")


class DeepImageError(DataError):
    """An image file of more than 8 bits a channel."""


def read_image(path: Path, size: tuple[int, int] | None = None, checksum: int | None = None) -> np.ndarray:
    """An image file as (H, W, 3) uint8 RGB.

    Args:
        size: (width, height) that it must have.
        checksum: with which it was written (`had.data.prepared_files`).

    Raises:
        DataError: no such file, not a whole image, not of that size, or not as it was written.
        DeepImageError: more than 8 bits a channel.
    """
    import cv2

    if not path.is_file():
        raise DataError("an image file", f"no file {path}", "prepare the data again or complete the download")
    try:
        content = _bytes_of(path)
        if checksum is not None and image_checksum(content) != checksum:
            raise damaged(path, "other bytes than were written")
        checked_size(content)
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
        if image is None or _is_cut_jpeg(content):
            raise ValueError("it is broken")
    except TooDeepError as error:
        remedy = "convert all images of this stream to 8 bits a channel, by one scale"
        raise DeepImageError("images of at most 8 bits a channel", f"{error} in {path}", remedy) from None
    except (ValueError, OSError, cv2.error) as error:
        if isinstance(error, ValueError):
            refuse_pointer(path, "a readable image")
        got = f"a broken file {path} ({' '.join(str(error).split())})"
        raise DataError("a readable image", got, "replace it and prepare the data again") from None
    if size is not None and (image.shape[1], image.shape[0]) != tuple(size):
        got = f"{image.shape[1]}x{image.shape[0]} in {path}"
        raise DataError(f"an image of {size[0]}x{size[1]} pixels", got, "check that the file belongs to this sequence")
    return image


def _bytes_of(path: Path) -> bytes:
    with path.open("rb", buffering=0) as file:
        if os.fstat(file.fileno()).st_size > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES:,} bytes")
        return file.read()


def _is_cut_jpeg(content: bytes) -> bool:
    """Whether a JPEG file has lost its end: decoders make what is missing grey and say nothing."""
    # some writers fill up behind the end
    return content.startswith(b"\xff\xd8\xff") and b"\xff\xd9" not in content[-1024:]
