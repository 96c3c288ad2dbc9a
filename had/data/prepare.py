"""Raw recordings of a split -> event store, voxels and camera frames that training reads, once.

Written under ``<prepared>/<split>/``::

    index.json                the split, last of all: complete once it is there
    <sequence>/meta.json      what the folder holds and the digest of all that it depends on
    <sequence>/boxes.npy, present.npy, frame_times_us.npy
    <sequence>/events.npy     (N,) x, y, p of the events of all frames, frame after frame: 5 bytes an event
    <sequence>/slices.npy     (F + 1,) first event of each frame, and N
    <sequence>/voxels.npy     (V, 19) int8 cells of `representations.voxel_cells`
    <sequence>/voxel_slices.npy
    <sequence>/rgb/0000.bmp   camera frames

Events are streamed through a file, so memory does not depend on the recording's length. Without a raw
recording the published images are referenced where they lie, and the published voxels are packed.
The same inputs and options give the same bytes.
"""

from __future__ import annotations

import glob
import json
import logging
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from had.config import digest
from had.data import representations as events_as
from had.data.annotations import Annotation, read_sensor, read_slices, read_split, split_folder
from had.data.frames import read_image
from had.data.layouts import Layout
from had.data.published import published_files, read_voxels
from had.data.recordings import open_recording
from had.data.store import Spool, spooled, write_camera, write_events, write_image, write_voxels
from had.errors import ConfigError, DataError
from had.files import atomic_file, atomic_folder, read_json
from had.options.recordings import PreparationOptions
from had.progress import progress

log = logging.getLogger(__name__)

FORMAT_VERSION = 1
"""Raised when the stored bytes change their meaning: everything is prepared again."""


def prepare_split(
    *,
    layout: Layout,
    options: PreparationOptions,
    root: Path,
    split: str,
    output: Path,
    workers: int = 1,
    images: bool = False,
) -> None:
    """Prepare all sequences of a split; those that are up to date are left alone.

    Args:
        root: the folder in the published layout.
        output: ``.../data/<benchmark>/prepared``.
        workers: processes.
        images: also write the event images as PNG files, named as published.

    Raises:
        ConfigError: what is written would lie among the recordings.
        DataError: missing or broken input, or fewer frames than boxes; what was done before stays done.
    """
    folder = output / split
    _refuse_recordings(layout, root, folder)
    annotations = read_split(layout, root, split)
    source = split_folder(layout, root, split)
    jobs = [_Job(layout, options, source, root, a, folder / a.name, images) for a in annotations]
    label = f"prepare {layout.name} {split}"
    done = {
        meta["name"]: meta for meta in progress(_run(jobs, workers), label=label, total=len(jobs), unit="sequences")
    }
    index = {
        "benchmark": layout.name,
        "split": split,
        "digest": digest(options, layout.name, FORMAT_VERSION, images),
        "root": str(root) if any(not f["prepared"] for m in done.values() for f in m["files"].values()) else "",
        "frames": sum(meta["frames"] for meta in done.values()),
        "events": sum(meta["events"] or 0 for meta in done.values()),
        "sequences": [done[a.name] for a in annotations],
    }
    dropped = sum(meta["frames_dropped"] for meta in done.values())
    if dropped:
        log.info("%s: %d frames without a box left out", label, dropped)
    with atomic_file(folder / "index.json") as path:
        path.write_text(_json(index), encoding="utf-8")


def _refuse_recordings(layout: Layout, root: Path, folder: Path) -> None:
    """See that ``folder`` is neither one of the recordings' folders, nor inside or around one."""
    target = folder.resolve()
    for split in layout.splits:
        source = split_folder(layout, root, split).resolve()
        if target == source or target in source.parents or source in target.parents:
            got = f"{folder}, where recordings are ({source})"
            raise ConfigError("an output apart from the recordings", got, "give another --output")


