"""One table of a FlatBuffers buffer: its fields by number.

Source: the FlatBuffers binary format.
"""

from __future__ import annotations

import struct


class Table:
    """Field ``i`` of the table at ``position`` of ``buffer``, or a default where it was not written.

    Raises:
        struct.error: from any call, where a position lies outside the buffer.
    """

    def __init__(self, buffer: bytes | memoryview, position: int):
        self.buffer, self.position = buffer, position
        self.vtable = position - self._at("<i", position)
        self.fields = (self._at("<H", self.vtable) - 4) // 2

    def _at(self, kind: str, position: int) -> int:
        return struct.unpack_from(kind, self.buffer, position)[0]

    def where(self, field: int) -> int:
        """The absolute position of a field, 0 where it was not written."""
        relative = self._at("<H", self.vtable + 4 + 2 * field) if field < self.fields else 0
        return self.position + relative if relative else 0

    def number(self, field: int, kind: str, default: int = 0) -> int:
        """A scalar field of the struct format ``kind``."""
        place = self.where(field)
        return self._at(kind, place) if place else default

    def vector(self, field: int) -> tuple[int, int]:
        """(position of the first element, number of elements) of a vector or string field."""
        place = self.where(field)
        if not place:
            return 0, 0
        start = place + self._at("<I", place)
        return start + 4, self._at("<I", start)
