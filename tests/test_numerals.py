"""Numbers in text of others: ASCII digits of a bounded length, and nothing else."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from had.numerals import finite, natural, whole

NO_NUMBER = (
    "",
    " ",
    "+",
    "-",
    ".",
    "e1",
    "²²",
    "٣",
    "1_000",
    "0x10",
    "1 2",
    "9" * 21,
    "9" * 5000,
    "1\n",
    "１２",
    "--1",
)


@pytest.mark.parametrize("text", NO_NUMBER)
def test_text_that_is_no_whole_number_is_none(text):
    assert whole(text) is None
    assert natural(text) is None


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-inf", "1e999", "1e-", "²", "1_0", "9" * 500, "1e" + "9" * 5000, "1.2.3"]
)
def test_text_that_is_no_finite_number_is_none(text):
    assert finite(text) is None


def test_a_sign_is_part_of_a_whole_and_not_of_a_natural_number():
    assert (whole("+7"), whole("-7"), natural("007")) == (7, -7, 7)
    assert natural("+7") is None
    assert natural("-7") is None


@given(st.integers(-(10**20) + 1, 10**20 - 1))
def test_whole_numbers_are_read_as_they_are_written(number):
    assert whole(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_finite_numbers_are_read_as_they_are_written(number):
    assert finite(repr(number)) == number
    assert finite(f"{number:.17e}") == number


@given(st.text())
def test_any_text_is_a_number_or_none(text):
    assert whole(text) is None or text.isascii()
    number = finite(text)
    assert number is None or math.isfinite(number)
