"""The sensor's size: what the caller asks for and what the file states must agree; else the events tell it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from had.errors import DataError
from had.numerals import natural

SIDE = 1 << 14
"""No event sensor is as wide: larger values are not pixels."""
KNOWN_SENSORS = ((128, 128), (240, 180), (304, 240), (320, 320), (346, 260), (640, 480), (1280, 720))
"""(width, height) of the event sensors that are sold, smallest first."""

SIZE_NAMES = ("width", "height", "geometry", "sensor_resolution", "sensor_size", "resolution")
"""Names under which HDF5 and NumPy files state it."""


class Stated(NamedTuple):
    """A size as one place of a file states it; a side is None where that place does not.

    Attributes:
        where: e.g. ``"geometry"``, for messages.
    """

    where: str
    width: int | None
    height: int | None

    def __str__(self) -> str:
        if self.width is None or self.height is None:
            side = f"width {self.width}" if self.height is None else f"height {self.height}"
            return f"{side} ({self.where})"
        return f"{self.width}x{self.height} ({self.where})"

    def fits(self, width: int, height: int) -> bool:
        """Whether nothing that is stated here contradicts a size."""
        return self.width in (None, width) and self.height in (None, height)


def agreed_size(path: Path, asked: tuple[int, int] | None, stated: Sequence[Stated]) -> tuple[int, int] | None:
    """The size that is asked for, or the one that the file states; None where there is neither.

    A file that contradicts itself is read with the size that is asked for, if it states that one too.

    Raises:
        DataError: a contradiction, a side without the other, or a size that no sensor has.
    """
    for one in stated:
        if any(side is not None and not 0 < side <= SIDE for side in (one.width, one.height)):
            raise DataError(
                f"a sensor of 1 to {SIDE} pixels a side", f"{one} in {path}", "correct what the file states"
            )
    sides = ({one.width for one in stated} - {None}, {one.height for one in stated} - {None})
    if asked is not None:
        unstated = any(known and side not in known for known, side in zip(sides, asked, strict=True))
        if unstated or (stated and not any(one.fits(*asked) for one in stated)):
            expected = f"the size that {path} states, {' or '.join(map(str, stated))}"
            got = f"{asked[0]}x{asked[1]}"
            raise DataError(expected, got, "leave the size out, or correct what the file states")
        return asked
    if max(map(len, sides)) > 1:
        got = f"{' and '.join(map(str, stated))} in {path}"
        raise DataError("one size in a recording", got, "state the right one of them with --size WIDTHxHEIGHT")
    if sum(map(len, sides)) == 1:
        got = f"{stated[0]} alone in {path}"
        raise DataError("both sides of the sensor", got, "state them with --size WIDTHxHEIGHT")
    return (sides[0].pop(), sides[1].pop()) if stated else None  # type: ignore[return-value]


def pairings(where: str, widths: Iterable[int | None], heights: Iterable[int | None]) -> list[Stated]:
    """The sizes that one place states, which may name a side twice; none where it names no side."""
    none: list[int | None] = [None]
    both = [list(dict.fromkeys(side for side in sides if side is not None))[:2] or none for sides in (widths, heights)]
    return [Stated(where, w, h) for w, h in product(*both) if (w, h) != (None, None)]


def stated_among(values_of: Callable[[str], Iterable[Any]], where: str) -> list[Stated]:
    """What the values under `SIZE_NAMES` state; ``values_of`` gives all of one name: numbers, text, or None.

    Pairs are written as height, width by some and the reverse by others: sensors are not higher than wide, unless
    ``width`` and ``height`` say so.
    """
    sides = [[side for value in values_of(name) for side in _sides(value)] for name in ("width", "height")]
    found = pairings(f"width, height {where}", *sides)
    upright = all(sides) and max(sides[0]) < min(sides[1])
    for name in SIZE_NAMES[2:]:
        pairs = [sorted(_sides(value)[:2], reverse=not upright) for value in values_of(name)]
        found += [Stated(f"{name} {where}", *pair) for pair in pairs if len(pair) == 2]
    return found


def _sides(value: Any) -> list[int]:
    """The positive whole numbers in a value; for one that is too large, one that no sensor has."""
    values = np.asarray(() if value is None else value).ravel()[:4]
    if values.dtype.kind in "iuf":
        return [min(int(side), SIDE + 1) for side in values if np.isfinite(side) and side == int(side) and side > 0]
    texts = (text.decode(errors="replace") if isinstance(text, bytes) else str(text) for text in values.tolist())
    numbers = [natural(digits) for digits in re.findall(r"[0-9]+", " ".join(texts))]
    return [SIDE + 1 if number is None else number for number in numbers if number != 0]


def sensor_holding(width: int, height: int) -> tuple[int, int]:
    """The sensor to which events that reach ``width`` x ``height`` pixels belong.

    The smallest known sensor of which they cover nine tenths of both sides; else exactly their extent.
    """
    for sensor in KNOWN_SENSORS:
        if 0.9 * sensor[0] <= width <= sensor[0] and 0.9 * sensor[1] <= height <= sensor[1]:
            return sensor
    return width, height
