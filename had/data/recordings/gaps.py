"""Times without events: a pause, or a clock that jumped forward."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

JUMP_US = 1_000_000
"""A step of time from which on it is named."""
_MOST_SHARE = 0.01
"""Where more of a recording's steps are as long, that is its rate."""
_UNITS = ((31_557_600e6, "years"), (86_400e6, "days"), (3600e6, "hours"), (60e6, "minutes"), (1e6, "s"), (1e3, "ms"))


def span(microseconds: int) -> str:
    """A length of time as a person says it: 53.9 years, 2.5 s."""
    for length, name in _UNITS:
        if microseconds >= 2 * length or (microseconds >= length and name in ("s", "ms")):
            return f"{microseconds / length:.1f} {name}"
    return f"{microseconds} us"


class Gaps:
    """The longest times without events, met block by block."""

    def __init__(self) -> None:
        self._events = self._count = 0
        self._last: int | None = None
        self._longest: tuple[int, int, int] = (0, 0, 0)  # length, time of its end, number of the event there

    @property
    def longest_us(self) -> int:
        """The longest of them in microseconds."""
        return self._longest[0]

    def add(self, t: np.ndarray) -> None:
        """Take the (n,) times of the next events."""
        steps = np.diff(t, prepend=t[0] if self._last is None else self._last)
        self._count += int((steps >= JUMP_US).sum())
        i = int(steps.argmax())
        self._longest = max(self._longest, (int(steps[i]), int(t[i]), self._events + i))
        self._events, self._last = self._events + len(t), int(t[-1])

    def sentence(self, place: Callable[[int], str]) -> str:
        """The longest of them in words, with the ``place`` of an event; empty where there is none."""
        if not 0 < self._count <= max(1, self._events * _MOST_SHARE):
            return ""
        length, end, event = self._longest
        more = f"; {self._count - 1} more of at least {span(JUMP_US)}" if self._count > 1 else ""
        where = f"between {place(event - 1)} and {place(event)}, from {end - length} to {end} us"
        return f"a gap of {span(length)} without events {where}: a pause, or the clock jumped{more}"
