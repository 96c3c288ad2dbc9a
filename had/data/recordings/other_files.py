"""Files that carry a recording's name and are something else: what they are, and where the recording is.

Pointers of Git LFS and git-annex, web pages that a server sent in place of the file, the ``._`` files of macOS,
files of zeros, compressed files and text in an encoding of two bytes a character.
"""

from __future__ import annotations

import re
from pathlib import Path

from had.errors import DataError
from had.pointers import POINTERS

_AGAIN = "download the recording itself"
_UNPACK = "unpack it first"
_KINDS = (
    *((start, f"a pointer of {maker} to", f"get the recording with `{fetch}`") for start, maker, fetch in POINTERS),
    (rb"\x00\x05\x16[\x00\x07]", "a `._` file of macOS beside", "delete it and give the file without `._`"),
    (rb"(\xef\xbb\xbf)?\s*<(!doctype|html|head|\?xml|error|!--)", "a web page in place of", _AGAIN),
    (rb"\s*\{\s*\"", "a JSON text in place of", _AGAIN),
    (rb"(\xff\xfe|\xfe\xff)", "UTF-16 text in place of", "save it as UTF-8"),
    (rb"\x00{64}", "zeros at the begin of", "copy or download it again: it was not written to its end"),
    (rb"%PDF-|\x89PNG|\xff\xd8\xff", "a document or an image in place of", _AGAIN),
    (rb"#ROSBAG V", "a ROS bag in place of", "convert its events to CSV or HDF5"),
    (rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|BZh[1-9]|\xfd7zXZ", "a compressed file in place of", _UNPACK),
)
_PACKED = rb"\x1f\x8b|\x28\xb5\x2f\xfd"
"""gzip and zstd, which only CSV files may be."""


def refuse_other_files(path: Path, start: bytes, *, packed: bool) -> None:
    """See that a file does not begin like one that is no recording.

    Args:
        path: the file.
        start: its first 64 bytes, or all.
        packed: whether the format may be compressed by gzip or zstd.

    Raises:
        DataError: it does; the sentence says what it is.
    """
    packings = () if packed else ((_PACKED, "a compressed file in place of", _UNPACK),)
    for pattern, what, remedy in (*_KINDS, *packings):
        if re.match(pattern, start, re.IGNORECASE):
            raise DataError("a recording", f"{what} one: {path}", remedy)
