"""Raw recordings of any supported format as time-ordered events of one dtype, in constant memory.

`open_recording` chooses the reader by the file's first bytes and suffix; `inspect` sums a recording up.
Formats: EventVOT's CSV (`event_csv`), AEDAT4 (`aedat4`), Prophesee RAW EVT2 and EVT3 (`prophesee`).
"""

from __future__ import annotations

from pathlib import Path

from had.data.recordings.recording import CameraFrame, Recording
from had.data.recordings.summary import inspect
from had.errors import DataError

__all__ = ["CameraFrame", "Recording", "inspect", "open_recording"]


def open_recording(path: Path | str, *, size: tuple[int, int] | None = None) -> Recording:
    """Open a raw recording; nothing but its header is read yet.

    Args:
        path: a ``.csv``, ``.aedat4`` or ``.raw`` file.
        size: (width, height) in pixels, where the file does not say it or says it wrongly.

    Raises:
        DataError: no such file, an empty one, an unknown format or a broken header.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("a recording", f"no file {path}", "give the path of a .csv, .aedat4 or .raw file")
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        raise DataError("a recording", f"an empty file {path}", "copy or download it again")
    if start.startswith(b"#!AER-DAT4"):
        from had.data.recordings.aedat4 import Aedat4Recording

        return Aedat4Recording(path, size=size)
    if start.startswith(b"% ") or path.suffix.lower() == ".raw":
        from had.data.recordings.prophesee import open_prophesee

        return open_prophesee(path, size=size)
    if path.suffix.lower() in (".csv", ".txt"):
        from had.data.recordings.event_csv import CsvRecording

        return CsvRecording(path, size=size)
    got = f"{path} beginning with {start[:12]!r}"
    raise DataError("CSV, AEDAT4 or Prophesee RAW (EVT2, EVT3)", got, "convert it to one of these formats")
