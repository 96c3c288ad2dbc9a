"""Event images, camera frames and voxels as the benchmarks publish them, where they are used as they are.

A stream's files are found once and named by a pattern and a first number, so that a sequence of a
thousand frames is one line in an index.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from had.data.box_frames import first_frame
from had.data.image_size import image_size, refusal_of
from had.data.layouts import Layout
from had.data.mat_files import read_mat
from had.data.representations import fullest_first
from had.errors import DataError


class Numbered(NamedTuple):
    """The numbered files of a stream in one folder, of one extension.

    Attributes:
        files: number -> name.
        first: 0 or 1, the lower of them that is there; None: neither is, which makes the folder as good as empty.
    """

    files: dict[int, str]
    first: int | None

    @property
    def many(self) -> int:
        """How many there are from ``first`` on."""
        return sum(number >= (self.first or 0) for number in self.files)


def numbered(names: Iterable[str], pattern: str, sequence: str, extensions: tuple[str, ...]) -> Numbered:
    """Those of ``names`` that fit a pattern: with the first extension of which number 0 or 1 is there, else the most.

    Args:
        pattern: as in `Layout.images`; its last part counts.
    """
    stem = Path(pattern).name
    begin, _, rest = stem.partition("{index")
    begin, end = begin.format(sequence=sequence), rest.partition("}")[2].format(sequence=sequence)
    found: dict[str, dict[int, str]] = {extension: {} for extension in extensions}
    kinds = "|".join(map(re.escape, extensions))
    fits = re.compile(rf"{re.escape(begin)}([0-9]{{4,9}}){re.escape(end)}({kinds})")
    for name in names:
        match = fits.fullmatch(name)
        if match and stem.format(sequence=sequence, index=int(match[1])) + match[2] == name:
            found[match[2]][int(match[1])] = name
    for files in found.values():
        if files.keys() & {0, 1}:
            return Numbered(files, 0 if 0 in files else 1)
    return Numbered(max(found.values(), key=len), None)


def published_files(layout: Layout, source: Path, root: Path, stream: str, frames: int) -> dict[str, Any] | None:
    """The image files of a stream of one sequence, or None where it has none.

    Args:
        source: the sequence's folder, inside ``root``.
        frames: how many are needed.

    Returns:
        ``{"prepared": False, "pattern": <path under root with {index}>, "first": <number of the first box's image>}``.

    Raises:
        DataError: some are there, but not all that are needed; or nothing says which is the first box's
            (`had.data.box_frames`).
    """
    stem, there = layout.images[stream], _numbered_in(layout, source, stream)
    folder = (source / stem.format(sequence=source.name, index=0)).parent
    if there.first is None:
        return None
    extension = Path(there.files[there.first]).suffix
    first = _first_file(layout, source, there, frames, folder / f"{Path(stem).name}{extension}")
    # Braces in names would be taken for fields by str.format.
    place = str(folder.relative_to(root)).replace("{", "{{").replace("}", "}}")
    return {"prepared": False, "pattern": f"{place}/{Path(stem).name}{extension}", "first": first}


def _first_file(layout: Layout, source: Path, there: Numbered, frames: int, pattern: Path) -> int:
    """The number of the first box's file, from which on all that are needed are there."""
    assert there.first is not None
    span = max(there.files) - there.first + 1
    what = f"files {pattern.name} in {pattern.parent}"
    first = there.first + (first_frame(layout, source, boxes=frames, frames=span, what=what) if span > frames else 0)
    missing = [number for number in range(first, first + frames) if number not in there.files]
    if missing:
        path = pattern.parent / pattern.name.format(sequence=source.name, index=missing[0])
        got = f"{len(missing)} missing, the first is {path}"
        raise DataError(f"a file for each of {frames} boxes", got, "complete the download")
    return first


def check_numbering(layout: Layout, source: Path, streams: Collection[str], frames: int) -> None:
    """See that files of several streams, one of them perhaps ``voxel``, can be told to show the same frames.

    Streams that begin with another number (one with 0, one with 1) must have one file for each box.

    Raises:
        DataError: file k of one stream may belong to file k or to file k + 1 of another.
    """
    found = {stream: _numbered_in(layout, source, stream) for stream in streams}
    begins = {there.first for there in found.values() if there.first is not None}
    if len(begins) > 1 and any(there.many != frames for there in found.values() if there.first is not None):
        counts = ", ".join(f"{there.many} of {name} from {there.first}" for name, there in found.items())
        got = f"{counts} for {frames} boxes in {source}"
        raise DataError("files of all streams with the same numbers", got, "number them alike, one for each box")


def extra_files(layout: Layout, source: Path, streams: Collection[str], frames: int) -> int:
    """How many images without a box the streams have at most."""
    return max((_numbered_in(layout, source, stream).many - frames for stream in streams), default=0)


def _numbered_in(layout: Layout, source: Path, stream: str) -> Numbered:
    """The files of a stream, one of images or ``voxel``, in its folder."""
    extensions = (".mat",) if stream == "voxel" else layout.extensions
    folder = _folder_of(layout, source, stream)
    names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
    return numbered(names, _pattern_of(layout, stream), source.name, extensions)


def _folder_of(layout: Layout, source: Path, stream: str) -> Path:
    return (source / _pattern_of(layout, stream).format(sequence=source.name, index=0)).parent


def _pattern_of(layout: Layout, stream: str) -> str:
    """The pattern of a stream's files without their extension."""
    return (layout.voxels or "").removesuffix(".mat") if stream == "voxel" else layout.images.get(stream, "")


def files_read(layout: Layout, source: Path, stream: str) -> list[Path]:
    """The files of a stream, one of images or ``voxel``, that can be read of a sequence, by their numbers."""
    folder, there = _folder_of(layout, source, stream), _numbered_in(layout, source, stream)
    return [folder / name for _, name in sorted(there.files.items())]


def needed_images(layout: Layout) -> list[str]:
    """The streams of images that the layout's networks read."""
    return [name for name in dict.fromkeys((*layout.teacher_streams, *layout.student_streams)) if name != "voxel"]


def all_published_files(layout: Layout, source: Path, root: Path, frames: int, *, voxels: bool) -> dict[str, Any]:
    """Stream -> `published_files` of all images that are needed where no recording is read.

    Raises:
        DataError: as `published_files` and `check_numbering`, and where a stream has none.
    """
    files = {}
    for stream in needed_images(layout):
        found = published_files(layout, source, root, stream, frames) if stream in layout.images else None
        if found is None:
            raw = layout.raw.format(sequence=source.name)
            of = f"images {layout.images[stream]!r}" if stream in layout.images else f"images of stream {stream}"
            got = f"neither {raw} nor {of} in {source}"
            raise DataError("a raw recording or published images", got, "complete the download")
        files[stream] = found
    check_numbering(layout, source, [*files, *(["voxel"] if voxels and layout.voxels else [])], frames)
    return files


def has_published(layout: Layout, source: Path, voxels: bool) -> bool:
    """Whether a sequence has folders of the published images of all streams that are read, and of the voxels."""
    if not layout.images.keys() >= set(needed_images(layout)) or (voxels and not layout.voxels):
        return False
    stems = [layout.images[stream] for stream in needed_images(layout)]
    stems += [layout.voxels] if voxels and layout.voxels else []
    return all((source / stem.format(sequence=source.name, index=0)).parent.is_dir() for stem in stems)


def published_size(
    root: Path, files: dict[str, dict[str, Any]], frames: int, size: tuple[int, int] | None = None
) -> tuple[int, int]:
    """(width, height) that all images of all streams have.

    Args:
        files: stream -> what `published_files` found.
        size: that they must have; None: as the first.

    Raises:
        DataError: an image that cannot be read, or of another size.
    """
    like = "the first" if size is None else "the recording or its folder states"
    for found in files.values():
        for index in range(found["first"], found["first"] + frames):
            path = root / found["pattern"].format(index=index)
            seen = image_size(path)
            if seen is None:
                raise refusal_of(path)
            size = size or seen
            if seen != size:
                expected = f"images of {size[0]}x{size[1]} pixels, as {like}"
                got = f"{seen[0]}x{seen[1]} in {path}"
                raise DataError(expected, got, "check that the file belongs to this sequence")
    assert size is not None, "no stream, or no frame"
    return size


def read_voxels(layout: Layout, source: Path, frames: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The published voxel files of a sequence, packed as `representations.voxel_cells` packs them.

    Yields:
        (V, 3 + events) int8 a frame, the fullest first (no rows where a file is empty), and (1,) their number.

    Raises:
        DataError: a missing or broken file, cells outside the grid, values that are not polarities.
    """
    if layout.voxels is None:
        raise DataError("voxels", f"a layout {layout.title} without them", "set preparation.voxels to false")
    first = first_voxel_file(layout, source, frames)
    for index in range(first, first + frames):
        cells = read_voxel_file(source / layout.voxels.format(sequence=source.name, index=index), layout)
        yield cells, np.array([len(cells)])


def first_voxel_file(layout: Layout, source: Path, frames: int) -> int:
    """The number of the first box's voxel file; 1 where there is none (`DataError`: as `published_files`)."""
    assert layout.voxels is not None
    pattern = source / layout.voxels.format(sequence=source.name, index=0)
    there = _numbered_in(layout, source, "voxel")
    if there.first is None:
        return 1
    return _first_file(layout, source, there, frames, pattern.with_name(Path(layout.voxels).name))


def read_voxel_file(path: Path, layout: Layout) -> np.ndarray:
    """The cells of one voxel file, as `read_voxels` yields them, and with its errors."""
    expected = f"`coor` (N,3: t,x,y cells) and `features` (N,{layout.voxel.events})"
    if not path.is_file():
        got = f"no file {path}"
        raise DataError("a voxel file for each box", got, "complete the download or set preparation.voxels to false")
    content = read_mat(path, ("coor", "features"), expected=expected)
    coordinates, features = content["coor"], content["features"]
    numbers = {coordinates.dtype.kind, features.dtype.kind} <= set("biuf")
    if numbers and not coordinates.size and not features.size:
        return np.zeros((0, 3 + layout.voxel.events), np.int8)
    if not numbers or coordinates.shape != (len(features), 3) or features.shape[1:] != (layout.voxel.events,):
        raise DataError(expected, f"{coordinates.shape} and {features.shape} in {path}", "replace that file")
    whole = np.isfinite(coordinates).all() and (coordinates == np.floor(coordinates)).all()
    inside = whole and (coordinates >= 0).all() and (coordinates < layout.voxel.grid).all()
    if not inside or not np.isin(features, (-1, 0, 1)).all():
        grid = "x".join(map(str, layout.voxel.grid))
        got = f"other values (NaN or fractions perhaps) in {path}"
        raise DataError(f"cells inside {grid} and polarities -1, 0, 1", got, "replace that file")
    return fullest_first(np.concatenate([coordinates, features], axis=1).astype(np.int8), layout.voxel)
