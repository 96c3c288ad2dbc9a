"""What `had verify` found, as tables for people and as JSON for programs."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from had.data.verify import Report
from had.data.verify.problems import KINDS, Problem
from had.data.verify.sequence import SequenceFacts
from had.files import atomic_file
from had.terminal import cell

LINES = 10
"""Problems of a kind that the table shows."""
_WIDE = 100_000
"""Columns of a table that is no terminal's: nothing is folded."""


def edition(report: Report, split: str) -> str:
    """What was downloaded of a split: ``complete`` (raw recordings), ``images only``, both in part, or nothing."""
    every = report.sequences[split].values()
    kinds = Counter("raw" if facts.raw is not None else "images" if any(_images(facts)) else "" for facts in every)
    if len(kinds) == 1:
        return {"raw": "complete", "images": "images only", "": "nothing"}[next(iter(kinds))]
    if not kinds:
        return "nothing"
    parts = [f"{kinds[kind]} {name}" for kind, name in (("raw", "complete"), ("images", "images only")) if kinds[kind]]
    return ", ".join([*parts, *([f"{kinds['']} nothing"] if kinds[""] else [])])


def _images(facts: SequenceFacts) -> list[int]:
    return [count for count in (facts.images or {}).values() if count]


def summary(report: Report, split: str) -> dict[str, Any]:
    """The numbers of one split."""
    found, sequences = report.splits[split], report.sequences[split]
    problems = Counter(problem.severity for problem in report.problems if problem.split == split)
    every = list(sequences.values())
    having = {"raw": sum(facts.raw is not None for facts in every)}
    for stream in report.layout.images:
        having[stream] = sum(bool((facts.images or {}).get(stream)) for facts in every)
    if report.layout.voxels is not None:
        having["voxel"] = sum(bool(facts.voxels) for facts in every)
    return {
        "listed": found.listed,
        "published": report.layout.published.get(split),
        "folders": found.folders,
        "used": len(every),
        "frames": sum(facts.frames or 0 for facts in every),
        "present": sum(facts.present or 0 for facts in every),
        "with_attributes": found.attributed,
        "sequences_with": having,
        "edition": edition(report, split),
        "errors": problems["error"],
        "notes": problems["note"],
    }


def as_json(report: Report) -> dict[str, Any]:
    """Everything that was found."""
    return {
        "benchmark": report.layout.name,
        "root": str(report.root),
        "deep": report.deep,
        "passed": not report.count("error"),
        "errors": report.count("error"),
        "notes": report.count("note"),
        "checked": report.checked,
        "unchanged": report.unchanged,
        "seconds": round(report.seconds, 3),
        "publisher": report.layout.home,
        "splits": {split: summary(report, split) for split in report.splits},
        "problems": [asdict(problem) for problem in report.problems],
        "sequences": {
            split: {name: _counts(facts) for name, facts in found.items()} for split, found in report.sequences.items()
        },
    }


def _counts(facts: SequenceFacts) -> dict[str, Any]:
    plain = asdict(facts)
    del plain["fingerprint"], plain["deep"]
    return plain


def write_json(report: Report, path: Path) -> None:
    """`as_json` as a file."""
    import json

    with atomic_file(path) as temporary:
        temporary.write_text(
            json.dumps(as_json(report), indent=1, ensure_ascii=False) + "\n", "utf-8", "backslashreplace"
        )


def print_tables(report: Report) -> None:
    """Splits, then problems by kind, then the sum, on standard output."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _WIDE)
    console.print(_splits_table(report))
    for severity, colour in (("error", "red"), ("note", "yellow")):
        for kind, heading in KINDS.items():
            found = [p for p in report.problems if (p.severity, p.kind) == (severity, kind)]
            if found:
                console.print(f"\n[bold {colour}]{severity}[/] [bold]{escape(heading)}[/] ({len(found)}, {kind})")
                console.print(_problems_table(found[:LINES]))
                if len(found) > LINES:
                    console.print(f"  and {len(found) - LINES} more: --json FILE has them all", style="italic")
    console.print()
    for sentence in _sentences(report):
        console.print(cell(sentence))


def _splits_table(report: Report):
    from rich.table import Table

    layout = report.layout
    title = cell(f"{layout.title} in {report.root}")
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    streams = {"raw": "Raw", "rgb": "RGB", "event_image": "Event images", "voxel": "Voxels"}
    columns = [
        name for name in streams if name == "raw" or name in layout.images or (name == "voxel" and layout.voxels)
    ]
    numbers = ["Listed", "Published", "Folders", "Used", "Frames", "Present", *(streams[name] for name in columns)]
    table.add_column("Split")
    for name in [*numbers, "Attributes"]:
        table.add_column(name, justify="right")
    table.add_column("Edition")
    for name in ("Errors", "Notes"):
        table.add_column(name, justify="right")
    for split in report.splits:
        row = summary(report, split)
        counts = [row[key] for key in ("listed", "published", "folders", "used", "frames", "present")]
        counts += [row["sequences_with"][name] for name in columns] + [row["with_attributes"]]
        shown = ["?" if count is None else f"{count:,}" for count in counts]
        table.add_row(split, *shown, row["edition"], str(row["errors"]), str(row["notes"]))
    return table


def _problems_table(problems: list[Problem]):
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for problem in problems:
        place = problem.file + (f":{problem.line}" if problem.line else "")
        table.add_row("", cell(place), cell(f"{problem.what}; {problem.remedy}"))
    return table


def _sentences(report: Report) -> list[str]:
    errors, notes = report.count("error"), report.count("note")
    affected = {(p.split, p.sequence) for p in report.problems if p.severity == "error" and p.sequence}
    total = sum(len(found) for found in report.sequences.values())
    sentences = [
        f"{errors} errors in {len(affected)} of {total} sequences, {notes} notes "
        f"({report.checked} looked at, {report.unchanged} unchanged since the last call, {report.seconds:.1f} s)"
    ]
    if errors and report.layout.home:
        source = f"`had download {report.layout.name}` gets it or says how"
        sentences.append(f"What is missing can be got from {report.layout.home}: {source}.")
    if not report.deep:
        sentences.append("Not looked at: events between a recording's begin and end, pixels of images (--deep does).")
    return sentences
