"""What an AEDAT4 header states of its streams: what they hold, their numbers, their sensor's size."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

from had.data.recordings.sensor_size import Stated, pairings
from had.errors import excerpt
from had.numerals import natural

EVENTS, FRAMES = "EVTS", "FRME"


def of_kind(streams: Sequence[ElementTree.Element], kind: str) -> list[ElementTree.Element]:
    """The streams that hold `EVENTS` or `FRAMES` (`ValueError` for one that states two kinds)."""
    found = []
    for node in streams:
        kinds = set(_texts(node, "attr[@key='typeIdentifier']"))
        if len(kinds) > 1:
            raise ValueError(f"a stream of {excerpt(' and '.join(sorted(kinds)))}")
        found += [node] if kind in kinds else []
    return found


def first_stream(streams: Sequence[ElementTree.Element], kind: str) -> tuple[int | None, list[Stated]]:
    """Number and stated sizes of the first stream of a kind, (None, []) without one (`ValueError`: no numbers)."""
    for node in of_kind(streams, kind):
        texts = [_texts(node, f"node/attr[@key='{key}']") for key in ("sizeX", "sizeY")]
        sides = [[natural(text) for text in side] for side in texts]
        if not all(number for side in sides for number in side):
            raise ValueError(f"a sensor of {excerpt('x'.join(' and '.join(side) for side in texts))} pixels")
        number = natural(node.get("name", ""))
        if number is None or number >= 1 << 31:
            raise ValueError(f"a stream without a number, {excerpt(node.get('name', ''))}")
        return number, pairings(f"stream {number}", *sides)
    return None, []


def _texts(node: ElementTree.Element, path: str) -> list[str]:
    return [found.text for found in node.findall(path) if found.text]
