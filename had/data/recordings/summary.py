"""A recording -> its numbers: counts, times, size, rate and a checksum of the decoded columns.

One pass in constant memory: the checksum covers each column whole, one after the other, so x, y and
polarity wait in temporary files until t has been seen to its end.
"""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from had.data.recordings.recording import CHUNK, sensor_holding

_READ_BYTES = 1 << 22


def inspect(path: Path | str, *, size: tuple[int, int] | None = None) -> dict[str, Any]:
    """Sum a recording up; times that run backwards are reported (`monotonic`), not refused.

    Returns:
        file, format, bytes, events, t_first_us, t_last_us (None without events), duration_us,
        events_per_second, width, height, polarity_on (ON events), monotonic, frames (camera frames), and
        sha256_columns: SHA-256 of t int64, x uint16, y uint16, polarity uint8 (0/1), little-endian, each
        column whole.

    Raises:
        DataError: no such file, unknown format, broken file.
    """
    from had.data.recordings import open_recording

    recording = open_recording(path, size=size)
    digest = hashlib.sha256()
    count = on = 0
    first: int | None = None
    last: int | None = None
    monotonic = True
    largest = np.zeros(2, np.int64)
    with ExitStack() as stack:
        columns = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        for events in recording.decode(CHUNK):
            t, rising = events["t"], events["p"] > 0
            first = int(t[0]) if first is None else first
            monotonic &= (last is None or t[0] >= last) and bool((t[1:] >= t[:-1]).all())
            last = int(t[-1])
            count, on = count + len(events), on + int(rising.sum())
            largest = np.maximum(largest, [events["x"].max(), events["y"].max()])
            digest.update(np.ascontiguousarray(t).tobytes())
            for column, values in zip(columns, (events["x"], events["y"], rising), strict=True):
                column.write(np.ascontiguousarray(values).tobytes())
        for column in columns:
            column.seek(0)
            while block := column.read(_READ_BYTES):
                digest.update(block)
    width, height = recording.declared or sensor_holding(int(largest[0]) + 1, int(largest[1]) + 1)
    duration = 0 if first is None or last is None else last - first
    return {
        "file": recording.path.name,
        "format": recording.format,
        "bytes": recording.path.stat().st_size,
        "events": count,
        "t_first_us": first,
        "t_last_us": last,
        "duration_us": duration,
        "events_per_second": round(count / duration * 1e6, 3) if duration else None,
        "width": width,
        "height": height,
        "polarity_on": on,
        "monotonic": bool(monotonic),
        "frames": recording.frame_count(),
        "sha256_columns": digest.hexdigest(),
    }
