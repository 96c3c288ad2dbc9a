"""How long a fuzz target runs, and what one input may cost: seconds among the tests, a minute with `make test-fuzz`.

A target is a hypothesis test with `@fuzzed` on top. It draws examples until HAD_FUZZ_SECONDS are over, others each
time; where that is not set, for 2 seconds and always the same ones, so that no test fails by chance.
An input that takes too long or too much memory fails, like one that ends in an error that is not ours.
"""

from __future__ import annotations

import functools
import itertools
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings

SECONDS = float(os.environ.get("HAD_FUZZ_SECONDS", "2"))
EXAMPLES = 50
"""Drawn between two looks at the clock."""
EXAMPLE_SECONDS = 20
"""Most that one input may take."""
MEMORY_BYTES = 1 << 30
"""Most that one input may add to the process's memory."""
_ADDRESSES_BYTES = 6 << 30
"""Most that one input may ask for, used or not, so that a runaway ends here and not in the machine."""


def fuzzed(target: Callable[..., None]) -> Callable[..., None]:
    """A hypothesis test that goes on until the time is over; above `@given`.

    Example:
        >>> @fuzzed
        ... @given(content=st.binary())
        ... def test_any_bytes_are_read_or_refused(content): ...
    """
    inner = target.hypothesis.inner_test  # type: ignore[attr-defined]

    @functools.wraps(inner)
    def within_bounds(*arguments: Any, **named: Any) -> None:
        with bounded():
            inner(*arguments, **named)

    target.hypothesis.inner_test = within_bounds  # type: ignore[attr-defined]
    drawn = settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink a slow input takes longer than to read it
    )(target)

    @functools.wraps(drawn)
    def until_the_end(*arguments: Any, **named: Any) -> None:
        end = time.monotonic() + SECONDS
        for number in itertools.count():
            if time.monotonic() >= end:
                break
            (drawn if "HAD_FUZZ_SECONDS" in os.environ else seed(number)(drawn))(*arguments, **named)

    return until_the_end


@contextmanager
def bounded(*, seconds: int = EXAMPLE_SECONDS, memory: int = MEMORY_BYTES) -> Iterator[None]:
    """Fail what takes longer than ``seconds``, or lets the process grow by more than ``memory`` bytes."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"one input took more than {seconds} s")

    Path("/proc/self/clear_refs").write_text("5")  # the largest size so far is that of now
    before, (soft, hard) = _largest(), resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_addresses() + _ADDRESSES_BYTES, hard))
    earlier = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, earlier)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    grown = _largest() - before
    assert grown <= memory, f"one input made the process grow by {grown >> 20} MB"


def _largest() -> int:
    """The process's largest resident size since it was reset, in bytes."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def _addresses() -> int:
    """The process's address space, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
