"""What of an HDF5 file may be read: datasets and attributes that lie in the file itself, whole, in bounded pieces.

HDF5 can name other files of the machine (external storage, virtual datasets, external links), state values that are
not stored, and pieces that are much larger than the file.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from had.data.recordings.recording import MOST_BYTES
from had.errors import DataError

_MOST_FACT = 64
"""Values of an attribute or a dataset that states a size or a unit."""


def refuse_unstored(dataset: Any, path: Path) -> None:
    """See that a dataset's values are stored in the file, in pieces of at most `MOST_BYTES` (`DataError` otherwise)."""
    name = f"{dataset.name} of {path}"
    if dataset.external or dataset.is_virtual:
        where = "external storage" if dataset.external else "a virtual dataset"
        remedy = "copy the values into the file (h5repack, or h5py), if you trust its maker"
        raise DataError("datasets whose values are in the file", f"{name} in another file ({where})", remedy)
    if not dataset.size:
        return
    piece = math.prod(dataset.chunks or (1,)) * dataset.dtype.itemsize
    if piece > MOST_BYTES:
        got = f"{piece} in {name}"
        raise DataError(f"pieces of at most {MOST_BYTES} bytes", got, "write it with smaller chunks, e.g. by h5repack")
    if dataset.chunks:
        wanted = math.prod(-(-n // chunk) for n, chunk in zip(dataset.shape, dataset.chunks, strict=True))
        stored, what = dataset.id.get_num_chunks(), "chunks"
    else:
        wanted, stored, what = dataset.size * dataset.dtype.itemsize, dataset.id.get_storage_size(), "bytes"
    if stored < wanted:
        got = f"{stored} of {wanted} {what} of {name}"
        raise DataError("datasets that are stored whole", got, "write or download the file again")


def own(group: Any, name: str) -> Any:
    """A dataset or group that lies in a group itself; None where there is none, or a link to elsewhere."""
    import h5py

    if not hasattr(group, "keys") or not isinstance(group.get(name, getlink=True), h5py.HardLink):
        return None
    found = group[name]
    return found if isinstance(found, h5py.Group | h5py.Dataset) else None


def fact(holder: Any, name: str, path: Path) -> Any:
    """The few numbers or words under a name, as an attribute or a small dataset of ``holder``; None without."""
    import h5py

    value = None
    if name in holder.attrs:
        stored = holder.attrs.get_id(name)
        value = holder.attrs[name] if math.prod(stored.shape or ()) <= _MOST_FACT else None
    else:
        dataset = own(holder, name)
        if (
            isinstance(dataset, h5py.Dataset)
            and 0 < (dataset.size or 0) <= _MOST_FACT
            and dataset.dtype.kind in "iufSO"
        ):
            refuse_unstored(dataset, path)
            value = dataset[()]
    return None if isinstance(value, h5py.Empty) else value


def text_of(value: Any) -> str | None:
    """A fact as text, if it is one word or sentence."""
    values = np.asarray(() if value is None else value).ravel().tolist()
    if len(values) != 1 or not isinstance(values[0], str | bytes):
        return None
    return values[0].decode(errors="replace") if isinstance(values[0], bytes) else values[0]
