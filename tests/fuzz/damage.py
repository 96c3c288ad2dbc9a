"""Valid bytes -> damaged ones: flipped, cut, overwritten, doubled, exchanged; and bytes that were never valid."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

VALUES = (
    0,
    1,
    2,
    3,
    7,
    8,
    16,
    127,
    128,
    255,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**63 - 1,
    2**64 - 1,
)
"""Numbers with which fields are overwritten."""


@st.composite
def damaged(draw: st.DrawFn, whole: list[bytes]) -> bytes:
    """One of ``whole``, damaged once to five times, or random bytes behind its beginning."""
    data = bytearray(draw(st.sampled_from(whole)))
    if draw(st.integers(0, 19)) == 0:
        return bytes(data[: draw(st.integers(0, 16))]) + draw(st.binary(max_size=300))
    for _ in range(draw(st.integers(1, 5))):
        if not data:
            break
        place = draw(st.integers(0, len(data) - 1))
        if draw(st.booleans()):  # most of a file's statements are at its begin and its end
            place = place % min(len(data), 200) if draw(st.booleans()) else len(data) - 1 - place % min(len(data), 100)
        kind, length = (
            draw(st.sampled_from(("bit", "field", "field", "cut", "double", "drop", "text"))),
            draw(st.integers(1, 64)),
        )
        if kind == "bit":
            data[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "field":
            size, order = draw(st.sampled_from((1, 2, 4, 8))), draw(st.sampled_from("<>"))
            value = draw(st.sampled_from(VALUES)) & (2 ** (8 * size) - 1)
            data[place : place + size] = struct.pack(order + {1: "B", 2: "H", 4: "I", 8: "Q"}[size], value)
        elif kind == "cut":
            del data[place:]
        elif kind == "double":
            data[place:place] = data[place : place + length] * draw(st.integers(1, 4))
        elif kind == "drop":
            del data[place : place + length]
        else:
            data[place : place + draw(st.integers(0, 8))] = draw(st.sampled_from(TEXTS)).encode()
    return bytes(data)


TEXTS = ("9" * 5000, "²", "٣", "nan", "inf", "1e999", "-1", "1_0", "\0", "\x1b[31m", "\n\n", ",,", "\ufeff", "é")
TEXTS += ("[" * 3000, '{"a":', "..", "/", "{index", "{0.__class__}")
"""Put into texts, and into what is none."""
