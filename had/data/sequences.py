"""Prepared sequences, frame by frame; and, from `had.data.annotations`, the ground truth alone.

`read_split` reads boxes, presence flags and attributes of a published layout; `load_split` opens what
`had.data.prepare` has written, memory-mapped, and hands out `Frame` after `Frame`. Light: no torch,
images are read when they are asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from operator import methodcaller
from pathlib import Path
from typing import Any

import numpy as np

from had.data.annotations import Annotation, read_annotation, read_split
from had.data.frames import Frame
from had.data.layouts import layout_of
from had.data.names import read_list, refuse_shared_files
from had.data.prepared_files import IMAGE_CHECKSUMS, check_array, damaged, read_description
from had.errors import DataError

__all__ = ["Annotation", "Sequence", "check_arrays", "load_split", "read_annotation", "read_list", "read_split"]


class Sequence:
    """A prepared sequence: cheap to open, to pickle and to read frame by frame.

    Attributes:
        name: as in the list.
        size: (width, height) of the sensor in pixels.
        annotation: boxes, presence and attributes.
    """

    def __init__(self, folder: Path, meta: dict[str, Any], root: Path):
        self.folder = folder
        self.name: str = meta["name"]
        self.size: tuple[int, int] = (meta["size"][0], meta["size"][1])
        self._meta, self._root = meta, root
        self._checked: set[str] = set()
        self.annotation = Annotation(self.name, self._array("boxes"), self._array("present"), meta["attributes"])
        self._arrays: dict[str, np.ndarray] = {}

    @property
    def boxes(self) -> np.ndarray:
        """(F, 4) float64 ``xywh`` in pixels."""
        return self.annotation.boxes

    @property
    def present(self) -> np.ndarray:
        """(F,) bool, whether the target is visible."""
        return self.annotation.present

    @property
    def frame_times_us(self) -> np.ndarray:
        """(F,) int64 microseconds on the recording's clock (the frame's number where there is no recording)."""
        return self._mapped("frame_times_us")

    @property
    def event_counts(self) -> np.ndarray | None:
        """(F,) int64, the events of each frame's slice; None where there is no recording."""
        return None if self._meta["events"] is None else np.diff(self._mapped("slices"))

    def __len__(self) -> int:
        return len(self.annotation.boxes)

    def annotated(self, boxes: np.ndarray, present: np.ndarray) -> Sequence:
        """The same recording with other boxes and presence flags."""
        other = copy(self)
        other.annotation = Annotation(self.name, boxes, present, self.annotation.attributes)
        return other

    def frame(self, index: int) -> Frame:
        """Frame ``index`` (0 .. F - 1) with all its streams; events are views into the memory-mapped store.

        Raises:
            IndexError: no such frame.
            DataError: the prepared files have gone.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)} in {self.name}")
        events = voxels = cell = None
        if self._meta["events"] is not None:
            events = self._span("events", "slices", index)
        if self._meta["voxels"] is not None:
            from had.data.representations import voxel_cell, voxel_rows

            recipe = layout_of(self._meta["benchmark"]).voxel
            cell = voxel_cell(recipe, self.size)
            voxels = voxel_rows(self._span("voxels", "voxel_slices", index), recipe=recipe, size=self.size)
        files, checksums = {}, {}
        for stream, source in self._meta["files"].items():
            base = self.folder if source["prepared"] else self._root
            files[stream] = base / source["pattern"].format(index=source["first"] + index)
            if source["prepared"]:
                checksums[stream] = int(self._mapped(IMAGE_CHECKSUMS)[index])
        return Frame(size=self.size, events=events, voxels=voxels, files=files, voxel_cell=cell, checksums=checksums)

    def check(self) -> None:
        """Compare all arrays with their checksums now, and not when the first frame is read (`DataError`).

        What was compared once is not compared again, in this process or in one that the sequence is sent to. Camera
        frames are compared each time that they are read.
        """
        for name in self._meta["arrays"]:
            self._check(name)

    def _check(self, name: str) -> None:
        if name not in self._checked:
            check_array(self.folder / f"{name}.npy", self._meta["arrays"])
            self._checked.add(name)

    def _span(self, values: str, bounds: str, index: int) -> np.ndarray:
        first, last = self._mapped(bounds)[index : index + 2]
        return self._mapped(values)[first:last]

    def _mapped(self, name: str) -> np.ndarray:
        if name not in self._arrays:
            self._arrays[name] = self._array(name, mapped=True)
        return self._arrays[name]

    def _array(self, name: str, *, mapped: bool = False) -> np.ndarray:
        self._check(name)
        path = self.folder / f"{name}.npy"
        try:
            return np.load(path, mmap_mode="r" if mapped else None).view(np.ndarray)
        except (OSError, ValueError) as error:
            raise damaged(path, getattr(error, "strerror", None) or str(error)) from None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_arrays": {}}

    def __repr__(self) -> str:
        return f"Sequence({self.name!r}, {len(self)} frames of {self.size[0]}x{self.size[1]})"


def load_split(prepared: Path, split: str, *, benchmark: str | None = None) -> list[Sequence]:
    """The prepared sequences of a split, in the order of its list.

    Args:
        prepared: ``.../data/<benchmark>/prepared``.
        split: which one.
        benchmark: whose it must be; None: anyone's.

    Raises:
        DataError: the split has not been prepared to its end, or is another one, or another benchmark's.
    """
    folder = Path(prepared) / split
    path = folder / "index.json"
    if not path.is_file():
        raise DataError("a prepared split", f"no file {path}", "run `had prepare` for it, or the workflow")
    index = read_description(path)
    try:
        found, root = (index["benchmark"], index["split"]), Path(index["root"])
        sequences = [Sequence(folder / meta["name"], meta, root) for meta in index["sequences"]]
    except (LookupError, TypeError, ValueError, AttributeError):
        got = f"{path}, which is broken or of an earlier version"
        raise DataError("a prepared split", got, f"remove {path} and prepare the split again") from None
    refuse_shared_files([sequence.name for sequence in sequences], path)
    wanted = (benchmark or found[0], split)
    if found != wanted:
        expected = f"the prepared split {wanted[1]!r} of {wanted[0]}"
        raise DataError(expected, f"{found[1]!r} of {found[0]} in {folder}", "give the folder that holds it")
    return sequences


def check_arrays(sequences: Iterable[Sequence]) -> None:
    """`Sequence.check` of several, side by side: before loaders read them, each in a process of its own."""
    with ThreadPoolExecutor(min(8, len(os.sched_getaffinity(0)))) as pool:  # checksums let other threads run
        list(pool.map(methodcaller("check"), sequences))
