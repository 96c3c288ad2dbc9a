"""NumPy files (``.npy``, ``.npz``) of events -> events, streamed; compressed members too.

Forms: arrays named x, y, t and p (or xs, ..., timestamps, polarities); one structured array with these
fields, as tonic writes; one array of N x 4 or 4 x N, whose columns are told by their values. Nothing is unpickled.
Arrays of one or two values beside them may state the sensor's size and the unit of time.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from had.data.recordings.columns import (
    ROLES,
    SAMPLE,
    UNIT_NAMES,
    ColumnRecording,
    TimeUnit,
    columns_named,
    order_or_refuse,
    reason_of,
)
from had.data.recordings.recording import MOST_BYTES
from had.data.recordings.sensor_size import SIZE_NAMES, stated_among
from had.data.recordings.statements import Statement
from had.errors import DataError
from had.numpy_files import BROKEN, BROKEN_VALUES, exactly, header, members

_AGAIN = "copy or download it again, or write it anew"
_FORMS = "arrays x, y, t, p of one length, a structured array of these fields, or N x 4 numbers"
_MOST_MEMBERS = 1000
_MOST_FACT = 1 << 12
"""Bytes of an array that states a size or a unit."""
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
        self.path = path
        with path.open("rb") as file:
            self._zipped = file.read(2) == b"PK"
        self.format = "NPZ" if self._zipped else "NPY"
        arrays = self._arrays()
        facts = {name: self._fact(arrays[name]) for name in (*SIZE_NAMES, *UNIT_NAMES) if name in arrays}
        super().__init__(path, size=size, stated=stated_among(lambda name: [facts.get(name)], "in the archive"))
        self._names: dict[str, str | int] = {}
        self._streams: list[_Stream] = []
        unit = self._plan(arrays)
        units = [Statement(unit, "the name of the times")] if unit else []
        units += [Statement(words, name) for name in UNIT_NAMES if isinstance(words := facts.get(name), str)]
        sample = self._order_by_values()
        self.choose_unit(sample, asked=time_unit, stated=units)

    def _fact(self, array: _Array) -> np.ndarray | str | None:
        """The values of a small array, text as one string; None for a large one."""
        size = math.prod(array.shape) * array.dtype.itemsize
        if array.dtype.kind not in "iufSU" or size > _MOST_FACT:
            return None
        try:
            with self._open(array.member) as file:
                file.read(array.offset)
                values = np.frombuffer(exactly(file, size), array.dtype)
        except BROKEN_VALUES as error:
            raise self._broken(error) from None
        if values.dtype.kind in "iuf":
            return values
        return " ".join(v.decode(errors="replace") if isinstance(v, bytes) else v for v in values.tolist())

    def _arrays(self) -> dict[str, _Array]:
        """The arrays in the file, by name; a ``.npy`` file has one without a name."""
        try:
            if not self._zipped:
                return {"": self._header("", self.path.stat().st_size)}
            with zipfile.ZipFile(self.path) as archive:
                found = members(archive, _MOST_MEMBERS)
            return {name: self._header(info.filename, info.file_size) for name, info in found.items()}
        except BROKEN as error:
            raise self._broken(error) from None

    def _broken(self, error: Exception) -> DataError:
        return DataError(f"a whole {self.format} file", f"{self.path} ({reason_of(error)})", _AGAIN)

    def _header(self, member: str, size: int) -> _Array:
        """What a member of ``size`` bytes states of its array."""
        with self._open(member) as file:
            return _Array(member, *header(file, size))

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
            if "events" in arrays:
                self.notes.append(f"two sets of events, of which {', '.join(found[0].values())} are read (not events)")
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
        return np.empty(0) if first is None else self._column(first, "t")

    def _blocks(self, most: int) -> Iterator[dict[str | int, np.ndarray]]:
        """Columns by number, or by name for a structured array, at most ``most`` rows at a time."""
        widest = max(stream.dtype.itemsize for stream in self._streams)
        if widest > MOST_BYTES:
            raise DataError(
                f"events of at most {MOST_BYTES} bytes", f"{widest} in {self.path}", "save the columns alone"
            )
        most = min(most, MOST_BYTES // max(widest, 1))
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
            except BROKEN_VALUES as error:
                raise self._broken(error) from None

    def _skip(self, file: IO[bytes], count: int) -> None:
        """Pass over bytes; those of an archive are read, because its checksum covers them."""
        if not self._zipped:
            file.seek(count)
            return
        while count and (content := file.read(min(count, 1 << 20))):
            count -= len(content)

    def _read(self, file: IO[bytes], stream: _Stream, rows: int) -> np.ndarray:
        content = exactly(file, rows * stream.dtype.itemsize)
        base, shape = stream.dtype.base, (rows, *stream.dtype.shape)
        return np.frombuffer(content, base).reshape(shape)

    def decode(self, max_events: int) -> Iterator[np.ndarray]:
        """See `Recording.decode`."""
        done = 0
        for block in self._blocks(max_events):
            x, y, p, t = (self._column(block, role) for role in ROLES)
            yield self.as_checked(x, y, p, t, done=done)
            done += len(t)

    def _column(self, block: dict[str | int, np.ndarray], role: str) -> np.ndarray:
        """A column as numbers, logical values as 0 and 1."""
        values = block[self._names[role]]
        return values.view(np.uint8) if values.dtype.kind == "b" else values
