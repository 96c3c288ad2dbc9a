"""An image file -> its size, by its first and last bytes where that is possible.

PNG and BMP files are judged so; what looks wrong there, and every other format, is decoded as a run decodes it, so that
both come to the same verdict.
"""

from __future__ import annotations

import errno
import struct
from pathlib import Path

from had.data.frames import read_image
from had.data.image_header import checked_size
from had.errors import DataError

_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\0\0\0\0IEND\xaeB`\x82"
_BMP_UNCOMPRESSED = 0
_NO_FILE = (errno.ENOENT, errno.EISDIR, errno.ELOOP)
"""A link to nothing, a folder, a link to itself."""


def image_size(path: Path, *, decode: bool = False) -> tuple[int, int] | None:
    """(width, height) of an image file, None where a run could not read it.

    Args:
        decode: read it whole.

    Raises:
        OSError: it is there and cannot be opened.
    """
    try:
        size = _stated_size(path) if path.is_file() else None  # a pipe would never end
        if size is None or decode:
            height, width = read_image(path).shape[:2]
            size = width, height
    except DataError:
        return None
    except OSError as error:
        if error.errno not in _NO_FILE:
            raise
        return None
    return size


def refusal_of(path: Path) -> DataError:
    """Why a run could not read an image file, where `image_size` is None."""
    try:
        read_image(path)
    except DataError as error:
        return error
    return DataError("a readable image", f"a broken file {path}", "replace it and prepare the data again")


def _stated_size(path: Path) -> tuple[int, int] | None:
    """What the header of a PNG or BMP file states, if the file has all its bytes."""
    with path.open("rb", buffering=0) as file:
        head, length = file.read(54), file.seek(0, 2)
        if head.startswith(_PNG) and length >= len(head):
            file.seek(-len(_PNG_END), 2)
            whole = file.read() == _PNG_END
        elif head.startswith(b"BM") and len(head) == 54:
            begin, _, width, height, _, depth, kind = struct.unpack_from("<IIiiHHI", head, 10)
            rows = (width * depth + 31) // 32 * 4 * abs(height)
            whole = kind == _BMP_UNCOMPRESSED and length >= begin + rows
        else:
            return None
    try:
        return checked_size(head, length) if whole else None
    except ValueError:
        return None
