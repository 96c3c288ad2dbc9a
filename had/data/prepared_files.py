"""Prepared arrays, camera frames and descriptions with checksums: made when written, compared when opened.

Damage (bytes zeroed, flipped, cut off, or another sequence's) is named before anything is trained or tracked on it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from had.checksums import checksum, file_checksum
from had.errors import DataError
from had.files import read_json

IMAGE_CHECKSUMS = "rgb_checksums"
"""Array of the checksums of the camera frames, (F,) uint32."""
_SEAL = "checksum"


def write_description(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """Write a JSON file that states its own checksum; what was written."""
    sealed = {**content, _SEAL: _of_content(content)}
    path.write_text(json.dumps(sealed, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return sealed


def read_description(path: Path) -> dict[str, Any]:
    """What `write_description` wrote; nothing where there is no such file or it is not as it was written."""
    content = read_json(path)
    return content if content.get(_SEAL) == _of_content(content) else {}


def _of_content(content: dict[str, Any]) -> str:
    rest = {key: value for key, value in content.items() if key != _SEAL}
    return checksum([json.dumps(rest, sort_keys=True).encode()])


def array_checksums(folder: Path) -> dict[str, list[Any]]:
    """Name -> (bytes, checksum) of the arrays in a folder."""
    return {path.stem: [path.stat().st_size, file_checksum(path)] for path in sorted(folder.glob("*.npy"))}


def image_checksums(folder: Path) -> np.ndarray:
    """(F,) uint32 checksums of the images ``0000.bmp``, ... in a folder."""
    return np.array([image_checksum(path.read_bytes()) for path in sorted(folder.glob("*.bmp"))], np.uint32)


def image_checksum(content: bytes) -> int:
    """The checksum of an image file's bytes as a number of 32 bits."""
    return int(checksum([content]).rpartition(":")[2], 16)


def check_array(path: Path, arrays: dict[str, list[Any]]) -> None:
    """See that an array's file has the size and the checksum with which it was written (`DataError`)."""
    size, stated = arrays[path.stem]
    try:
        found = path.stat().st_size
        wrong = f"{found} bytes of {size}" if found != size else ""
        if not wrong and file_checksum(path) != stated:
            wrong = "other bytes than were written"
    except OSError as error:
        wrong = f"{error.strerror or error}"
    if wrong:
        raise damaged(path, wrong)


def damaged(path: Path, wrong: str) -> DataError:
    """The refusal of a prepared file."""
    what, split = ("array", path.parents[1]) if path.suffix == ".npy" else ("camera frame", path.parents[2])
    remedy = f"remove {split / 'index.json'} and prepare the split again: it makes that sequence anew"
    return DataError(f"a prepared {what} as it was written", f"{path} ({wrong})", remedy)


def is_whole(folder: Path, description: dict[str, Any]) -> bool:
    """Whether all files of a prepared sequence are as they were written."""
    try:
        for name in description["arrays"]:
            check_array(folder / f"{name}.npy", description["arrays"])
        if IMAGE_CHECKSUMS not in description["arrays"]:
            return True
        return np.array_equal(image_checksums(folder / "rgb"), np.load(folder / f"{IMAGE_CHECKSUMS}.npy"))
    except (DataError, OSError):
        return False
