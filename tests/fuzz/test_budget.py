"""The bounds that hold every fuzz target: time, memory, and examples until the clock says stop."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.budget import SECONDS, bounded, fuzzed


def test_an_input_that_takes_too_long_fails():
    with pytest.raises(TimeoutError, match="more than 1 s"), bounded(seconds=1):
        time.sleep(30)


def test_an_input_that_takes_too_much_memory_fails():
    with pytest.raises(AssertionError, match="process grow"), bounded(memory=1 << 20):
        np.ones(1 << 29, np.uint8)


def test_an_input_that_asks_for_endless_memory_fails():
    with pytest.raises(MemoryError), bounded():
        np.empty(1 << 40, np.uint8)


def test_a_target_draws_examples_until_its_time_is_over():
    seen = []

    @fuzzed
    @given(number=st.integers())
    def target(number):
        seen.append(number)

    begin = time.monotonic()
    target()
    assert len(seen) > 50
    assert SECONDS <= time.monotonic() - begin < SECONDS + 5
