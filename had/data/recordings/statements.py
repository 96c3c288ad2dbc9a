"""Several statements of one fact in a file -> the one that all agree on; the file is refused if they differ."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

from had.errors import DataError, excerpt

Meaning = TypeVar("Meaning", bound=Hashable)


class Statement(NamedTuple):
    """What one place of a file states.

    Attributes:
        text: in the file's words.
        where: e.g. ``"a comment"``, for messages.
    """

    text: str
    where: str

    def __str__(self) -> str:
        return f"{excerpt(self.text)} ({self.where})"


def agreed(
    what: str,
    statements: Iterable[Statement],
    path: Path,
    means: Callable[[str], Meaning],
    remedy: str = "correct the one that is wrong",
) -> Meaning | None:
    """What all statements mean; None where there are none.

    Args:
        what: that they are about, e.g. ``"unit of time"``.
        means: a statement's text -> what is compared.

    Raises:
        DataError: two of them mean different things.
    """
    found: dict[Meaning, Statement] = {}
    for one in statements:
        found.setdefault(means(one.text), one)
    if len(found) > 1:
        first, second = list(found.values())[:2]
        raise DataError(f"one {what} in a recording", f"{first} and {second} in {path}", remedy)
    return next(iter(found), None)
