"""NumPy files (``.npy``, ``.npz``) of events -> events, streamed; compressed members too.

Forms: arrays named x, y, t and p (or xs, ..., timestamps, polarities); one structured array with these
fields, as tonic writes; one array of N x 4 or 4 x N, whose columns are told by their values. Nothing is unpickled.

Source: NumPy's description of its ``.npy`` format.
"""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from had.data.recordings.columns import (
    ROLES,
    SAMPLE,
    ColumnRecording,
    TimeUnit,
    columns_named,
    order_or_refuse,
    reason_of,
)
from had.errors import DataError

_AGAIN = "copy or download it again, or write it anew"
_FORMS = "arrays x, y, t, p of one length, a structured array of these fields, or N x 4 numbers"
_BROKEN = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)
_BROKEN_HEADER = (*_BROKEN, SyntaxError, tokenize.TokenError, TypeError, KeyError, struct.error)
_NUMBERS = "buif"


class _Array(NamedTuple):
    """One stored array: its member of the archive, and where its bytes begin there."""

    member: str
    dtype: np.dtype
    shape: tuple[int, ...]
    fortran: bool
    offset: int


class _Stream(NamedTuple):
    """Values of one type, one after the other, from ``offset`` of a member on."""

    member: str
    offset: int
    dtype: np.dtype


