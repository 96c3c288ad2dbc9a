"""Recordings that are columns of plain numbers (CSV, HDF5, NumPy): what a column means, and its values checked.

Names tell the columns apart; where there are none, their values do, and what stays ambiguous is refused.
The same holds for the unit of time: stated by the caller, the file or a name, else told by the values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import permutations
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from had.data.recordings.recording import LATEST_US, Recording, as_events
from had.data.recordings.sensor_size import SIDE, Stated
from had.data.recordings.statements import Statement, agreed
from had.errors import DataError, excerpt

TimeUnit = Literal["s", "ms", "us", "ns"]
ROLES = ("x", "y", "p", "t")
SAMPLE = 100_000
"""Rows at the begin by which columns and units are told."""

TIME_UNITS: dict[TimeUnit, tuple[str, ...]] = {
    "s": ("s", "sec", "second", "seconds"),
    "ms": ("ms", "msec", "millisecond", "milliseconds"),
    "us": ("us", "µs", "μs", "usec", "microsecond", "microseconds"),
    "ns": ("ns", "nsec", "nanosecond", "nanoseconds"),
}
"""How files write them."""
UNIT_NAMES = ("time_unit", "time_units", "t_unit", "timestamp_unit", "unit", "units")
"""Names under which HDF5 and NumPy files state it."""
_FACTORS: dict[str, int] = {"s": 1_000_000, "ms": 1000, "us": 1}
_ROLE_OF = {
    **dict.fromkeys(("x", "xs", "col", "column", "x_pos"), "x"),
    **dict.fromkeys(("y", "ys", "row", "y_pos"), "y"),
    **dict.fromkeys(("p", "ps", "pol", "polarity", "polarities", "on"), "p"),
}
_TIME_NAME = re.compile(r"(?:t|ts|time|times|timestamp|timestamps)(?:[ _(\[]+(s|sec|ms|us|usec|µs|ns|nsec)[)\]]?)?")
_EPOCH_S = (946_684_800, 4_102_444_800)
"""The years 2000 to 2100 in seconds since 1970."""
_SLOWEST, _FASTEST = 100, 1e10
"""Events a second between which any real recording lies, judged by at least `_ENOUGH` of them."""
_ENOUGH = 1000
_FEWEST = 16
"""Rows from which on an order that fits by chance alone is unlikely (a column of 16 values rises once in 10^13)."""


def role_of(name: str) -> tuple[str, TimeUnit | None]:
    """What a column's name says: ``x``, ``y``, ``p``, ``t`` or nothing (``""``), and the unit of ``t`` or None."""
    name = name.strip().strip('"').lower()
    found = _TIME_NAME.fullmatch(name)
    if found:
        unit = (found[1] or "").replace("µ", "u").removesuffix("ec")
        return "t", next((known for known in get_args(TimeUnit) if known == unit), None)
    return _ROLE_OF.get(name, ""), None


def unit_named(text: str) -> TimeUnit | None:
    """The unit of time that a file writes in words, None for words that are none: ``microseconds since 1970``."""
    word = text.strip().lower().partition(" since ")[0].strip()
    return next((unit for unit, names in TIME_UNITS.items() if word in names), None)


def columns_named(names: Iterable[str]) -> tuple[dict[str, str], TimeUnit | None] | None:
    """({role: name}, unit of time or None) where each role is named exactly once; else None."""
    found: dict[str, str] = {}
    stated: TimeUnit | None = None
    for name in names:
        role, unit = role_of(name)
        if role in found:
            return None
        if role:
            found[role] = name
            stated = unit or stated
    return (found, stated) if len(found) == len(ROLES) else None


def orders_by_values(sample: np.ndarray) -> list[tuple[str, ...]]:
    """All meanings that four columns without names can have: exactly one, if it is to be used.

    Time never falls, or is beyond any sensor, or has fractions; polarity is 0/1 or -1/1; pixels are whole
    and lie on a sensor. x and y cannot be told apart: x is the one that stands first.

    Args:
        sample: (n, 4) rows at the begin.
    """
    whole = (sample == np.rint(sample)).all(axis=0)
    pixel = whole & (sample >= 0).all(axis=0) & (sample < SIDE).all(axis=0)
    polarity = ((sample == 0) | (sample == 1)).all(axis=0) | (np.abs(sample) == 1).all(axis=0)
    time = (np.diff(sample, axis=0) >= 0).all(axis=0) | ~(pixel | polarity)
    found = []
    for t, p in permutations(range(4), 2):
        x, y = (column for column in range(4) if column not in (t, p))
        if time[t] and polarity[p] and pixel[x] and pixel[y]:
            found.append(tuple({x: "x", y: "y", p: "p", t: "t"}[column] for column in range(4)))
    return found


