"""Numbers in print: no sign of zero, and as many digits as tell values apart."""

import pandas as pd
import pytest

from had.evaluation.printed_numbers import number, telling_digits
from had.evaluation.table_formats import Column, Table, latex, markdown


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [
        (-1.1e-16, True, "0.000"),
        (4e-4, True, "0.000"),
        (-4e-4, False, "0.000"),
        (0, True, "0.000"),
        (-6e-4, True, "−0.001"),
        (6e-4, True, "+0.001"),
    ],
)
def test_what_is_rounded_to_zero_has_no_sign(value, signed, text):
    assert number(value, 3, signed=signed) == text
    data = pd.DataFrame({"run": ["a"], "x": [float(value)], "x_low": [-1e-9], "x_high": [1e-9]})
    table = Table("T.", data, [Column("run", "Run"), Column("x", "X", signed=signed, interval=True)], ranked=[False])
    assert f"| {text} <sub>[0.000, 0.000]</sub> |" in markdown(table)
    assert "[.000,.000]" in latex(table, "tab:t")


@pytest.mark.parametrize(
    ("sizes", "digits"),
    [([7e-2], 1), ([0.11, 0.07], 2), ([1.2, 2.4, 1.2], 1), ([92.0, 92.0004], 4), ([1, 1 + 1e-9], 6)],
)
def test_sizes_have_the_digits_that_tell_them_apart(sizes, digits):
    assert telling_digits(sizes) == digits
