"""One raw recording -> the folder that training reads.

::

    meta.json                 what the folder holds, checksums, and the digest of all that it depends on
    inputs.txt                digest of names, sizes and times of the files that were read
    boxes.npy, present.npy, frame_times_us.npy
    events.npy                (N,) x, y, p of the events of all frames, frame after frame: 5 bytes an event
    slices.npy                (F + 1,) first event of each frame, and N
    voxels.npy                (V, 19) int8 cells of `representations.voxel_cells`
    voxel_slices.npy
    rgb/0000.bmp              camera frames
    rgb_checksums.npy         (F,) uint32

Events are streamed through a file, so memory does not depend on the recording's length. Without a raw
recording the published images are referenced where they lie, and the published voxels are packed.
The same inputs and options give the same bytes, inputs.txt apart, which no other program reads.
"""

from __future__ import annotations

import glob
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from had.data import slicing as sliced
from had.data.annotations import Annotation, read_sensor, read_slices, stated_sensor
from had.data.box_frames import first_camera_frame, share_count, statements
from had.data.box_sizes import refuse_oversized
from had.data.clocks import camera_windows, check_clock, check_gap, check_voxel_slicing, silent, slicing_in_force
from had.data.layouts import Layout
from had.data.prepared_files import (
    IMAGE_CHECKSUMS,
    array_checksums,
    image_checksums,
    is_whole,
    read_description,
    write_description,
)
from had.data.published import (
    all_published_files,
    extra_files,
    files_read,
    has_published,
    needed_images,
    published_files,
    published_size,
    read_voxels,
)
from had.data.raw_files import open_raw, raw_file
from had.data.representations import event_image, voxel_cells_of_slices
from had.data.store import Spool, spooled, write_camera, write_events, write_image, write_voxels
from had.errors import ConfigError
from had.files import atomic_folder, file_state, room_in
from had.identity import digest
from had.options.recordings import PreparationOptions

log = logging.getLogger(__name__)

FORMAT_VERSION = 2
"""Raised when the stored bytes change their meaning: everything is prepared again."""
_STATE = "inputs.txt"
BATCH_EVENTS, BATCH_SLICES = 1 << 15, 64
"""Slices whose voxels are made at once: small enough for the processor's cache."""


