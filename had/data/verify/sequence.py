"""One sequence of a downloaded folder -> its counts and its problems; picklable, so that processes share the work."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from had.data.layouts import SENSOR_FILE, Layout
from had.data.published import all_published_files, has_published, needed_images
from had.data.raw_files import raw_file
from had.data.verify import text_files
from had.data.verify.image_files import ImageFacts, check_images
from had.data.verify.problems import Findings, Problem, some_of
from had.data.verify.raw import RawFacts, check_frames, check_raw
from had.data.verify.voxel_files import check_voxels
from had.errors import DataError
from had.files import file_state
from had.options.recordings import PreparationOptions

Listing = dict[str, dict[str, tuple[int, int, int]]]
"""Folder under the sequence's ("" for itself) -> file name -> `had.files.file_state`."""


@dataclass(frozen=True)
class SequenceFacts:
    """What a sequence has; None where it has no such file.

    Attributes:
        frames, flags: boxes and presence flags.
        present: frames that show the target.
        raw: bytes of the raw recording.
        camera_frames: in the raw recording.
        images: stream -> number of image files.
        voxels: number of voxel files.
        fingerprint: of names, sizes and times of all these files.
        deep: whether everything was read to its end.
    """

    frames: int | None = None
    flags: int | None = None
    present: int | None = None
    raw: int | None = None
    camera_frames: int | None = None
    images: dict[str, int | None] | None = None
    voxels: int | None = None
    fingerprint: str = ""
    deep: bool = False


