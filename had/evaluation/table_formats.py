"""One table -> CSV with all columns, Markdown and LaTeX (booktabs) with the columns meant for reading.

The three say the same: CSV in full precision, the others rounded from it. Best and second best are
marked among the ranked rows; values that print alike are marked alike.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from had.files import atomic_file

UNKNOWN = "–"
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "Δ": r"$\Delta$", "✓": r"$\surd$", UNKNOWN: "--",
    "−": r"$-$", "<": r"$<$", ">": r"$>$",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One printed column.

    Attributes:
        key: the data's column.
        head: what readers see.
        interval: print ``<key>_low`` and ``<key>_high`` too.
        best: ``max`` or ``min`` where the best rows are to be marked.
        signed: print the sign of positive numbers.
        scale, digits: factor and digits after the point.
        least: smaller values print as "< least".
        centred: centre words instead of aligning them left.
    """

    key: str
    head: str
    interval: bool = False
    best: Callable | None = None
    signed: bool = False
    scale: float = 1.0
    digits: int = 3
    least: float | None = None
    centred: bool = False


@dataclass
class Table:
    """A table before it has a format.

    Attributes:
        caption: one sentence.
        data: every column, in full precision; the CSV.
        columns: what is printed.
        notes: sentences below the table.
        groups: rows of each block; blocks are divided by a rule.
        ranked: rows among which the best are marked.
        rank_along_rows: mark the best of each row among these columns instead.
    """

    caption: str
    data: pd.DataFrame
    columns: list[Column]
    notes: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    ranked: list[bool] = field(default_factory=list)
    rank_along_rows: list[str] = field(default_factory=list)


def write(table: Table, stem: Path, *, label: str) -> None:
    """Write ``<stem>.csv``, ``.md`` and ``.tex``; ``label`` is LaTeX's."""
    with atomic_file(stem.with_name(stem.name + ".csv")) as path:
        table.data.to_csv(path, index=False)
    for suffix, text in ((".md", markdown(table)), (".tex", latex(table, label))):
        with atomic_file(stem.with_name(stem.name + suffix)) as path:
            path.write_text(text, encoding="utf-8")


def markdown(table: Table) -> str:
    """A GitHub table: best bold, second best underlined, intervals small; notes below."""
    marks = _marks(table)
    lines = [
        f"**{table.caption}**",
        "",
        "| " + " | ".join(column.head for column in table.columns) + " |",
        "|" + "|".join(_alignment(table, column, ":---", ":---:", "---:") for column in table.columns) + "|",
    ]
    for index, row in enumerate(table.data.to_dict("records")):
        cells = []
        for column in table.columns:
            text = _value(row[column.key], column)
            text = {1: f"**{text}**", 2: f"<u>{text}</u>"}.get(marks.get((index, column.key), 0), text)
            between = _interval(row, column)
            cells.append(f"{text} <sub>{between}</sub>" if between else text)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *(f"- {note}" for note in table.notes)]) + "\n"


def latex(table: Table, label: str) -> str:
    r"""A ``table`` environment for a plain article with ``\usepackage{booktabs}``."""
    marks = _marks(table)
    records = table.data.to_dict("records")
    body: list[str] = []
    ends = {sum(table.groups[: i + 1]) for i in range(len(table.groups))} - {0, len(records)}
    for index, row in enumerate(records):
        if index in ends:
            body.append(r"\midrule")
        cells = []
        for column in table.columns:
            text = _escaped(_value(row[column.key], column))
            mark = marks.get((index, column.key), 0)
            cells.append({1: rf"\textbf{{{text}}}", 2: rf"\underline{{{text}}}"}.get(mark, text))
        body.append(" & ".join(cells) + r" \\")
        between = [_interval(row, column) for column in table.columns]
        if any(between):  # a line of its own keeps the table narrow
            small = [rf"{{\tiny {_escaped(_narrow(text))}}}" if text else "" for text in between]
            body[-1] = body[-1] + "[-1.5pt]"
            body.append(" & ".join(small) + r" \\[1.5pt]")
    spec = "".join(_alignment(table, column, "l", "c", "r") for column in table.columns)
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            r"\begin{table}[t]",
            r"\centering",
            rf"\caption{{{_escaped(table.caption)}}}",
            rf"\label{{{label}}}\vspace{{4pt}}",
            r"\footnotesize\setlength{\tabcolsep}{3pt}"
            if len(table.columns) < 7
            else r"\scriptsize\setlength{\tabcolsep}{2pt}",
            rf"\begin{{tabular}}{{@{{}}{spec}@{{}}}}",
            r"\toprule",
            " & ".join(_escaped(column.head) for column in table.columns) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            "",
            rf"\vspace{{2pt}}\parbox{{\linewidth}}{{\scriptsize {_escaped(' '.join(table.notes))}}}",
            r"\end{table}",
            "",
        ]
    )


def _marks(table: Table) -> dict[tuple[int, str], int]:
    """(row, column) -> 1 for the best, 2 for the second best printed value."""
    marks: dict[tuple[int, str], int] = {}
    printed = {
        column.key: [_rounded(value, column) for value in table.data[column.key]]
        for column in table.columns
        if column.best or column.key in table.rank_along_rows
    }
    if table.rank_along_rows:
        lines = [[(row, key) for key in table.rank_along_rows] for row in range(len(table.data))]
    else:
        lines = [[(row, key) for row, ranked in enumerate(table.ranked) if ranked] for key in printed]
    direction = {column.key: -1 if column.best is min else 1 for column in table.columns}
    for places in lines:
        values = {place: direction[place[1]] * printed[place[1]][place[0]] for place in places}
        known = {place: value for place, value in values.items() if not math.isnan(value)}
        ladder = sorted(set(known.values()), reverse=True)[:2]
        if len(known) > 1:
            marks |= {place: ladder.index(value) + 1 for place, value in known.items() if value in ladder}
    return marks


def _rounded(value: float, column: Column) -> float:
    return round(value * column.scale, column.digits)


def _missing(value) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _value(value, column: Column) -> str:
    if _missing(value):
        return UNKNOWN
    if isinstance(value, str):
        return value
    if isinstance(value, int) and column.scale == 1:
        return str(value)
    if column.least is not None and value < column.least:
        return f"< {column.least}"
    sign = "+" if column.signed else ""
    return f"{value * column.scale:{sign}.{column.digits}f}".replace("-", "−")


def _interval(row: dict, column: Column) -> str:
    if not column.interval or _missing(row[f"{column.key}_low"]):
        return ""
    ends = (_value(row[f"{column.key}_{end}"], column) for end in ("low", "high"))
    return f"[{', '.join(ends)}]"


def _narrow(interval: str) -> str:
    """An interval without blanks and leading zeros."""
    return re.sub(r"(?<!\d)0\.", ".", interval.replace(" ", ""))


def _alignment(table: Table, column: Column, left: str, centre: str, right: str) -> str:
    if column.centred:
        return centre
    numbers = pd.api.types.is_numeric_dtype(table.data[column.key])
    return right if numbers else left


def _escaped(text: str) -> str:
    """Plain text with Markdown's `code` and straight quotes -> LaTeX."""
    text = "".join(_LATEX.get(character, character) for character in text)
    text = re.sub(r"`([^`]*)`", r"\\texttt{\1}", text)
    return re.sub(r'"([^"]*)"', r"``\1''", text)
