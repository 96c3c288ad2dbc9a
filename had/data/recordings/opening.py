"""A file of any supported format -> its reader, chosen by the file's first bytes and its suffix."""

from __future__ import annotations

from pathlib import Path

from had.data.recordings.columns import TimeUnit
from had.data.recordings.other_files import refuse_other_files
from had.data.recordings.recording import Recording
from had.errors import ConfigError, DataError

_SUFFIXES = ".csv (.csv.gz), .txt, .aedat4, .raw, .dat, .h5, .npz or .npy"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_AEDAT = b"#!AER-DAT"


def open_recording(
    path: Path | str, *, size: tuple[int, int] | None = None, time_unit: TimeUnit | None = None
) -> Recording:
    """Open a raw recording; only its header, and where nothing names the columns its first events, are read.

    Args:
        path: a CSV, AEDAT4, Prophesee RAW or DAT, HDF5, ``.npz`` or ``.npy`` file.
        size: (width, height) in pixels, where the file states none.
        time_unit: unit of the times in a CSV, HDF5 or NumPy file; None: stated there, or told by the values.
            It and ``size`` decide where a file states two.

    Raises:
        DataError: no such file, an empty one, another file under a recording's name, an unknown format, a broken
            header, a size or unit that the file contradicts, or times or columns without a name that can be read
            in two ways.
        ConfigError: a unit of time for a format that fixes it.
    """
    path = Path(path)
    try:
        if not path.is_file():
            got = f"the folder {path}" if path.is_dir() else f"no file {path}"
            raise DataError("a recording", got, f"give the path of a {_SUFFIXES} file")
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise DataError("a recording that can be read", f"{path} ({error.strerror})", "look at its path") from None
    if not start:
        raise DataError("a recording", f"an empty file {path}", "copy or download it again")
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    refuse_other_files(path, start, packed=_is_text(suffixes))
    columns = _column_reader(start, suffixes)
    if columns is not None:
        return columns(path, size=size, time_unit=time_unit)
    reader = _device_reader(start, suffixes)
    if reader is None:
        got = f"{path} beginning with {start[:12]!r}"
        raise DataError(f"a recording: {_SUFFIXES}", got, "convert it to one of these formats")
    if time_unit not in (None, "us"):
        got = f"--time-unit {time_unit} for {path}"
        raise ConfigError("a unit of time only for CSV, HDF5 and NumPy files", got, "leave it out")
    return reader(path, size=size)


def _column_reader(start: bytes, suffixes: list[str]):
    """The reader of a file that is columns of numbers, or None."""
    if start.startswith(_HDF5):
        from had.data.recordings.hdf5 import Hdf5Recording

        return Hdf5Recording
    if start.startswith((b"\x93NUMPY", b"PK")):
        from had.data.recordings.event_arrays import ArrayRecording

        return ArrayRecording
    if _is_text(suffixes) and not start.startswith(_AEDAT):
        from had.data.recordings.event_csv import CsvRecording

        return CsvRecording
    return None


def _is_text(suffixes: list[str]) -> bool:
    """Whether a file's suffixes are those of a CSV, compressed or not."""
    from had.data.recordings.csv_dialect import COMPRESSED

    text = suffixes[:-1] if suffixes and suffixes[-1] in COMPRESSED else suffixes
    return bool(text) and text[-1] in (".csv", ".txt")


def _device_reader(start: bytes, suffixes: list[str]):
    """The reader of a file as a camera writes it, or None."""
    if start.startswith(_AEDAT):
        from had.data.recordings.aedat4 import Aedat4Recording

        return Aedat4Recording
    if start.startswith(b"% ") or suffixes[-1:] in ([".raw"], [".dat"]):
        from had.data.recordings.prophesee import open_prophesee

        return open_prophesee
    return None
