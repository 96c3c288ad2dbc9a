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

from had.evaluation import latex_text as tex
from had.evaluation import markdown_text as md
from had.evaluation.printed_numbers import number
from had.evaluation.result_tables import write_table
from had.evaluation.type_widths import BOLD, TINY, points
from had.files import atomic_file


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
        joined: stays beside the column before it, where LaTeX has to print a table in several parts.
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
    joined: bool = False


@dataclass
class Table:
    """A table before it has a format.

    Attributes:
        caption: one sentence.
        above: what a reader has to know before the numbers, between caption and table; empty: nothing.
        data: every column, in full precision; the CSV.
        columns: what is printed.
        notes: sentences below the table.
        groups: rows of each block; blocks are divided by a rule.
        ranked: rows among which the best are marked.
        keys: leading columns that every part repeats, where LaTeX has to print the others in several parts.
        below: a block of its own under this one, for readers: it is in Markdown and LaTeX, not in the CSV.
        printed: the same numbers in another arrangement, which Markdown and LaTeX show instead of ``data``.
    """

    caption: str
    data: pd.DataFrame
    columns: list[Column]
    notes: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    ranked: list[bool] = field(default_factory=list)
    keys: int = 1
    above: str = ""
    below: Table | None = None
    printed: Table | None = None


def write(table: Table, stem: Path, *, label: str) -> None:
    """Write ``<stem>.csv``, ``.md`` and ``.tex``; ``label`` is LaTeX's."""
    write_table(table.data, stem.with_name(stem.name + ".csv"))
    printed = table.printed or table
    for suffix, text in ((".md", markdown(printed)), (".tex", latex(printed, label))):
        with atomic_file(stem.with_name(stem.name + suffix)) as path:
            path.write_text(text, encoding="utf-8")


def markdown(table: Table) -> str:
    """A GitHub table: best bold, second best underlined, intervals small; notes below."""
    marks = _marks(table)
    lines = [
        f"**{md.sentence(table.caption)}**",
        "",
        *([md.sentence(table.above), ""] if table.above else []),
        "| " + " | ".join(md.cell(column.head) for column in table.columns) + " |",
        "|" + "|".join(_alignment(table, column, ":---", ":---:", "---:") for column in table.columns) + "|",
    ]
    for index, row in enumerate(table.data.to_dict("records")):
        cells = []
        for column in table.columns:
            value = row[column.key]
            text = md.cell(value) if isinstance(value, str) else _value(value, column)
            text = {1: f"**{text}**", 2: f"<u>{text}</u>"}.get(marks.get((index, column.key), 0), text)
            between = _interval(row, column)
            cells.append(f"{text} <sub>{between}</sub>" if between else text)
        lines.append("| " + " | ".join(cells) + " |")
    text = "\n".join([*lines, "", *(f"- {md.sentence(note)}" for note in table.notes)]) + "\n"
    return text if table.below is None else f"{text}\n{markdown(table.below)}"


def latex(table: Table, label: str) -> str:
    r"""``table`` environments for a plain article with ``\usepackage{booktabs}``.

    One, unless the table is too high for a page or has a block below; what is too wide goes on below itself.
    """
    lines = [r"% needs \usepackage{booktabs}", *_floats(table, label)]
    if table.below is not None:
        lines += ["", *_floats(table.below, f"{label}-below")]
    return "\n".join([*lines, ""])


LINE = 345.0
"""Width of a plain article's line in points."""
GAP = 3.0
"""Between two columns, in points."""
PAGE = 56
"""Lines in scriptsize that fit onto its page below a caption."""


