"""CSV files of results, written and read: text cells harmless for spreadsheets, columns checked."""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from had.csv_cells import cell_of, text_of
from had.errors import DataError
from had.files import atomic_file

_UNKNOWN = ["", "NA", "nan", "NaN"]
"""Cells of numbers that are not known."""


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table in full precision; the file appears whole or not at all."""
    safe = table.copy()
    for place, kind in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            cells = [cell_of(value) if isinstance(value, str) else value for value in table.iloc[:, place]]
            safe.isetitem(place, pd.Series(cells, table.index, object))
    returns = any("\r" in value for value in safe.to_numpy().ravel() if isinstance(value, str))
    quoting = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL  # the latter overlooks them
    safe.columns = pd.Index([cell_of(str(name)) for name in table.columns])
    with atomic_file(path) as temporary:
        safe.to_csv(temporary, index=False, encoding="utf-8", quoting=quoting)


def read_table(
    path: Path,
    *,
    expected: str,
    remedy: str,
    text: Collection[str],
    numbers: Collection[str],
    known: Collection[str] = (),
    optional: bool = False,
) -> pd.DataFrame:
    """The table of a file.

    Args:
        path: the file.
        expected, remedy: what should have been there and what to do, for the message.
        text, numbers: columns that must be there, and what they hold.
        known: those of the numbers that are known in every row: NaN is refused.
        optional: whether further columns of numbers may hold anything; else they must be numbers, too.

    Returns:
        text columns as strings, number columns as finite numbers or NaN.

    Raises:
        DataError: no file, no table, or columns that are missing or of another kind; the file is named.
    """
    if not path.is_file():
        raise DataError(expected, f"no file {path}", remedy)
    try:
        others = [name for name in pd.read_csv(path, nrows=0, encoding="utf-8").columns if name not in text]
        table = pd.read_csv(
            path, dtype=dict.fromkeys(text, str), na_values=dict.fromkeys(others, _UNKNOWN), keep_default_na=False,
            encoding="utf-8",
        )  # fmt: skip
        for name in text:
            if name in table:
                table[name] = table[name].map(text_of)
    except (OSError, ValueError, OverflowError) as error:  # those of pandas' parser are ValueErrors
        reason = str(error).strip().splitlines()[:1]
        raise DataError(expected, f"no table in {path} ({''.join(reason) or type(error).__name__})", remedy) from None
    missing = [name for name in (*text, *numbers) if name not in table.columns]
    if missing:
        raise DataError(expected, f"{path} without the column {missing[0]}", remedy)
    for name in numbers if optional else [name for name in table.columns if name not in text]:
        try:
            values = pd.to_numeric(table[name], errors="coerce").astype(float)
        except OverflowError:
            raise DataError(expected, f"a number of too many digits as {name} in {path}", remedy) from None
        wrong = np.isinf(values) | (values.isna() & (table[name].notna() | (name in known)))
        if wrong.any():
            got = f"{str(table[name][wrong].iloc[0])[:60]!r} as {name} in row {int(np.argmax(wrong)) + 2} of {path}"
            raise DataError(expected, got, remedy)
        if not pd.api.types.is_numeric_dtype(table[name]):
            table[name] = values
    return table
