"""The raw recording of a sequence: which file it is, and opened with the sensor that it or its folder states."""

from __future__ import annotations

from pathlib import Path

from had.data.annotations import stated_sensor
from had.data.layouts import SENSOR_FILE, Layout
from had.data.recordings import Recording, open_recording
from had.errors import DataError


def raw_file(layout: Layout, folder: Path) -> Path:
    """The recording of the sequence in ``folder``; where there is none, the file that would be it.

    Raises:
        DataError: two files that could be it.
    """
    names = [pattern.format(sequence=folder.name) for pattern in (layout.raw, *layout.raw_also)]
    there = [folder / name for name in names if (folder / name).is_file()]
    if len(there) > 1:
        raise DataError("one raw recording", f"{there[0]} and {there[1].name} beside it", "move one of them away")
    return there[0] if there else folder / names[0]


def open_raw(layout: Layout, folder: Path) -> Recording:
    """The recording of the sequence in ``folder``, opened; its sensor is known without reading events.

    The file's own statement counts, then the folder's (`SENSOR_FILE`), then the layout's.

    Raises:
        DataError: no recording, a broken one, or one that states another sensor than the folder.
    """
    path, stated = raw_file(layout, folder), stated_sensor(folder)
    recording = open_recording(path)
    recording.assume_size(stated or layout.sensor)
    declared = recording.declared
    if stated and declared and stated != declared:
        expected = f"a sensor of {stated[0]}x{stated[1]}, as {folder / SENSOR_FILE} states"
        got = f"{declared[0]}x{declared[1]}, as {path} states"
        raise DataError(expected, got, "correct or remove the first of these files")
    return recording
