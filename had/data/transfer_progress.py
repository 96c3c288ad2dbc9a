"""Bytes that come, with speed and time left: bars on a terminal, one line a minute in a log file."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from had.progress import LOG_EVERY_SECONDS
from had.terminal import printable

log = logging.getLogger(__name__)
Show = Callable[[str, int, int | None], None]


@contextmanager
def byte_progress(label: str) -> Iterator[Show]:
    """A function that is told (file, bytes so far, bytes in all or None), from any thread."""
    with _bars() if sys.stderr.isatty() else _lines(label) as show:
        yield show


@contextmanager
def _bars() -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    text, lock, bars = TextColumn("{task.description}", markup=False), threading.Lock(), {}
    columns = (text, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as display:

        def show(name: str, done: int, total: int | None) -> None:
            with lock:
                if name not in bars:
                    bars[name] = display.add_task(printable(name), total=total, completed=done)
            display.update(bars[name], completed=done, total=total)

        yield show


@contextmanager
def _lines(label: str) -> Iterator[Show]:
    lock, begin = threading.Lock(), time.monotonic()
    first: dict[str, int] = {}
    state: dict[str, tuple[int, int | None]] = {}
    last = [begin]

    def show(name: str, done: int, total: int | None) -> None:
        with lock:
            first.setdefault(name, done)
            state[name] = done, total
            now = time.monotonic()
            if now - last[0] < LOG_EVERY_SECONDS:
                return
            last[0] = now
            log.info("%s: %s", label, _line(first, state, now - begin))

    yield show


def _line(first: dict[str, int], state: dict[str, tuple[int, int | None]], seconds: float) -> str:
    """How far all files together are."""
    done = sum(count for count, _ in state.values())
    speed = max(0, done - sum(first.values())) / max(seconds, 1e-9)
    totals = [total for _, total in state.values()]
    if None in totals:
        return f"{done / 1e6:,.1f} MB, {speed / 1e6:,.1f} MB/s"
    total = sum(size for size in totals if size is not None)
    left = f"{(total - done) / speed:,.0f} s left" if speed > 0 else "time left unknown"
    return f"{done / 1e6:,.1f} of {total / 1e6:,.1f} MB, {speed / 1e6:,.1f} MB/s, {left}"
