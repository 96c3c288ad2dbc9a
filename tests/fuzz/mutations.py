"""Damage to valid files: flipped bits, cuts, overwritten numbers, blocks that are doubled, moved or inserted."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import strategies as st

_NUMBERS = [
    *(0, 1, -1, 2, 3, 4, 8, 16, 100, 255, 256, 4096, 65_535, 65_536),
    *(1 << 20, (1 << 28) + 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40, 1 << 62, (1 << 63) - 1),
]
"""Where formats go wrong."""
_KINDS = ["<B", "<H", "<I", "<Q", ">I", ">Q"]

_place = st.one_of(st.floats(0, 1), st.integers(0, 400), st.integers(-200, -1))
_change = st.one_of(
    st.tuples(st.just("flip"), _place, st.integers(0, 7)),
    st.tuples(st.just("byte"), _place, st.integers(0, 255)),
    st.tuples(
        st.just("number"), _place, st.sampled_from(_NUMBERS), st.sampled_from(["<B", "<H", "<I", "<Q", ">I", ">Q"])
    ),
    st.tuples(st.just("cut"), _place),
    st.tuples(st.just("remove"), _place, st.integers(1, 64)),
    st.tuples(st.just("double"), _place, st.integers(1, 256), st.integers(1, 20)),
    st.tuples(st.just("insert"), _place, st.binary(min_size=1, max_size=16)),
)
changes = st.lists(_change, min_size=1, max_size=5)
"""What `changed` does to a file."""


def changed(content: bytes, how: list[tuple[Any, ...]]) -> bytes:
    """A file's bytes after some changes."""
    damaged = bytearray(content)
    for name, place, *more in how:
        at = int(place * len(damaged)) if isinstance(place, float) else place
        at = max(0, min(len(damaged) - 1, at if at >= 0 else len(damaged) + at))
        if name == "cut":
            del damaged[at:]
        elif name == "remove":
            del damaged[at : at + more[0]]
        elif name == "double":
            damaged[at:at] = damaged[at : at + more[0]] * more[1]
        elif name == "insert":
            damaged[at:at] = more[0]
        elif name == "number":
            size = struct.calcsize(more[1])
            damaged[at : at + size] = struct.pack(more[1], more[0] % (1 << 8 * size))
        elif at < len(damaged):
            damaged[at] = damaged[at] ^ 1 << more[0] if name == "flip" else more[0]
    return bytes(damaged)
