"""Raw recordings of any supported format as time-ordered events of one dtype, in constant memory.

`open_recording` chooses the reader by the file's first bytes and suffix; `inspect` sums a recording up;
`time_slices` cuts one in time. Formats: CSV (`event_csv`), AEDAT4 (`aedat4`), Prophesee RAW EVT2 and EVT3
(`prophesee`) and DAT (`prophesee_dat`), HDF5 (`hdf5`), NumPy (`event_arrays`).
"""

from __future__ import annotations

from had.data.recordings.columns import TimeUnit
from had.data.recordings.opening import open_recording
from had.data.recordings.recording import CameraFrame, Recording
from had.data.recordings.slices import time_slices
from had.data.recordings.summary import inspect

__all__ = ["CameraFrame", "Recording", "TimeUnit", "inspect", "open_recording", "time_slices"]
