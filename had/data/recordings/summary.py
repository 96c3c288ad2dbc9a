"""A recording -> its numbers: counts, times, size, rate and a checksum of the decoded columns.

One pass in constant memory: the checksum covers each column whole, one after the other, so x, y and
polarity wait in temporary files until t has been seen to its end.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from had.data.recordings.columns import TimeUnit
from had.data.recordings.gaps import Gaps
from had.data.recordings.opening import open_recording
from had.data.recordings.recording import CHUNK
from had.data.recordings.sensor_size import SIDE, sensor_holding

_READ_BYTES = 1 << 22


log = logging.getLogger(__name__)


def inspect(
    path: Path | str, *, size: tuple[int, int] | None = None, time_unit: TimeUnit | None = None
) -> dict[str, Any]:
    """Sum a recording up; times that run backwards and events outside the stated sensor are counted, not refused.

    Args:
        path: the file.
        size: (width, height) in pixels, where the file states none.
        time_unit: as `had.data.recordings.open_recording`.

    Returns:
        file, format, bytes, events, t_first_us, t_last_us (None without events), duration_us, events_per_second,
        width, height (None where neither the file nor an event tells), polarity_on (ON events), monotonic,
        backward_steps (of time), outside_sensor (events), frames (camera frames), time_unit (of the file),
        skipped (what was left out and how often), notes (sentences), and sha256_columns: SHA-256 of t int64,
        x uint16, y uint16, polarity uint8 (0/1), little-endian, each column whole.

    Raises:
        DataError: no such file, unknown format, broken file, events outside the ``size``.
    """
    recording = open_recording(path, size=size, time_unit=time_unit)
    digest = hashlib.sha256()
    count = on = backward = outside = 0
    first: int | None = None
    last: int | None = None
    where = ""
    largest, gaps = np.zeros(2, np.int64), Gaps()
    with ExitStack() as stack:
        columns = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        for events in recording.decode(CHUNK):
            t, rising = events["t"], events["p"] > 0
            first = int(t[0]) if first is None else first
            falls = int((last is not None and t[0] < last) + (t[1:] < t[:-1]).sum())
            if falls and not backward:
                where = f", first {recording.first_fall(t, t[0] if last is None else last, count)}"
            backward += falls
            last = int(t[-1])
            gaps.add(t)
            if size is not None or recording.declared is None:
                recording.refuse_outside(events, size or (SIDE, SIDE), count)
            else:
                outside += int(((events["x"] >= recording.declared[0]) | (events["y"] >= recording.declared[1])).sum())
            count, on = count + len(events), on + int(rising.sum())
            largest = np.maximum(largest, [events["x"].max(), events["y"].max()])
            digest.update(np.ascontiguousarray(t).tobytes())
            for column, values in zip(columns, (events["x"], events["y"], rising), strict=True):
                column.write(np.ascontiguousarray(values).tobytes())
        for column in columns:
            column.seek(0)
            while block := column.read(_READ_BYTES):
                digest.update(block)
    seen = sensor_holding(int(largest[0]) + 1, int(largest[1]) + 1) if count else (None, None)
    width, height = recording.declared or seen
    if gap := gaps.sentence(recording.place):
        recording.notes.append(gap)
    recording.warn()
    for what, number in ((f"times that run backwards{where}", backward), ("events outside the sensor", outside)):
        if number:
            log.warning("%s: %d %s; preparation and tracking will refuse it", recording.path, number, what)
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
        "monotonic": not backward,
        "backward_steps": backward,
        "outside_sensor": outside,
        "frames": recording.frame_count(),
        "time_unit": recording.time_unit,
        "skipped": dict(recording.skipped),
        "notes": recording.notes,
        "sha256_columns": digest.hexdigest(),
    }