def _run(jobs: list[_Job], workers: int) -> Iterator[dict[str, Any]]:
    """The sequences' metadata in the order of their completion."""
    if workers <= 1 or len(jobs) <= 1:
        yield from (job.run() for job in jobs)
        return
    context = multiprocessing.get_context("spawn")  # threads of the libraries do not survive a fork
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
        futures = [pool.submit(job.run) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class _Job:
    """The preparation of one sequence (picklable, one method)."""

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
        return self.source / self.layout.raw.format(sequence=self.annotation.name)

    def run(self) -> dict[str, Any]:
        """Prepare the sequence unless it is up to date; its metadata."""
        key = self._key()
        path = self.target / "meta.json"
        if path.is_file() and not (self.raw.is_file() and self.raw.stat().st_mtime > path.stat().st_mtime):
            meta = read_json(path)
            if meta.get("digest") == key:
                return meta
        with atomic_folder(self.target, self._parts()) as folder:
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
            np.save(folder / "boxes.npy", self.annotation.boxes)
            np.save(folder / "present.npy", self.annotation.present)
            meta |= self._from_raw(folder) if self.raw.is_file() else self._from_published(folder)
            (folder / "meta.json").write_text(_json(meta), encoding="utf-8")
        return meta

    def _parts(self) -> tuple[str, ...]:
        """Names of all that a prepared sequence may hold."""
        images = self.layout.images["event_image"].format(sequence=self.annotation.name, index=0)
        return ("meta.json", "*.npy", "rgb", glob.escape(images.partition("/")[0]))

    def _key(self) -> str:
        """Digest of everything that the folder depends on; the raw file counts by its size (and its age, in `run`)."""
        a = self.annotation
        raw_bytes = self.raw.stat().st_size if self.raw.is_file() else None
        sensor = read_sensor(self.layout, self.source)
        annotated = (sensor, a.name, a.boxes.tolist(), a.present.tolist(), a.attributes)
        recipe = (self.layout.name, repr(self.layout.voxel), self.layout.teacher_streams, self.layout.slices)
        stated = (read_slices(self.source), self.images, FORMAT_VERSION)
        return digest(self.options, *recipe, *stated, raw_bytes, *annotated)

    # --- from a raw recording ---------------------------------------------------------------------

    def _from_raw(self, folder: Path) -> dict[str, Any]:
        stated = read_sensor(self.layout, self.source) if self.layout.raw_format == "csv" else None
        recording = open_recording(self.raw, size=stated)
        frames = len(self.annotation.boxes)
        files: dict[str, Any] = {}
        if "rgb" in self.layout.teacher_streams:
            published = published_files(self.layout, self.source, self.root, "rgb", frames)
            files["rgb"] = published or {"prepared": True, "pattern": "rgb/{index:04d}.bmp", "first": 0}
        write_rgb = bool(files) and files["rgb"]["prepared"]
        camera = write_camera(recording, folder / "rgb" if write_rgb else None, frames)
        if write_rgb and len(camera) < frames:
            raise self._too_few(len(camera), "camera frames")
        slicing = self._slicing(camera)
        with spooled(recording, folder) as spool:
            slices = self._slices(slicing, spool.t, camera)
            if len(slices.spans) < frames:
                raise self._too_few(len(slices.spans), f"slices ({slicing})")
            index, times = slices.spans[:frames], slices.times[:frames]
            size = recording.size
            np.save(folder / "frame_times_us.npy", slices.frame_times[:frames])
            events = write_events(folder, spool, index)
            voxels = None
            if self.options.voxels and "voxel" in self.layout.teacher_streams:
                cells = (self._cells(spool, *row, size) for row in zip(index, times, strict=True))
                voxels = write_voxels(folder, cells)
            if self.images:
                self._write_images(folder, spool, index, size)
        return {
            "size": list(size),
            "events": events,
            "voxels": voxels,
            "files": files,
            "frames_dropped": len(slices.spans) - frames,
            "slicing": slicing,
        }

    def _slicing(self, camera: np.ndarray) -> str:
        """The slicing in force; read-out times that a file does not state give way to the frame interval."""
        slicing = self.layout.slicing if self.options.slicing == "layout" else self.options.slicing
        if slicing != "equal" and not len(camera):
            got = f"{self.raw} without camera frames"
            raise DataError(f"camera frames for slicing {slicing!r}", got, "set preparation.slicing to equal")
        if slicing == "frame" and not camera["known"].all():
            log.debug("%s states no read-out times: events up to the next frame are taken instead", self.raw)
            return "interval"
        return slicing

    def _slices(self, slicing: str, t: np.ndarray, camera: np.ndarray) -> events_as.Slices:
        if slicing == "equal":
            return events_as.equal_slices(t, self._share_count())
        if slicing == "interval":
            return events_as.window_slices(t, events_as.interval_windows(camera["t"]), camera["t"])
        begin, end = ("begin", "end") if slicing == "frame" else ("exposure_begin", "exposure_end")
        return events_as.window_slices(t, np.stack([camera[begin], camera[end]], axis=1), camera["t"])

    def _share_count(self) -> int:
        """Shares of an equally sliced recording.

        The option; else what the sequence's folder states (`SLICES_FILE`); else the layout's, whatever the number
        of boxes; one more than the boxes where the layout publishes none.
        """
        frames = len(self.annotation.boxes)
        return self.options.slices or read_slices(self.source) or self.layout.slices or frames + 1

    def _cells(self, spool: Spool, span: np.ndarray, times: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        events = spool.timed(*span)
        begin, end = int(times[0]), int(times[1])
        return events_as.voxel_cells(events, recipe=self.layout.voxel, size=size, begin_us=begin, end_us=end)

    def _write_images(self, folder: Path, spool: Spool, spans: np.ndarray, size: tuple[int, int]) -> None:
        pattern = self.layout.images["event_image"]
        for number, (first, last) in enumerate(spans):
            path = folder / f"{pattern.format(sequence=self.annotation.name, index=number)}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path, events_as.event_image(spool.stored(first, last), *size))

    def _too_few(self, count: int, what: str) -> DataError:
        expected = f"a frame for each of {len(self.annotation.boxes)} boxes"
        got = f"{count} {what} in {self.raw}"
        return DataError(expected, got, "complete the recording or shorten its annotation")

    # --- from published images --------------------------------------------------------------------

    def _from_published(self, folder: Path) -> dict[str, Any]:
        frames = len(self.annotation.boxes)
        files = {}
        for stream in self.layout.images:
            if stream in (*self.layout.teacher_streams, *self.layout.student_streams):
                found = published_files(self.layout, self.source, self.root, stream, frames)
                if found is None:
                    got = f"neither {self.raw} nor images {self.layout.images[stream]!r} in {self.source}"
                    raise DataError("a raw recording or published images", got, "complete the download")
                files[stream] = found
        any_file = next(iter(files.values()))
        image = read_image(self.root / any_file["pattern"].format(index=any_file["first"]))
        np.save(folder / "frame_times_us.npy", np.arange(frames))
        voxels = None
        if self.options.voxels and "voxel" in self.layout.teacher_streams:
            voxels = write_voxels(folder, read_voxels(self.layout, self.source, frames))
        return {"size": [image.shape[1], image.shape[0]], "files": files, "voxels": voxels, "slicing": "published"}


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
