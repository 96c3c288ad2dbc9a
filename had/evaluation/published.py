"""Published scores with the address they stand at: a file of their own, a block of their own, never ranked with ours.

Enters ``benchmark,tracker,SR,PR,NPR,source,note,sequences``, a line a tracker; fractions of 1 and the number of test
sequences that they are means of, empty where nobody said; the last column may be left out.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from had.data.layouts import canonical_name
from had.errors import ConfigError, DataError, excerpt
from had.files import read_rows
from had.numerals import finite, natural
from had.options.experiment import Experiment
from had.shipped import shipped

COLUMNS = ("benchmark", "tracker", "SR", "PR", "NPR", "source", "note")
SEQUENCES = "sequences"
"""A further column, the last one, that a file need not have."""
SCORES = ("SR", "PR", "NPR")
USUAL = Path("config") / "published.csv"


class Published(NamedTuple):
    """What somebody else wrote about a tracker.

    Attributes:
        benchmark: canonical name.
        tracker: as they call it.
        scores: SR, PR and NPR; NaN where unknown.
        source: the address.
        note: a sentence, or nothing.
        sequences: how many the scores are means of; None where unknown.
    """

    benchmark: str
    tracker: str
    scores: dict[str, float]
    source: str
    note: str
    sequences: int | None = None


def published_file(experiment: Experiment) -> Path | None:
    """The file of published scores: the configured one, else the project's own, wherever `had` runs."""
    if experiment.published is not None:
        return experiment.published
    return path if (path := shipped(USUAL)).is_file() else None


def published_scores(experiment: Experiment, benchmark: str) -> list[Published]:
    """The published scores on one benchmark, in the order of the file (`DataError` for a broken one)."""
    path = published_file(experiment)
    return [] if path is None else [line for line in read_published(path) if line.benchmark == benchmark]


def read_published(path: Path) -> list[Published]:
    """All lines of a file of published scores.

    Raises:
        DataError: no such file, other columns, or a line with an unknown benchmark, without tracker or source, twice
            the same, with a value that is no fraction of 1, or with a number of sequences that is none.
    """
    if not path.is_file():
        raise DataError("published scores", f"no file {path}", "correct `published`")
    rows = read_rows(path, "published scores")
    header = tuple(cell.strip() for cell in rows[0]) if rows else ()
    if header not in (COLUMNS, (*COLUMNS, SEQUENCES)):
        got = f"{excerpt(','.join(rows[0]) if rows else 'an empty file')} in {path}"
        raise DataError(f"the header {','.join((*COLUMNS, SEQUENCES))}", got, "correct that header")
    found: list[Published] = []
    for number, row in enumerate(rows[1:], start=2):
        if row:
            line = _line(header, [cell.strip() for cell in row], f"row {number} of {path}")
            if (line.benchmark, line.tracker) in {(other.benchmark, other.tracker) for other in found}:
                got = f"{line.tracker} on {line.benchmark} again in row {number} of {path}"
                raise DataError("each tracker once a benchmark", got, "keep one of the two")
            found.append(line)
    return found


def _line(header: tuple[str, ...], cells: list[str], where: str) -> Published:
    if len(cells) != len(header):
        raise DataError(f"{len(header)} values", f"{len(cells)} in {where}", "put notes with commas between quotes")
    values = dict(zip(header, cells, strict=True))
    try:
        benchmark = canonical_name(values["benchmark"])
    except ConfigError as error:
        raise DataError(error.expected, f"{error.got} in {where}", error.remedy) from None
    for name in ("tracker", "source"):
        if not values[name]:
            raise DataError(f"a {name}", f"none in {where}", "say who published what, and at which address it stands")
    scores = {name: _fraction(values[name], f"{name} in {where}") for name in SCORES}
    count = values.get(SEQUENCES, "")
    sequences = natural(count) if count else None
    if count and not sequences:
        raise DataError("a number of sequences, or nothing", f"{excerpt(count)} in {where}", "write 527, for example")
    return Published(benchmark, values["tracker"], scores, values["source"], values["note"], sequences)


def _fraction(text: str, where: str) -> float:
    """A score, NaN where the cell is empty."""
    if not text:
        return math.nan
    value = finite(text)
    if value is None or not 0 <= value <= 1:
        raise DataError("a fraction of 1, or nothing", f"{excerpt(text)} as {where}", "write 0.627 for 62.7 %")
    return value
