"""Where in an HDF5 file the events, the sensor's size and the camera's frames are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from had.data.recordings.columns import ROLES, TimeUnit, columns_named

_DEEPEST = 5
_MOST_MEMBERS = 64
"""Groups with more members hold images, not events."""
_SIZE_NAMES = ("geometry", "sensor_resolution", "sensor_size", "resolution")


class Source(NamedTuple):
    """One event stream.

    Attributes:
        name: of its group or dataset.
        datasets: those that are read: one for x, y, p and t each, or a single one.
        axis: along which the events lie.
        order: the columns' names in a block in the order x, y, p, t; empty where only values can tell.
        unit: of time, where the form states it.
        offset_us: to be added to all times.
    """

    name: str
    datasets: tuple[str, ...]
    axis: int
    order: tuple[str, ...]
    unit: TimeUnit | None
    offset_us: int

    def block(self, file: Any, begin: int, end: int) -> dict[str, np.ndarray]:
        """Columns of events ``begin`` to ``end`` (outside) by name."""
        if len(self.datasets) == len(ROLES):
            return {name: file[name][begin:end] for name in self.datasets}
        dataset = file[self.datasets[0]]
        if self.order:
            rows = dataset[begin:end]
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

    def read(self, file: Any) -> Iterator[tuple[float, np.ndarray]]:
        """(time in the file's unit, (H, W) uint8), one after the other."""
        if self.times:
            images, times = file[self.name], file[self.times]
            for number in range(self.frames):
                yield times[number], images[number].reshape(images.shape[1:3])
            return
        for member in sorted(file[self.name]):
            image = file[self.name][member]
            yield image.attrs["timestamp"], image[()].reshape(image.shape[:2])


def find_sources(file: Any) -> list[Source]:
    """All event streams of a file, by name. Links out of a group are not followed."""
    return sorted(_sources(file, file, 0, set()), key=lambda source: source.name)


def _sources(file: Any, group: Any, depth: int, seen: set[int]) -> Iterator[Source]:
    members = _members(group, seen)
    names = [name for name, item in members.items() if _is_column(item)]
    found = columns_named(names)
    if found is not None:
        datasets = tuple(f"{group.name.rstrip('/')}/{found[0][role]}" for role in ROLES)
        unit = found[1] or _stated_unit(file[datasets[3]])
        offset = _offset(file, group)
        published: TimeUnit | None = "us" if offset is not None or "ms_to_idx" in {*file, *members} else None
        yield Source(group.name, datasets, 0, datasets, unit or published, offset or 0)
    for name, item in members.items():
        if hasattr(item, "keys"):
            if depth < _DEEPEST:
                yield from _sources(file, item, depth + 1, seen)
        elif item.dtype.names is not None and item.ndim == 1:
            fields = columns_named(item.dtype.names)
            if fields is not None:
                unit = fields[1] or _stated_unit(item) or ("us" if item.name == "/CD/events" else None)
                order = tuple(fields[0][role] for role in ROLES)
                yield Source(item.name, (item.name,), 0, order, unit, 0)
        elif name == "events" and item.ndim == 2 and item.dtype.kind in "iuf" and 4 in item.shape:
            yield Source(item.name, (item.name,), 0 if item.shape[1] == 4 else 1, (), _stated_unit(item), 0)


def _members(group: Any, seen: set[int]) -> dict[str, Any]:
    """A group's datasets and groups by name; nothing of one that was ``seen`` under another name."""
    import h5py

    address = h5py.h5o.get_info(group.id).addr
    if address in seen:
        return {}
    seen.add(address)
    if len(group) > _MOST_MEMBERS:
        return {}
    hard = [name for name in group if isinstance(group.get(name, getlink=True), h5py.HardLink)]
    return {name: group[name] for name in hard if isinstance(group[name], h5py.Group | h5py.Dataset)}


def _is_column(item: Any) -> bool:
    return not hasattr(item, "keys") and item.ndim == 1 and item.dtype.kind in "iufb"


def _stated_unit(dataset: Any) -> TimeUnit | None:
    """The unit that an attribute of the times states."""
    for name in ("unit", "units", "time_unit"):
        value = dataset.attrs.get(name)
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        for unit, known in _UNITS.items():
            if text.strip().lower() in known:
                return unit
    return None


_UNITS: dict[TimeUnit, tuple[str, ...]] = {
    "s": ("s", "sec", "second", "seconds"),
    "ms": ("ms", "millisecond", "milliseconds"),
    "us": ("us", "µs", "usec", "microsecond", "microseconds"),
    "ns": ("ns", "nsec", "nanosecond", "nanoseconds"),
}


def _offset(file: Any, group: Any) -> int | None:
    """DSEC's ``t_offset`` in microseconds, beside the events' group or in it."""
    for holder in (group, group.parent, file):
        if "t_offset" in holder:
            return int(np.asarray(holder["t_offset"]).reshape(-1)[0])
    return None


def stated_size(file: Any, name: str) -> tuple[int, int] | None:
    """(width, height) that an attribute of the events, of a group around them or of the file states.

    Pairs are written as height, width by some and the reverse by others: sensors are not higher than wide.
    """
    for holder in _around(file, name):
        sides = _numbers(holder, "width") + _numbers(holder, "height")
        if len(sides) == 2:
            return sides[0], sides[1]
        for key in _SIZE_NAMES:
            pair = _numbers(holder, key)[:2]
            if len(pair) == 2:
                return max(pair), min(pair)
    return None


def _numbers(holder: Any, key: str) -> list[int]:
    """The positive whole numbers in an attribute, be it text or numbers; none where it is not there."""
    value = holder.attrs.get(key, "")
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return [int(number) for number in re.findall(r"\d+", text) if int(number) > 0]


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
        if not hasattr(holder, "keys"):
            continue
        if "image_raw" in holder and "image_raw_ts" in holder:
            images, times = holder["image_raw"], holder["image_raw_ts"]
            refused = _refused(images.dtype, images.shape[1:])
            refused = refused or ("" if len(images) == len(times) else f"{len(times)} times")
            return Images(images.name, times.name, len(images), refused)
        if "images" in holder and hasattr(holder["images"], "keys") and len(holder["images"]):
            group = holder["images"]
            first = group[sorted(group)[0]]
            if not hasattr(first, "keys"):
                timed = all("timestamp" in group[member].attrs for member in group)
                refused = _refused(first.dtype, first.shape) if timed else "not all have an attribute timestamp"
                return Images(group.name, "", len(group), refused)
    return None


def _refused(dtype: np.dtype, shape: tuple[int, ...]) -> str:
    """Why images are not read, or nothing."""
    if dtype != np.uint8 or len(shape) not in (2, 3):
        return f"{dtype} of {shape}, not 8-bit grey"
    return "" if len(shape) == 2 or shape[2] == 1 else "colours whose order the file does not state"
