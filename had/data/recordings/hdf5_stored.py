"""What of an HDF5 file may be read: datasets and attributes that lie in the file itself, whole, in bounded pieces.

HDF5 can name other files of the machine (external storage, virtual datasets, external links), state values that are
not stored, and pieces that are much larger than the file.
"""

from __future__ import annotations

import bz2
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from had.data.recordings.recording import MOST_BYTES
from had.errors import DataError

_MOST_FACT = 64
"""Values of an attribute or a dataset that states a size or a unit."""
_DEFLATE, _BZIP2, _BLOSC, _LZ4, _BITSHUFFLE, _ZSTD = 1, 307, 32001, 32004, 32008, 32015
_KEEP_SIZE = (2, 3)
"""Filters that do not compress: shuffle and its kin."""
_DEFLATE_RATIO = 1032
"""Times that deflated bytes can become at most."""


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


def refuse_bombs(dataset: Any, rows: slice, path: Path, *, axis: int = 0) -> None:
    """See that no chunk of some rows unpacks to more than a chunk holds (`DataError` otherwise).

    HDF5's filters take as much memory as the packed bytes ask for, whatever the chunk's size.
    """
    pipeline = dataset.id.get_create_plist()
    codes = [pipeline.get_filter(number)[0] for number in range(pipeline.get_nfilters())]
    packing = [code for code in codes if code not in _KEEP_SIZE]
    if dataset.chunks is None or not packing or not dataset.size:
        return
    if len(packing) > 1:
        got = f"{len(packing)} in {dataset.name} of {path}"
        raise DataError("one compression of a dataset", got, "write it with one, e.g. by h5repack")
    most = math.prod(dataset.chunks) * dataset.dtype.itemsize
    selected = tuple(rows if number == axis else slice(None) for number in range(dataset.ndim))
    for part in dataset.iter_chunks(selected):
        offset = tuple(side.start // chunk * chunk for side, chunk in zip(part, dataset.chunks, strict=True))
        mask, packed = dataset.id.read_direct_chunk(offset)
        if not mask and _unpacked_bytes(packing[0], packed, most) > most:
            got = f"the one at {offset} of {dataset.name} in {path}, which unpacks to more"
            raise DataError(f"chunks of {most} bytes", got, "write or download the file again")


def _unpacked_bytes(code: int, packed: bytes, enough: int) -> int:
    """Bytes that a chunk unpacks to, or more than ``enough``; 0 for codecs of which it is not known."""
    if code == _DEFLATE and len(packed) * _DEFLATE_RATIO > MOST_BYTES:
        return len(zlib.decompressobj().decompress(packed, enough + 1))
    if code == _BZIP2:
        return len(bz2.BZ2Decompressor().decompress(packed, enough + 1))
    if code in (_LZ4, _BITSHUFFLE):
        return int.from_bytes(packed[:8], "big")
    if code == _BLOSC:
        return int.from_bytes(packed[4:8], "little")
    return _zstd_bytes(packed) if code == _ZSTD else 0


def _zstd_bytes(packed: bytes) -> int:
    """The size that a Zstandard frame states, 0 where it does not (RFC 8878, 3.1.1.1)."""
    flags = packed[4] if len(packed) > 4 else 0
    single = flags >> 5 & 1
    begin = 5 + (1 - single) + (0, 1, 2, 4)[flags & 3]
    size = (single, 2, 4, 8)[flags >> 6]
    return int.from_bytes(packed[begin : begin + size], "little") + (256 if size == 2 else 0)


def own(group: Any, name: str) -> Any:
    """A dataset or group that lies in a group itself; None where there is none, or a link to elsewhere."""
    import h5py

    if not hasattr(group, "keys") or not isinstance(group.get(name, getlink=True), h5py.HardLink):
        return None
    found = group[name]
    return found if isinstance(found, h5py.Group | h5py.Dataset) else None


def facts(holder: Any, name: str, path: Path) -> list[Any]:
    """The few numbers or words under a name: those of an attribute and those of a small dataset of ``holder``."""
    import h5py

    found = []
    if name in holder.attrs and math.prod(holder.attrs.get_id(name).shape or ()) <= _MOST_FACT:
        found.append(holder.attrs[name])
    dataset = own(holder, name)
    if isinstance(dataset, h5py.Dataset) and 0 < (dataset.size or 0) <= _MOST_FACT and dataset.dtype.kind in "iufSO":
        refuse_unstored(dataset, path)
        if dataset.ndim:
            refuse_bombs(dataset, slice(None), path)
        found.append(dataset[()])
    return [value for value in found if not isinstance(value, h5py.Empty)]


def text_of(value: Any) -> str | None:
    """A fact as text, if it is one word or sentence."""
    values = np.asarray(() if value is None else value).ravel().tolist()
    if len(values) != 1 or not isinstance(values[0], str | bytes):
        return None
    return values[0].decode(errors="replace") if isinstance(values[0], bytes) else values[0]
