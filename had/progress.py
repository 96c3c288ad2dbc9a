"""Progress with time left: a bar on a terminal, one line a minute in a log file."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from had.terminal import printable

Item = TypeVar("Item")
LOG_EVERY_SECONDS = 60.0
log = logging.getLogger(__name__)


def progress(items: Iterable[Item], *, label: str, total: int | None = None, unit: str = "items") -> Iterator[Item]:
    """Pass ``items`` on and show how far they are.

    Args:
        items: anything iterable.
        label: what is being done, e.g. ``"train coesot had seed 0"``.
        total: number of items; taken from ``len(items)`` where it has one.
        unit: what an item is, in the plural.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    return _bar(items, label, total) if sys.stderr.isatty() else _lines(items, label, total, unit)


def _bar(items, label, total):
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield from bar.track(items, total=total, description=printable(label))


def _lines(items, label, total, unit):
    begin = last = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - last >= LOG_EVERY_SECONDS:
            last = now
            left = f", {(now - begin) / done * (total - done):.0f} s left" if total else ""
            log.info("%s: %d/%s %s, %.2f a second%s", label, done, total or "?", unit, done / (now - begin), left)
    log.info("%s: %d %s in %.1f s", label, done, unit, time.monotonic() - begin)