@dataclass(frozen=True)
class SequenceCheck:
    """The check of one sequence.

    Attributes:
        layout, options: how it is laid out, and how it will be prepared.
        root: of the benchmark.
        split, name: which sequence.
        clip: frames of a training clip; 1 where the split is not trained on.
        deep: decode recordings and images to their end.
    """

    layout: Layout
    options: PreparationOptions
    root: Path
    split: str
    name: str
    clip: int
    deep: bool

    @property
    def folder(self) -> Path:
        """The sequence's folder."""
        return self.root / self.layout.splits[self.split] / self.name

    def listing(self) -> Listing:
        """All files that a run or this check could look at."""
        patterns = [*self.layout.images.values(), *([self.layout.voxels] if self.layout.voxels else [])]
        places = {str(Path(pattern.format(sequence=self.name, index=0)).parent) for pattern in patterns}
        found = {place: files for place in ("", *sorted(places)) if (files := _files(self.folder / place)) is not None}
        for place in (self.folder.parent, self.root) if self.layout.starts else ():
            files = _files(place) or {}
            found[str(place)] = {name: files[name] for name in self.layout.starts if name in files}
        return found

    def fingerprint(self, listing: Listing) -> str:
        """Changes when a file is added, removed, resized or written again."""
        state = hashlib.blake2b(digest_size=12)
        for place, files in sorted(listing.items()):
            state.update(repr((place, sorted(files.items()))).encode(errors="surrogateescape"))
        return state.hexdigest()

    def run(self) -> tuple[SequenceFacts, list[Problem]]:
        """Check the sequence; what cannot be opened is a problem like any other."""
        findings = Findings(self.root, self.split, self.name)
        try:
            listing = self.listing()
            fingerprint = self.fingerprint(listing)  # before the files are read: a change meanwhile is seen next time
            facts = replace(self._run(findings, listing), fingerprint=fingerprint, deep=self.deep)
        except OSError as error:
            file = Path(os.fsdecode(error.filename)) if error.filename else self.folder
            what = f"{error.strerror or error}"
            findings.add("no-access", what, "give yourself the right to read it, or check the disk", file=file)
            facts = SequenceFacts()
        return facts, findings.problems

    def _run(self, findings: Findings, listing: Listing) -> SequenceFacts:
        layout, folder = self.layout, self.folder
        boxes, present = text_files.check_boxes(findings, layout, folder)
        size, readable = text_files.check_statements(findings, layout, folder)
        frames = None if boxes is None else len(boxes)
        path, raw = folder / layout.raw.format(sequence=self.name), RawFacts()
        try:
            path = raw_file(layout, folder)
        except DataError as error:
            findings.refused("raw-broken", error, file=path)
            readable = False
        has_raw = path.is_file()
        if has_raw and readable:
            raw = check_raw(findings, layout, folder, path, deep=self.deep)
        elif not has_raw:
            self._misnamed(findings, list(listing.get("", {})), path)
        wants_voxels = self.options.voxels and "voxel" in layout.teacher_streams
        draws = has_raw and not (self.options.published == "first" and has_published(layout, folder, wants_voxels))
        images, image_size = self._images(findings, listing, frames, raw=raw, has_raw=draws, stated=size)
        if draws and frames is not None:
            rgb = images.get("rgb", ImageFacts())
            camera_is_read = "rgb" in layout.teacher_streams and not rgb.begins
            check_frames(
                findings, layout, self.options, raw, boxes=frames, camera_is_read=camera_is_read, deep=self.deep
            )
        voxels = check_voxels(
            findings,
            layout,
            folder,
            names=self._names(listing, layout.voxels),
            frames=frames,
            read=not draws and wants_voxels,
            deep=self.deep,
        )
        image_size = raw.size or image_size or size
        if boxes is not None and present is not None:
            text_files.check_visible(findings, layout, folder, boxes, present, self.clip)
            text_files.check_units(findings, layout, folder, boxes)
            text_files.check_range(findings, folder, len(boxes))
            if image_size is not None:
                text_files.check_inside(findings, layout, folder, boxes, present, image_size)
        return SequenceFacts(
            frames=frames,
            flags=text_files.flag_count(layout, folder),
            present=None if present is None else int(present.sum()),
            raw=path.stat().st_size if has_raw else None,
            camera_frames=None if layout.raw_format == "csv" else raw.camera_frames,
            images={stream: found.number for stream, found in images.items()},
            voxels=voxels,
        )

    def _images(
        self,
        findings: Findings,
        listing: Listing,
        frames: int | None,
        *,
        raw: RawFacts,
        has_raw: bool,
        stated: tuple[int, int] | None,
    ) -> tuple[dict[str, ImageFacts], tuple[int, int] | None]:
        """The images of each stream, and their size."""
        layout = self.layout
        needed = set(needed_images(layout))
        found: dict[str, ImageFacts] = {}
        size = raw.size
        for stream, pattern in layout.images.items():
            # Beside a raw recording only camera frames are read; event images are drawn from its events.
            read = stream in needed and (not has_raw or stream == "rgb")
            names = self._names(listing, pattern)
            facts = check_images(
                findings,
                layout,
                self.folder,
                stream,
                names=names,
                frames=frames,
                size=size,
                severity="error" if read else "note",
                deep=self.deep,
            )
            found[stream] = facts
            size = size or facts.size
            if read and not has_raw and not facts.begins:
                path = self.folder / pattern.format(sequence=self.name, index=0)
                raw_name = layout.raw.format(sequence=self.name)
                what = f"neither {raw_name} nor images beginning with {path.name}, or 0001, in {path.parent}"
                findings.add("no-source", what, "complete the download", file=path.parent)
        if not has_raw and frames is not None and not findings.errors:
            try:  # what nothing above has named
                voxels = self.options.voxels and "voxel" in layout.teacher_streams
                all_published_files(layout, self.folder, self.root, frames, voxels=voxels)
            except DataError as error:
                findings.refused("numbering" if needed <= found.keys() else "no-source", error, file=self.folder)
        if not has_raw and size and stated and size != stated:
            what = f"all images have {size[0]}x{size[1]} pixels, the sensor has {stated[0]}x{stated[1]}"
            if (self.folder / SENSOR_FILE).is_file():
                findings.add("image-size", what, f"correct or remove {SENSOR_FILE}", file=self.folder)
            else:
                findings.add("image-size", what, "a run takes them as they are", file=self.folder, severity="note")
        return found, size

    def _misnamed(self, findings: Findings, names: list[str], raw: Path) -> None:
        """Note a recording that a run passes over, and reads images instead, because of its name."""
        others = [name for name in names if Path(name).suffix == raw.suffix and name != raw.name]
        if raw.name in names:
            findings.add("raw-name", "a folder, or a link to nothing", "copy the recording", file=raw, severity="note")
        elif others:
            what = f"no such file, but {some_of(others)}"
            findings.add("raw-name", what, "give the recording this name", file=raw, severity="note")

    def _names(self, listing: Listing, pattern: str | None) -> list[str] | None:
        """Names of the files in a pattern's folder, None where there is no such folder."""
        if pattern is None:
            return None
        files = listing.get(str(Path(pattern.format(sequence=self.name, index=0)).parent))
        return None if files is None else list(files)


def _files(folder: Path) -> dict[str, tuple[int, int, int]] | None:
    """Name -> state of what a folder holds, None where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: _state(entry) for entry in entries}
    except (FileNotFoundError, NotADirectoryError):
        return None


def _state(entry: os.DirEntry[str]) -> tuple[int, int, int]:
    state = file_state(entry)
    # A folder's own size and times say nothing about a sequence.
    return (0, 0, 0) if state[0] >= 0 and entry.is_dir() else state


def as_plain(facts: SequenceFacts, problems: list[Problem]) -> dict[str, Any]:
    """For JSON."""
    return {"facts": asdict(facts), "problems": [asdict(problem) for problem in problems]}


def from_plain(content: dict[str, Any]) -> tuple[SequenceFacts, list[Problem]]:
    """What `as_plain` made (`KeyError` or `TypeError` for anything else)."""
    return SequenceFacts(**content["facts"]), [Problem(**problem) for problem in content["problems"]]