def unit_by_values(t: np.ndarray) -> TimeUnit | None:
    """The unit of times, by the values of the recording's begin alone; None where it stays ambiguous.

    Whole numbers are microseconds, or nanoseconds since 1970; fractions are seconds. Doubtful are whole numbers
    that are all thousands (nanoseconds of a microsecond clock), fractions of thousandths at most (milliseconds
    of one), whole floating-point numbers of a short span, and rates that no sensor has.
    """
    if not len(t):
        return "us"
    if t.dtype.kind in "iu" and t.dtype.itemsize < 8:  # cannot hold what its values are compared with
        t = t.astype(np.int64)
    first, last = float(t.min()), float(t.max())
    steps = np.diff(t.astype(np.float64))
    span = min(last - first, float(steps[steps > 0].sum()))  # an overflow does not count
    whole = t.dtype.kind in "iu" or bool((t == np.rint(t)).all())
    if whole:
        if first >= _EPOCH_S[0] * 1e9:
            return "ns"
        floats = t.dtype.kind == "f" and span < 1000 and 0 < last < SIDE
        return None if floats or not _plausible(t, span, 1e6, whole=(t % 1000 == 0)) else "us"
    for unit, factor in (("s", 1), ("ms", 1000)):
        if first >= _EPOCH_S[0] * factor and last <= _EPOCH_S[1] * factor:
            return unit  # type: ignore[return-value]
    thousandths = t * 1000
    if last >= 1e5 or not _plausible(t, span, 1.0, whole=np.abs(thousandths - np.rint(thousandths)) < 1e-6):
        return None
    return "s"


def _plausible(t: np.ndarray, span: float, ticks: float, *, whole: np.ndarray) -> bool:
    """Whether times of ``ticks`` a second are finer than the next coarser unit and have a sensor's rate."""
    if len(t) < _ENOUGH:
        return True
    rate = len(t) / max(span, 1e-12) * ticks
    return not whole.all() and _SLOWEST <= rate <= _FASTEST


