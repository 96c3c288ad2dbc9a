"""Event images, camera frames and voxels as the benchmarks publish them, where they are used as they are.

A stream's files are found once and named by a pattern and a first number, so that a sequence of a
thousand frames is one line in an index.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from had.data.layouts import Layout
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


def read_voxels(layout: Layout, source: Path, frames: int) -> Iterator[np.ndarray]:
    """The published voxel files of a sequence, packed as `representations.voxel_cells` packs them.

    Yields:
        (V, 3 + events) int8 a frame, the fullest first; no rows where a file is empty.

    Raises:
        DataError: a missing or broken file, cells outside the grid, values that are not polarities.
    """
    if layout.voxels is None:
        raise DataError("voxels", f"a layout {layout.title} without them", "set preparation.voxels to false")
    name = source.name
    first = 0 if (source / layout.voxels.format(sequence=name, index=0)).is_file() else 1
    for index in range(first, first + frames):
        yield read_voxel_file(source / layout.voxels.format(sequence=name, index=index), layout)


def read_voxel_file(path: Path, layout: Layout) -> np.ndarray:
    """The cells of one voxel file, as `read_voxels` yields them, and with its errors."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    expected = f"`coor` (N,3: t,x,y cells) and `features` (N,{layout.voxel.events})"
    if not path.is_file():
        got = f"no file {path}"
        raise DataError("a voxel file for each box", got, "complete the download or set preparation.voxels to false")
    try:
        content = loadmat(path, variable_names=["coor", "features"])
        coordinates, features = np.asarray(content["coor"]), np.asarray(content["features"])
    except (KeyError, MatReadError, ValueError, OSError, NotImplementedError) as error:  # the last: MATLAB 7.3's HDF5
        raise DataError(expected, f"{path} ({type(error).__name__}: {error})", "replace that file") from None
    if coordinates.size == 0:
        return np.zeros((0, 3 + layout.voxel.events), np.int8)
    if coordinates.shape != (len(features), 3) or features.shape[1:] != (layout.voxel.events,):
        raise DataError(expected, f"{coordinates.shape} and {features.shape} in {path}", "replace that file")
    inside = np.isfinite(coordinates).all() and (coordinates >= 0).all() and (coordinates < layout.voxel.grid).all()
    if not inside or not np.isin(features, (-1, 0, 1)).all():
        grid = "x".join(map(str, layout.voxel.grid))
        got = f"other values (NaN perhaps) in {path}"
        raise DataError(f"cells inside {grid} and polarities -1, 0, 1", got, "replace that file")
    return fullest_first(np.concatenate([coordinates, features], axis=1).astype(np.int8), layout.voxel)