class ArrayRecording(ColumnRecording):
    """Events in a ``.npy`` or ``.npz`` file, read in constant memory."""

    def __init__(self, path: Path, *, size: tuple[int, int] | None = None, time_unit: TimeUnit | None = None):
        super().__init__(path, size=size)
        with path.open("rb") as file:
            self._zipped = file.read(2) == b"PK"
        self.format = "NPZ" if self._zipped else "NPY"
        self._names: dict[str, str | int] = {}
        self._streams: list[_Stream] = []
        stated = self._plan(self._arrays())
        sample = self._order_by_values()
        self.choose_unit(sample, time_unit, stated)

    def _arrays(self) -> dict[str, _Array]:
        """The arrays in the file, by name; a ``.npy`` file has one without a name."""
        try:
            if not self._zipped:
                return {"": self._header("")}
            with zipfile.ZipFile(self.path) as archive:
                members = [name for name in archive.namelist() if name.endswith(".npy")]
            return {name.removesuffix(".npy"): self._header(name) for name in members}
        except _BROKEN_HEADER as error:
            raise self._broken(error) from None

    def _broken(self, error: Exception) -> DataError:
        return DataError(f"a whole {self.format} file", f"{self.path} ({reason_of(error)})", _AGAIN)

    def _header(self, member: str) -> _Array:
        with self._open(member) as file:
            version = np.lib.format.read_magic(file)
            if version not in ((1, 0), (2, 0)):
                raise ValueError(f"version {version[0]}.{version[1]} of the array {member!r}")
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)
            if min(shape, default=0) < 0:
                raise ValueError(f"an array of {shape}")
            array = _Array(member, dtype, shape, fortran, file.tell())
        wanted = array.offset + math.prod(shape) * dtype.itemsize
        if not self._zipped and self.path.stat().st_size < wanted:
            raise EOFError(f"{self.path.stat().st_size} of {wanted} bytes")
        return array

    @contextmanager
    def _open(self, member: str) -> Iterator[IO[bytes]]:
        with ExitStack() as stack:
            if not self._zipped:
                yield stack.enter_context(self.path.open("rb"))
                return
            archive = stack.enter_context(zipfile.ZipFile(self.path))
            yield stack.enter_context(archive.open(member))

    def _plan(self, arrays: dict[str, _Array]) -> TimeUnit | None:
        """Choose the arrays that are the events, and the streams to read them by; the unit that a name states."""
        found = columns_named(arrays)
        if found is not None:
            named = {role: arrays[name] for role, name in found[0].items()}
            shapes = {array.shape for array in named.values()}
            if len(shapes) != 1 or len(shapes.pop()) != 1:
                shown = ", ".join(f"{role} {array.shape}" for role, array in named.items())
                raise DataError("x, y, t and p of one length", f"{shown} in {self.path}", "write the columns anew")
            self._refuse_objects(*(array.dtype for array in named.values()))
            self._length = named["x"].shape[0]
            self._streams = [_Stream(named[role].member, named[role].offset, named[role].dtype) for role in ROLES]
            self._names = {role: i for i, role in enumerate(ROLES)}
            return found[1]
        chosen = arrays.get("events") or (next(iter(arrays.values())) if len(arrays) == 1 else None)
        if chosen is None:
            got = f"{', '.join(f'{name} {array.shape}' for name, array in arrays.items()) or 'no array'} in {self.path}"
            raise DataError(_FORMS, got, "name the arrays x, y, t and p")
        return self._plan_one(chosen)

    def _plan_one(self, array: _Array) -> TimeUnit | None:
        if array.dtype.names is not None and len(array.shape) == 1:
            found = columns_named(array.dtype.names)
            if found is not None:
                self._refuse_objects(*(array.dtype[name] for name in found[0].values()), array.dtype)
                self._length = array.shape[0]
                self._streams = [_Stream(array.member, array.offset, array.dtype)]
                self._names = dict(found[0])
                return found[1]
        self._refuse_objects(array.dtype)
        turned = len(array.shape) == 2 and array.shape[1] != 4 and array.shape[0] == 4
        if array.dtype.names is not None or len(array.shape) != 2 or 4 not in array.shape:
            raise DataError(_FORMS, f"{array.dtype} of {array.shape} in {self.path}", "name the arrays x, y, t and p")
        self._length = array.shape[1 if turned else 0]
        if turned == array.fortran:  # an event's four values lie together
            self._streams = [_Stream(array.member, array.offset, np.dtype((array.dtype, (4,))))]
        else:
            column = self._length * array.dtype.itemsize
            self._streams = [_Stream(array.member, array.offset + i * column, array.dtype) for i in range(4)]
        return None

    def _refuse_objects(self, *dtypes: np.dtype) -> None:
        """See that columns are numbers; what is pickled is not read."""
        for dtype in dtypes:
            if dtype.hasobject or (dtype.names is None and dtype.kind not in _NUMBERS):
                got = f"{'pickled objects' if dtype.hasobject else dtype} in {self.path}"
                raise DataError("arrays of numbers", got, "save x, y, t and p as plain arrays with numpy.savez")

    def _order_by_values(self) -> np.ndarray:
        """Tell the columns apart where nothing names them; the times of the first rows."""
        first = next(islice(self._blocks(SAMPLE), 1), None)
        if not self._names:
            order: tuple[str, ...] = ROLES
            if first is not None:
                sample = np.stack([np.asarray(first[i], np.float64) for i in range(4)], axis=1)
                remedy = "save the columns under the names x, y, t and p with numpy.savez"
                order = self.order_told = order_or_refuse(sample, self.path, remedy)
            self._names = {role: i for i, role in enumerate(order)}
        return np.empty(0) if first is None else first[self._names["t"]]

    def _blocks(self, most: int) -> Iterator[dict[str | int, np.ndarray]]:
        """Columns by number, or by name for a structured array, at most ``most`` rows at a time."""
        with ExitStack() as stack:
            try:
                files = [stack.enter_context(self._open(stream.member)) for stream in self._streams]
                for file, stream in zip(files, self._streams, strict=True):
                    self._skip(file, stream.offset)
                for done in range(0, self._length, most):
                    rows = min(most, self._length - done)
                    read = [self._read(file, s, rows) for file, s in zip(files, self._streams, strict=True)]
                    if len(read) == 4:
                        yield dict(enumerate(read))
                    elif read[0].dtype.names is not None:
                        yield {name: read[0][name] for name in read[0].dtype.names}
                    else:
                        yield {i: read[0][:, i] for i in range(4)}
            except _BROKEN as error:
                raise self._broken(error) from None

    def _skip(self, file: IO[bytes], count: int) -> None:
        """Pass over bytes; those of an archive are read, because its checksum covers them."""
        if not self._zipped:
            file.seek(count)
            return
        while count and (content := file.read(min(count, 1 << 20))):
            count -= len(content)

    def _read(self, file: IO[bytes], stream: _Stream, rows: int) -> np.ndarray:
        wanted = rows * stream.dtype.itemsize
        content = file.read(wanted)
        if len(content) != wanted:
            raise EOFError("which ends too early")
        base, shape = stream.dtype.base, (rows, *stream.dtype.shape)
        return np.frombuffer(content, base).reshape(shape)

    def decode(self, max_events: int) -> Iterator[np.ndarray]:
        """See `Recording.decode`."""
        done = 0
        for block in self._blocks(max_events):
            x, y, p, t = (block[self._names[role]] for role in ROLES)
            x, y, p = (values.view(np.uint8) if values.dtype.kind == "b" else values for values in (x, y, p))
            yield self.as_checked(x, y, p, t, done=done)
            done += len(t)