class ColumnRecording(Recording):
    """A recording in columns of numbers.

    Attributes:
        time_unit: unit of the file's times; `as_checked` makes microseconds of them.
        offset_us: added to all times.
        order_told: the columns' order where their values alone tell it, None where names do.
    """

    def __init__(self, path: Path, *, size: tuple[int, int] | None = None, stated: Sequence[Stated] = ()):
        super().__init__(path, size=size, stated=stated)
        self.offset_us = 0
        self.order_told: tuple[str, ...] | None = None
        self._polarities: set[int] = set()
        self._seen: tuple[int, float] = (0, -np.inf)

    def choose_unit(
        self, sample: np.ndarray, *, asked: TimeUnit | None, stated: Sequence[Statement], usual: TimeUnit | None = None
    ) -> None:
        """Set the unit of time: the one that is asked for or stated, else the usual one, else told by values.

        Args:
            sample: (n,) times at the begin.
            asked: by the caller.
            stated: by the file, in its words; of two units the one that is asked for counts.
            usual: in files of this form.

        Raises:
            DataError: two units, a word that is none, or values that are ambiguous.
        """
        if sample.dtype.kind == "f" and not np.isfinite(sample).all():
            self._refuse("a finite time", "time", sample, ~np.isfinite(sample), 0)
        units = [unit_named(one.text) for one in stated]
        if None in units and asked is None:
            got = f"{excerpt(stated[units.index(None)].text)} in {self.path}"
            raise DataError("a unit of time: s, ms, us or ns", got, "state it with --time-unit")
        known = sorted({unit for unit in units if unit})
        if asked is not None and known and asked not in known:
            remedy = "leave --time-unit out, or correct what the file states"
            raise DataError(f"the unit of time that {self.path} states, {' or '.join(known)}", asked, remedy)
        remedy = "state the right one of them with --time-unit, or correct the other"
        if asked is None:
            agreed("unit of time", stated, self.path, unit_named, remedy)
        unit = asked or next(iter(known), None) or usual or unit_by_values(sample)
        if unit is None:
            got = f"times from {sample.min()} to {sample.max()} in the first {len(sample)} events of {self.path}"
            expected = "times whose unit is stated, or plain from their values"
            raise DataError(expected, got, "state it with --time-unit s, ms, us or ns")
        self.time_unit = unit

    def as_checked(self, x: np.ndarray, y: np.ndarray, p: np.ndarray, t: np.ndarray, *, done: int) -> np.ndarray:
        """Columns of one block -> events; ``done`` events came before (`DataError` names the first wrong value)."""
        for values, low, high, name in ((x, 0, SIDE, "x"), (y, 0, SIDE, "y"), (p, -1, 2, "polarity")):
            wrong = (values < low) | (values >= high)
            if values.dtype.kind == "f":
                wrong |= values != np.floor(values)  # also what is no number
            if wrong.any():
                self._refuse(f"a whole {name} from {low} to {high - 1}", name, values, wrong, done)
        self._check_polarity(p, done)
        if self.order_told is not None:
            self._check_order(t, done)
        return as_events(self.microseconds(t, done), x, y, p > 0)

    def microseconds(self, t: np.ndarray, done: int) -> np.ndarray:
        """Times in the file's unit -> int64 microseconds (`DataError` for one of 2^62 or more)."""
        if t.dtype.kind == "f":
            factor = _FACTORS.get(self.time_unit, 1e-3)
            t = t.astype(np.float64)
            wrong = ~(np.abs(t) < LATEST_US / max(factor, 1))
            if wrong.any():
                self._refuse("a time", "time", t, wrong, done)
            t = np.rint(t * factor).astype(np.int64)
        else:
            factor = _FACTORS.get(self.time_unit, 1)
            wrong = (t > LATEST_US // factor) | (t < -(LATEST_US // factor))
            if wrong.any():
                self._refuse("a time of 62 bits", "time", t, wrong, done)
            t = t.astype(np.int64) * factor
            t = t // 1000 if self.time_unit == "ns" else t
        return t + self.offset_us

    def _check_polarity(self, p: np.ndarray, done: int) -> None:
        """See that polarity is 0/1 or -1/1, and not all three."""
        if not done:
            self._polarities = set()
        self._polarities |= {value for value in (-1, 0) if (p == value).any()}
        if len(self._polarities) == 2:
            got = f"-1 and 0 up to {self.place(done + len(p) - 1)} of {self.path}"
            raise DataError("polarity 0/1 or -1/1", got, "correct the values")

    def _check_order(self, t: np.ndarray, done: int) -> None:
        """See that a column that was taken for the time never falls, until it leaves the values of pixels."""
        count, latest = self._seen
        before = latest if count == done else -np.inf  # unless another pass was made meanwhile
        if before >= SIDE or not len(t):
            self._seen = (done + len(t), before)
            return
        falls = np.concatenate([[t[0] < before], t[1:] < t[:-1]])
        first, beyond = int(falls.argmax()), np.flatnonzero((t < 0) | (t >= SIDE) | (t != np.floor(t)))
        if falls[first] and not (len(beyond) and beyond[0] < first):
            order, earlier = ",".join(self.order_told or ()), t[first - 1] if first else before
            expected = f"times that never fall, by which the columns were told to be {order}"
            got = f"{t[first]:g} after {earlier:g} at {self.place(done + first)} of {self.path}"
            raise DataError(expected, got, "name the columns, or correct the times")
        self._seen = (done + len(t), SIDE if len(beyond) else float(t[-1]))

    def _refuse(self, expected: str, name: str, values: np.ndarray, wrong: np.ndarray, done: int) -> None:
        first = int(wrong.argmax())
        got = f"{name} {values[first]} at {self.place(done + first)} of {self.path}"
        raise DataError(expected, got, "correct or remove it")


def order_or_refuse(sample: np.ndarray, path: Path, remedy: str, *, published: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The one meaning that columns without names can have by `orders_by_values` (`DataError` for none or several).

    Where a value contradicts every meaning, the rows before it decide, so that it is then refused by its place.
    Where several fit fewer than 16 rows, the ``published`` order is taken if it fits and its times exceed all
    other values.
    """
    few = len(sample) < _FEWEST
    found, rows = orders_by_values(sample), len(sample) // 2
    while not found and rows >= _FEWEST:
        found, rows = orders_by_values(sample[:rows]), rows // 2
    if len(found) == 1:
        return found[0]
    if few and published in found:
        largest = sample.max(axis=0)
        time = published.index("t")
        if largest[time] > np.delete(largest, time).max():
            return published
    listed = " or ".join(",".join(order) for order in found[:3])
    got = f"values in {path} that can be {listed}" if found else f"other values in {path}, which does not name them"
    expected = "four columns that are plainly x, y (pixels), polarity (0/1 or -1/1) and a time that never falls"
    raise DataError(expected, got, remedy)


def reason_of(error: Exception) -> str:
    """What a library said about a broken file, in one line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