def _floats(table: Table, label: str) -> list[str]:
    """The table in as many parts as its width needs, packed into as many floats as their height needs."""
    deep = max((_depth(row, table) for row in table.data.to_dict("records")), default=1)
    heads = max((tex.lines(column.head, tex.HEAD) for column in table.columns), default=1)
    most = (PAGE - 2 - heads) // deep
    rows = [range(first, min(first + most, len(table.data))) for first in range(0, max(len(table.data), 1), most)]
    notes = " ".join(table.notes)
    above = -(-len(table.above) // 120)
    pages: list[list[str]] = []
    left = 0
    for columns in _parts(table):
        for chosen in rows:
            height = 3 + heads + deep * len(chosen)
            if not pages or height > left:
                left = PAGE if pages else PAGE - above
                pages.append([])
            pages[-1] += [*([r"\vspace{4pt}", ""] if pages[-1] else []), *_tabular(table, columns, chosen)]
            left -= height
    if len(notes) / 120 > left + 2:
        pages.append([])
    pages[-1] += ["", rf"\vspace{{2pt}}\parbox{{\linewidth}}{{\scriptsize {tex.escaped(notes)}}}"]
    width = sum(_width(table, column) for column in table.columns)
    size = r"\footnotesize\setlength{\tabcolsep}{3pt}"
    if width > LINE * 0.8 or len(pages) > 1 or len(table.data) > 25:
        size = rf"\scriptsize\setlength{{\tabcolsep}}{{{GAP / 2:.1f}pt}}"
    lines: list[str] = []
    for place, page in enumerate(pages):
        caption = rf"\caption{{{tex.escaped(table.caption)}}}" if place == 0 else "(continued)"
        anchor = rf"\label{{{label}}}" if place == 0 else r"\par"
        lines += [
            *([""] if lines else []),
            r"\begin{table}[t]",
            r"\centering",
            caption,
            rf"{anchor}\vspace{{4pt}}",
            *(
                [rf"\parbox{{\linewidth}}{{\scriptsize {tex.escaped(table.above)}}}\vspace{{4pt}}"]
                if above and not place
                else []
            ),
            size,
        ]
        lines += [*page, r"\end{table}"]
    return lines


def _parts(table: Table) -> list[list[Column]]:
    """The columns of each part: the keys, and as many others as fit beside them."""
    keys = table.columns[: table.keys]
    room = LINE + GAP - sum(_width(table, column) for column in keys)  # there is no gap behind the last one
    groups: list[list[Column]] = []
    for column in table.columns[table.keys :]:
        if column.joined and groups:
            groups[-1].append(column)
        else:
            groups.append([column])
    parts: list[list[Column]] = [[]]
    for group in groups:
        if parts[-1] and sum(_width(table, one) for one in [*parts[-1], *group]) > room:
            parts.append([])
        parts[-1] += group
    return [[*keys, *part] for part in parts]


def _tabular(table: Table, columns: list[Column], chosen: range) -> list[str]:
    """Some columns and rows."""
    marks, records, body = _marks(table), table.data.to_dict("records"), []
    ends = {sum(table.groups[: i + 1]) for i in range(len(table.groups))} - {chosen.start}
    for index in chosen:
        row = records[index]
        if index in ends:
            body.append(r"\midrule")
        cells = []
        for column in columns:
            text = tex.cell(_value(row[column.key], column))
            mark = marks.get((index, column.key), 0)
            cells.append({1: rf"\textbf{{{text}}}", 2: rf"\underline{{{text}}}"}.get(mark, text))
        body.append(" & ".join(cells) + r" \\")
        between = [_interval(row, column) for column in columns]
        if any(between):  # a line of its own keeps the table narrow
            small = [rf"{{\tiny {tex.escaped(_narrow(text))}}}" if text else "" for text in between]
            body[-1] = body[-1] + "[-1.5pt]"
            body.append(" & ".join(small) + r" \\[1.5pt]")
    sides = [_alignment(table, column, "l", "c", "r") for column in columns]
    spec = "".join(sides)
    heads = (tex.cell(one.head, tex.HEAD, right=side == "r") for one, side in zip(columns, sides, strict=True))
    head = " & ".join(heads) + r" \\"
    begin = rf"\begin{{tabular}}{{@{{}}{spec}@{{}}}}"
    return [begin, r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]


def _width(table: Table, column: Column) -> float:
    """About how many points a column takes in scriptsize, with its gap."""
    widest = tex.width(column.head, tex.HEAD)
    for row in table.data.to_dict("records"):
        value = tex.width(_value(row[column.key], column))
        bold = BOLD if column.best else 1
        widest = max(widest, bold * value, TINY * points(_narrow(_interval(row, column))))
    return widest + GAP


def _depth(row: dict, table: Table) -> int:
    """Lines that a row takes: those of its highest cell, and one more where intervals stand below."""
    words = max((tex.lines(_value(row[column.key], column)) for column in table.columns), default=1)
    return words + any(_interval(row, column) for column in table.columns)


def _marks(table: Table) -> dict[tuple[int, str], int]:
    """(row, column) -> 1 for the best, 2 for the second best printed value."""
    marks: dict[tuple[int, str], int] = {}
    printed = {
        column.key: [_rounded(value, column) for value in table.data[column.key]]
        for column in table.columns
        if column.best
    }
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
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _value(value, column: Column) -> str:
    if _missing(value):
        return tex.UNKNOWN
    if isinstance(value, str):
        return value
    if isinstance(value, int) and column.scale == 1:
        return str(value)
    if column.least is not None and value < column.least:
        return f"< {column.least}"
    return number(value * column.scale, column.digits, signed=column.signed)


def _interval(row: dict, column: Column) -> str:
    if not column.interval or _missing(row[column.key]):
        return ""
    if _missing(row[f"{column.key}_low"]):
        return tex.UNKNOWN
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
