"""Event images, camera frames and voxels as the benchmarks publish them, where they are used as they are.

A stream's files are found once and named by a pattern and a first number, so that a sequence of a
thousand frames is one line in an index.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from had.data.image_size import image_size
from had.data.layouts import Layout
from had.data.mat_files import read_mat
from had.data.representations import fullest_first
from had.errors import DataError


def published_files(layout: Layout, source: Path, root: Path, stream: str, frames: int) -> dict[str, Any] | None:
    """The image files of a stream of one sequence, or None where it has none.

    Args:
        source: the sequence's folder, inside ``root``.
        frames: how many are needed.

    Returns:
        ``{"prepared": False, "pattern": <path under root with {index}>, "first": <number>}``.

    Raises:
        DataError: some are there, but not all that are needed.
    """
    name = source.name
    stem = layout.images[stream]
    folder = (source / stem.format(sequence=name, index=0)).parent
    if not folder.is_dir():
        return None
    there = {path.name for path in folder.iterdir()}
    for extension in layout.extensions:
        file_name = f"{Path(stem).name}{extension}"
        first = next((i for i in (0, 1) if file_name.format(sequence=name, index=i) in there), None)
        if first is None:
            continue
        missing = [i for i in range(first, first + frames) if file_name.format(sequence=name, index=i) not in there]
        if missing:
            path = folder / file_name.format(sequence=name, index=missing[0])
            got = f"{len(missing)} missing, the first is {path}"
            raise DataError(f"an image for each of {frames} boxes", got, "complete the download")
        # Braces in names would be taken for fields by str.format.
        place = str(folder.relative_to(root)).replace("{", "{{").replace("}", "}}")
        return {"prepared": False, "pattern": f"{place}/{file_name}", "first": first}
    return None


def has_published(layout: Layout, source: Path, voxels: bool) -> bool:
    """Whether a sequence has folders of the published images of all streams that are read, and of the voxels."""
    stems = [layout.images[s] for s in (*layout.teacher_streams, *layout.student_streams) if s in layout.images]
    stems += [layout.voxels] if voxels and layout.voxels else []
    return all((source / stem.format(sequence=source.name, index=0)).parent.is_dir() for stem in stems)


def published_size(root: Path, files: dict[str, dict[str, Any]], frames: int) -> tuple[int, int]:
    """(width, height) that all images of all streams have.

    Args:
        files: stream -> what `published_files` found.

    Raises:
        DataError: an image that cannot be read, or of another size than the first.
    """
    size = None
    for found in files.values():
        for index in range(found["first"], found["first"] + frames):
            path = root / found["pattern"].format(index=index)
            seen = image_size(path)
            if seen is None:
                raise DataError("a readable image", f"a broken file {path}", "replace it and prepare the data again")
            size = size or seen
            if seen != size:
                expected, got = f"images of {size[0]}x{size[1]} pixels, as the first", f"{seen[0]}x{seen[1]} in {path}"
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
    name = source.name
    first = 0 if (source / layout.voxels.format(sequence=name, index=0)).is_file() else 1
    for index in range(first, first + frames):
        cells = read_voxel_file(source / layout.voxels.format(sequence=name, index=index), layout)
        yield cells, np.array([len(cells)])


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
