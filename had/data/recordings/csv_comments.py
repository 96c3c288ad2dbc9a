"""What the comments before the first event of a CSV state: sizes, units of time, the meaning of the columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from had.data.recordings.columns import TimeUnit, columns_named
from had.data.recordings.csv_fields import delimiter_of, split
from had.data.recordings.sensor_size import Stated, pairings
from had.data.recordings.statements import Statement
from had.numerals import natural

_SIZE = re.compile(r"\b(?:sensor(?:[ _]size)?|geometry|resolution)\W{1,3}(\d+) ?[x,] ?(\d+)", re.IGNORECASE | re.ASCII)
_SIDE = re.compile(r"\b(width|height)\W{1,3}(\d+)", re.IGNORECASE | re.ASCII)
_UNIT = re.compile(r"\b(?:time|timestamps?|t)[ _]units?\W{1,3}(\w+)", re.IGNORECASE)


class NamedColumns(NamedTuple):
    """The columns as one line names them.

    Attributes:
        roles: what each column is: x, y, p, t or something else.
        unit: of time, None where its name states none.
        where: the line, for messages.
    """

    roles: tuple[str, ...]
    unit: TimeUnit | None
    where: str

    @property
    def order(self) -> Statement:
        """The roles as a statement, parted by commas."""
        return Statement(",".join(self.roles), self.where)


def named_columns(fields: list[str], where: str) -> NamedColumns | None:
    """The columns that a line's fields name, None where they do not name x, y, p and t once each."""
    found = columns_named(fields)
    if found is None:
        return None
    roles = {fields.index(name): role for role, name in found[0].items()}
    return NamedColumns(tuple(roles.get(i, f"other {i}") for i in range(len(fields))), found[1], where)


def columns_in(comments: Iterable[str], delimiter: str, count: int) -> list[NamedColumns]:
    """The columns that comments name, as `numpy.savetxt` writes them, where they name as many as there are."""
    found = []
    for comment in comments:
        text = comment.lstrip("#% ")
        lines = (split(text, sign) for sign in dict.fromkeys((delimiter, delimiter_of(text))))
        named = (named_columns(fields, "a comment") for fields in lines if len(fields) == count)
        found += [next(filter(None, named), None)]
    return [columns for columns in found if columns]


def sizes_in(comments: Iterable[str]) -> list[Stated]:
    """The sizes that comments state: ``# resolution: 346x260``, ``# width: 346, height: 260``."""
    sizes = []
    for text in comments:
        sizes += [Stated("a comment", *map(natural, pair)) for pair in _SIZE.findall(text)]
        sides: dict[str, list[int | None]] = {"width": [], "height": []}
        for name, number in _SIDE.findall(text):
            sides[name.lower()].append(natural(number))
        sizes += pairings("a comment", *sides.values()) if all(sides.values()) else []
    return sizes


def units_in(comments: Iterable[str]) -> list[Statement]:
    """The units of time that comments state: ``# time unit: ms``."""
    return [Statement(unit, "a comment") for text in comments for unit in _UNIT.findall(text)]
