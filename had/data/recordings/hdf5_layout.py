"""Where in an HDF5 file the events, the sensor's size and the camera's frames are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from had.data.recordings.columns import ROLES, UNIT_NAMES, TimeUnit, columns_named
from had.data.recordings.hdf5_stored import facts, own, refuse_bombs, refuse_unstored, text_of
from had.data.recordings.recording import LATEST_US
from had.data.recordings.sensor_size import Stated, stated_among
from had.data.recordings.statements import Statement, agreed
from had.errors import DataError

_DEEPEST = 5
_MOST_MEMBERS = 64
"""Groups with more members hold images, not events."""
_MOST_PIXELS = 1 << 26
"""Of a camera frame."""
_NUMBERS = "iufb"


class Source(NamedTuple):
    """One event stream.

    Attributes:
        name: of its group or dataset.
        datasets: those that are read: one for x, y, p and t each, or a single one.
        axis: along which the events lie.
        order: the columns' names in a block in the order x, y, p, t; empty where only values can tell.
        units: of time, as the file states them in words.
        usual: that of files of this form, or None.
        offset_us: to be added to all times.
    """

    name: str
    datasets: tuple[str, ...]
    axis: int
    order: tuple[str, ...]
    units: list[Statement]
    usual: TimeUnit | None
    offset_us: int

    def block(self, file: Any, begin: int, end: int, path: Path) -> dict[str, np.ndarray]:
        """Columns of events ``begin`` to ``end`` (outside) by name."""
        for name in self.datasets:
            refuse_bombs(file[name], slice(begin, end), path, axis=self.axis)
        if len(self.datasets) == len(ROLES):
            return {name: file[name][begin:end] for name in self.datasets}
        dataset = file[self.datasets[0]]
        if self.order:
            rows = dataset.fields(list(self.order))[begin:end]
            return {name: rows[name] for name in self.order}
        rows = dataset[begin:end] if self.axis == 0 else dataset[:, begin:end].T
        return {str(column): rows[:, column] for column in range(4)}


class Images(NamedTuple):
    """The camera's frames: one dataset of all, or one each.

    Attributes:
        name: of the group of images, or of the dataset.
        times: of the dataset of times; empty where each image has an attribute ``timestamp``.
        frames: how many.
        refused: why they are not read; empty: they are.
    """

    name: str
    times: str
    frames: int
    refused: str

    def read(self, file: Any, path: Path) -> Iterator[tuple[float, np.ndarray]]:
        """(time in the file's unit, (H, W) uint8), one after the other."""
        if self.times:
            images, times = file[self.name], file[self.times]
            for dataset in (images, times):
                refuse_unstored(dataset, path)
            refuse_bombs(times, slice(None), path)
            for number in range(self.frames):
                refuse_bombs(images, slice(number, number + 1), path)
                yield times[number], images[number].reshape(images.shape[1:3])
            return
        group = file[self.name]
        for time, member in sorted((_timestamp(group[member]), member) for member in group):
            image = group[member]
            refuse_unstored(image, path)
            refuse_bombs(image, slice(None), path)
            yield time, image[()].reshape(image.shape[:2])


def _timestamp(image: Any) -> float:
    """The time of an image (`ValueError` where it is no number)."""
    values = np.asarray(image.attrs["timestamp"]).ravel()
    if len(values) != 1 or values.dtype.kind not in "iuf":
        raise ValueError(f"a timestamp of {image.name} that is no number")
    return values[0]


def find_sources(file: Any, path: Path) -> tuple[list[Source], list[str]]:
    """All event streams of a file, by name, and the links to other files in it, which are not followed."""
    linked: list[str] = []
    return sorted(_sources(file, file, path, 0, set(), linked), key=lambda source: source.name), linked


def _sources(file: Any, group: Any, path: Path, depth: int, seen: set[int], linked: list[str]) -> Iterator[Source]:
    members = _members(group, seen, linked)
    names = [name for name, item in members.items() if _is_column(item)]
    found = columns_named(names)
    if found is not None:
        datasets = tuple(f"{group.name.rstrip('/')}/{found[0][role]}" for role in ROLES)
        units = _stated_units(file[datasets[3]], found[1], path)
        offset = _offset(file, group, path)
        usual: TimeUnit | None = "us" if offset is not None or "ms_to_idx" in {*file, *members} else None
        yield Source(group.name, datasets, 0, datasets, units, usual, offset or 0)
    for name, item in members.items():
        if hasattr(item, "keys"):
            if depth < _DEEPEST:
                yield from _sources(file, item, path, depth + 1, seen, linked)
        elif item.dtype.names is not None and item.ndim == 1:
            fields = columns_named(item.dtype.names)
            if fields is not None and all(item.dtype[name].kind in _NUMBERS for name in fields[0].values()):
                units = _stated_units(item, fields[1], path)
                order = tuple(fields[0][role] for role in ROLES)
                yield Source(item.name, (item.name,), 0, order, units, "us" if item.name == "/CD/events" else None, 0)
        elif name == "events" and item.ndim == 2 and item.dtype.kind in "iuf" and 4 in item.shape:
            axis = 0 if item.shape[1] == 4 else 1
            yield Source(item.name, (item.name,), axis, (), _stated_units(item, None, path), None, 0)


def _members(group: Any, seen: set[int], linked: list[str]) -> dict[str, Any]:
    """A group's datasets and groups by name; nothing of one that was ``seen`` under another name."""
    import h5py

    address = h5py.h5o.get_info(group.id).addr
    if address in seen or len(group) > _MOST_MEMBERS:
        return {}
    seen.add(address)
    links = {name: group.get(name, getlink=True) for name in group}
    linked += [f"{group.name}/{name}" for name, link in links.items() if isinstance(link, h5py.ExternalLink)]
    members = {name: own(group, name) for name in links}
    return {name: item for name, item in members.items() if item is not None}


def _is_column(item: Any) -> bool:
    return not hasattr(item, "keys") and item.ndim == 1 and item.dtype.kind in _NUMBERS


def _stated_units(dataset: Any, named: TimeUnit | None, path: Path) -> list[Statement]:
    """The unit that the times' name states, and those of their attributes and of the groups around them."""
    holders = ((dataset, UNIT_NAMES), *((holder, UNIT_NAMES[:4]) for holder in _around(dataset.file, dataset.name)))
    found = [Statement(named, f"the name of the times in {dataset.name}")] if named else []
    for holder, names in holders:
        texts = ((name, text_of(value)) for name in names for value in facts(holder, name, path))
        found += [Statement(text, f"{name} of {holder.name}") for name, text in texts if text]
    return found


def _offset(file: Any, group: Any, path: Path) -> int | None:
    """DSEC's ``t_offset`` in microseconds, beside the events' group or in it.

    Raises:
        DataError: it is no time, or there are two of different values.
    """
    found = []
    for holder in (group, group.parent, file):
        if "t_offset" not in holder:
            continue
        for value in facts(holder, "t_offset", path) or [()]:
            values = np.asarray(value).ravel()
            offset = values[0] if len(values) == 1 and values.dtype.kind in "iuf" else np.nan
            if not abs(offset) < LATEST_US or offset != int(offset):
                got = f"another under {holder.name} of {path}"
                raise DataError("a whole number of microseconds in t_offset", got, "copy or download the file again")
            found.append(Statement(str(int(offset)), f"t_offset under {holder.name}"))
    return agreed("offset of the times", found, path, int)


def stated_sizes(file: Any, name: str, path: Path) -> list[Stated]:
    """What attributes or small datasets of the events, of the groups around them and of the file state of the size."""
    found = []
    for holder in _around(file, name):
        found += stated_among(lambda key, holder=holder: facts(holder, key, path), f"of {holder.name}")  # type: ignore[misc]
    return found


def _around(file: Any, name: str) -> Iterator[Any]:
    """An object, and the groups around it up to the file."""
    holder = file[name]
    while holder.name != "/":
        yield holder
        holder = holder.parent
    yield file


def find_images(file: Any, name: str) -> Images | None:
    """The camera frames nearest to an event stream: ``images/*`` with timestamps, or ``image_raw``."""
    for holder in _around(file, name):
        images, times, group = (own(holder, member) for member in ("image_raw", "image_raw_ts", "images"))
        if _has_rows(images) and _has_rows(times):
            refused = _refused(images.dtype, images.shape[1:])
            same = len(images) == len(times) and times.ndim == 1 and times.dtype.kind in "iuf"
            refused = refused or ("" if same else f"{len(times)} times")
            return Images(images.name, times.name, len(images), refused)
        if hasattr(group, "keys") and len(group):
            first = own(group, min(group))
            if first is not None and not hasattr(first, "keys"):
                members = [own(group, member) for member in group]
                timed = all(member is not None and "timestamp" in member.attrs for member in members)
                refused = _refused(first.dtype, first.shape) if timed else "not all have an attribute timestamp"
                kinds = {(getattr(member, "dtype", None), getattr(member, "shape", None)) for member in members}
                if not refused and len(kinds) > 1:
                    refused = "not all are of one type and size"
                return Images(group.name, "", len(group), refused)
    return None


def _has_rows(item: Any) -> bool:
    return item is not None and not hasattr(item, "keys") and item.ndim > 0


def _refused(dtype: np.dtype, shape: tuple[int, ...]) -> str:
    """Why images are not read, or nothing."""
    if dtype != np.uint8 or len(shape) not in (2, 3):
        return f"{dtype} of {shape}, not 8-bit grey"
    if math.prod(shape) > _MOST_PIXELS:
        return f"{shape}, more than {_MOST_PIXELS} pixels"
    return "" if len(shape) == 2 or shape[2] == 1 else "colours whose order the file does not state"