@dataclass(frozen=True)
class SequencePreparation:
    """The preparation of one sequence (picklable, one method).

    Attributes:
        split_root: the split's folder below ``root``.
        target: the folder that is written.
        images: also write the event images as PNG files.
    """

    layout: Layout
    options: PreparationOptions
    split_root: Path
    root: Path
    annotation: Annotation
    target: Path
    images: bool

    @property
    def source(self) -> Path:
        """The sequence's published folder."""
        return self.split_root / self.annotation.name

    @property
    def raw(self) -> Path:
        """Its raw recording, if there is one."""
        return raw_file(self.layout, self.source)

    def run(self) -> dict[str, Any]:
        """Prepare the sequence unless it is up to date; its metadata."""
        key, state = self._key(), self._state()
        path = self.target / "meta.json"
        if path.is_file():
            meta = read_description(path)
            if meta.get("digest") == key and is_whole(self.target, meta) and self._known_state() == state:
                return meta
        with room_in(self.target), atomic_folder(self.target, self._parts()) as folder:
            meta = {
                "benchmark": self.layout.name,
                "name": self.annotation.name,
                "digest": key,
                "frames": len(self.annotation.boxes),
                "attributes": self.annotation.attributes,
                "events": None,
                "voxels": None,
                "files": {},
                "frames_dropped": 0,
                "slicing": None,
            }
            (folder / _STATE).write_text(f"{state}\n", encoding="utf-8")
            np.save(folder / "boxes.npy", self.annotation.boxes)
            np.save(folder / "present.npy", self.annotation.present)
            meta |= self._from_raw(folder) if self._draws() else self._from_published(folder)
            path = self.source / self.layout.boxes
            refuse_oversized(self.annotation.boxes, self.annotation.present, meta["size"], path)
            if (folder / "rgb").is_dir():
                np.save(folder / f"{IMAGE_CHECKSUMS}.npy", image_checksums(folder / "rgb"))
            return write_description(folder / "meta.json", {**meta, "arrays": array_checksums(folder)})

    @property
    def _wants_voxels(self) -> bool:
        return self.options.voxels and "voxel" in self.layout.teacher_streams

    def _draws(self) -> bool:
        """Whether frames are made from the raw recording, and not read as published."""
        published = self.options.published == "first" and has_published(self.layout, self.source, self._wants_voxels)
        return self.raw.is_file() and not published

    def _parts(self) -> tuple[str, ...]:
        """Names of all that a prepared sequence may hold."""
        images = self.layout.images.get("event_image", "").format(sequence=self.annotation.name, index=0)
        drawn = (glob.escape(images.partition("/")[0]),) if images else ()
        return ("meta.json", _STATE, "*.npy", "rgb", *drawn)

    def _key(self) -> str:
        """Digest of everything that the folder depends on, but for bytes that `_state` stands for.

        Images count here, too, without what a change of rights alters: none of their bytes is in the folder, and
        whoever reads them where they lie asks whether the description has changed.
        """
        a = self.annotation
        read = [file for file in self._files_read() if file.suffix in self.layout.extensions]
        images = [(str(file.relative_to(self.source)), *file_state(file)[:2]) for file in read]
        sensor = read_sensor(self.layout, self.source)
        annotated = (sensor, a.name, a.boxes.tolist(), a.present.tolist(), a.attributes)
        recipe = (self.layout.name, repr(self.layout.voxel), self.layout.teacher_streams, self.layout.slices)
        stated = (read_slices(self.source), statements(self.layout, self.source), self.images, FORMAT_VERSION)
        return digest(self.options, *recipe, *stated, images, *annotated)

    def _state(self) -> str:
        """Digest of the state of all files that are read: any that is replaced changes it."""
        return digest([(str(file.relative_to(self.source)), *file_state(file)) for file in self._files_read()])

    def _known_state(self) -> str:
        """`_state` when the folder was written; empty where it does not say."""
        path = self.target / _STATE
        return path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""

    def _files_read(self) -> list[Path]:
        """The recording, images and voxels that are read here, and the images that are read later where they lie."""
        if self._draws():
            recording, streams = [self.raw], [name for name in ("rgb",) if name in self.layout.teacher_streams]
        else:
            recording, streams = [], [*needed_images(self.layout), *(["voxel"] if self._wants_voxels else [])]
        known = [name for name in streams if name in self.layout.images or (name == "voxel" and self.layout.voxels)]
        return [*recording, *(file for name in known for file in files_read(self.layout, self.source, name))]

    # --- from a raw recording ---------------------------------------------------------------------

    def _from_raw(self, folder: Path) -> dict[str, Any]:
        recording, frames = open_raw(self.layout, self.source), len(self.annotation.boxes)
        size = recording.size
        files = self._camera_files(frames, size)
        write_rgb = bool(files) and files["rgb"]["prepared"]
        count = recording.frame_count()
        first = first_camera_frame(
            self.layout, self.options, self.raw, boxes=frames, camera_frames=count, camera_is_read=write_rgb
        )
        camera = write_camera(recording, folder / "rgb" if write_rgb else None, first, frames)
        slicing = slicing_in_force(self.layout, self.options, camera)
        if self._wants_voxels:
            check_voxel_slicing(self.options, slicing)
        with spooled(recording, folder) as spool:
            slices = self._slices(slicing, spool.t, camera)
            boxed = slice(first, first + frames)
            spans = slices.spans[boxed]
            times = (int(spool.t[0]), int(spool.t[-1])) if len(spool.t) else (0, 0)
            if gap := check_gap(spool.gaps, recording, slicing, *times):
                log.warning("%s: %s", self.raw, gap)
            if slicing != "equal" and len(spool.t):
                known = camera, boxed, slicing, *times, self.raw
                check_clock(*known)
                if (spans[:, 0] == spans[:, 1]).all():
                    raise silent(*known)
            np.save(folder / "frame_times_us.npy", slices.frame_times[boxed])
            events = write_events(folder, spool, spans)
            voxels = None
            if self._wants_voxels:
                seen = self._voxel_slices(slicing, slices, spool.t)
                voxels = write_voxels(folder, self._cells(spool, seen.spans[boxed], seen.times[boxed], size))
            if self.images:
                self._write_images(folder, spool, spans, size)
        return {
            "size": list(size),
            "events": events,
            "voxels": voxels,
            "files": files,
            "frames_dropped": len(slices.spans) - frames,
            "frames_empty": int((spans[:, 0] == spans[:, 1]).sum()),
            "slicing": slicing,
        }

    def _camera_files(self, frames: int, size: tuple[int, int]) -> dict[str, Any]:
        """The camera's image files, if they are a stream: as published, else to be written."""
        if "rgb" not in self.layout.teacher_streams:
            return {}
        found = None
        if "rgb" in self.layout.images:
            found = published_files(self.layout, self.source, self.root, "rgb", frames)
        if found is not None:
            published_size(self.root, {"rgb": found}, frames, size)
        return {"rgb": found or {"prepared": True, "pattern": "rgb/{index:04d}.bmp", "first": 0}}

    def _slices(self, slicing: str, t: sliced.Times, camera: np.ndarray) -> sliced.Slices:
        if slicing == "equal":
            return sliced.equal_slices(t, self._share_count())
        return sliced.window_slices(t, camera_windows(camera, slicing), camera["t"])

    def _voxel_slices(self, slicing: str, slices: sliced.Slices, t: sliced.Times) -> sliced.Slices:
        """The slices of voxels: those of the images, or the published ones."""
        if self.options.voxel_slicing == "image":
            return slices
        return sliced.published_voxel_slices(t, self._share_count())

    def _share_count(self) -> int:
        return share_count(self.layout, self.options, self.source, len(self.annotation.boxes))

    def _cells(
        self, spool: Spool, spans: np.ndarray, times: np.ndarray, size: tuple[int, int]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Voxel cells of some slices at a time, and how many each has."""
        counts = spans[:, 1] - spans[:, 0]
        before = np.cumsum(counts) - counts
        first = 0
        while first < len(spans):
            last = min(int(np.searchsorted(before, before[first] + BATCH_EVENTS)), first + BATCH_SLICES)
            events = np.concatenate([spool.timed(*span) for span in spans[first:last]])
            some = slice(first, last)
            yield voxel_cells_of_slices(events, counts[some], times[some], recipe=self.layout.voxel, size=size)
            first = last

    def _write_images(self, folder: Path, spool: Spool, spans: np.ndarray, size: tuple[int, int]) -> None:
        pattern = self.layout.images.get("event_image")
        if pattern is None:
            got = f"--images for {self.layout.title}, whose layout names none"
            raise ConfigError("a layout with event images", got, "leave it out")
        for number, (first, last) in enumerate(spans):
            path = folder / f"{pattern.format(sequence=self.annotation.name, index=number)}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path, event_image(spool.stored(first, last), *size))

    # --- from published images --------------------------------------------------------------------

    def _from_published(self, folder: Path) -> dict[str, Any]:
        frames = len(self.annotation.boxes)
        files = all_published_files(self.layout, self.source, self.root, frames, voxels=self._wants_voxels)
        size = published_size(self.root, files, frames, stated_sensor(self.source))
        np.save(folder / "frame_times_us.npy", np.arange(frames))
        content: dict[str, Any] = {"size": list(size), "files": files, "slicing": "published"}
        content["frames_dropped"] = extra_files(self.layout, self.source, files, frames)
        if self._wants_voxels:
            content["voxels"] = write_voxels(folder, read_voxels(self.layout, self.source, frames))
            content["voxels_empty"] = int((np.diff(np.load(folder / "voxel_slices.npy")) == 0).sum())
        return content
