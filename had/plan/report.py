"""A `Plan` as tables for people and as JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from had.plan import Plan
from had.terminal import cell

Rows = list[tuple[str, ...]]
BUSY = 0.8
"""Share of the processor below which a measurement says more about other work than about this machine."""
_WIDE = 100_000
"""Columns where the output is no terminal."""


def as_json(plan: Plan) -> dict[str, Any]:
    """Everything that the tables show, and what they sum up."""
    work = plan.compute
    return {
        "jobs": plan.jobs.counts,
        "missing": plan.jobs.missing,
        "disk": [asdict(line) for line in plan.disk],
        "compute": {
            "device": work.device or None,
            "threads": work.threads,
            "processor_share": work.share,
            "networks": [
                {"benchmark": benchmark, "run": run, **network._asdict(), "step": asdict(work.steps[benchmark, run])}
                for (benchmark, run), network in work.networks.items()
            ],
            "stages": [asdict(line) | {"gpu_hours": _hours(plan, line.flops)} for line in work.work],
        },
        "assumed": {"teraflops": plan.teraflops, "why": plan.assumption},
        "totals": totals(plan),
    }


def totals(plan: Plan) -> dict[str, Any]:
    """Sums, and what is not in them."""
    work = plan.compute.work
    seconds = [line.seconds for line in work]
    return {
        "jobs": sum(plan.jobs.counts.values()),
        "disk_bytes": sum(line.bytes or 0 for line in plan.disk),
        "disk_unknown": [f"{line.benchmark} {line.what}".strip() for line in plan.disk if line.bytes is None],
        "flops": sum(line.flops or 0 for line in work),
        "gpu_hours": sum(_hours(plan, line.flops) or 0.0 for line in work),
        "measured_hours": None if None in seconds else sum(value or 0.0 for value in seconds) / 3600,
        "compute_unknown": [f"{line.benchmark} {line.run} {line.stage}" for line in work if line.flops is None],
    }


def _hours(plan: Plan, flops: int | None) -> float | None:
    return None if flops is None else flops / (plan.teraflops * 1e12) / 3600


def print_tables(plan: Plan) -> None:
    """Jobs, disk, steps, work and sums, on standard output."""
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _WIDE)
    if plan.jobs.counts:
        console.print(_table("Jobs still to run", ("Rule", "Jobs"), ((n, str(c)) for n, c in plan.jobs.counts.items())))
    else:
        console.print("No job is left to run; what follows is the cost of all of it.")
    for title, names, rows in (_disk(plan), _steps(plan), _work(plan)):
        console.print()
        console.print(_table(title, names, rows))
    console.print()
    for sentence in sentences(plan):
        console.print(cell(sentence))


def _table(title: str, names: Iterable[str], rows: Iterable[tuple[str, ...]]):
    from rich.table import Table

    table = Table(title=cell(title), title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(
            name, justify="left" if name in ("Rule", "Benchmark", "What", "From", "Run", "Stage") else "right"
        )
    for row in rows:
        table.add_row(*map(cell, row))
    return table


def _disk(plan: Plan) -> tuple[str, tuple[str, ...], Rows]:
    rows: Rows = []
    for line in plan.disk:
        size = "unknown" if line.bytes is None else f"{line.about} {gigabytes(line.bytes)}".strip()
        rows.append((line.benchmark, line.what + (" (freed again)" if line.passing else ""), size, line.note))
    return "Disk", ("Benchmark", "What", "Space", "From"), rows


def _steps(plan: Plan) -> tuple[str, tuple[str, ...], Rows]:
    rows: Rows = []
    for (benchmark, run), step in plan.compute.steps.items():
        network = plan.compute.networks[benchmark, run]
        seconds = "-" if step.seconds is None else f"{step.seconds:.3g}"
        loading = "-" if step.loading is None else f"{step.loading:.3g}"
        counted = (f"{network.parameters / 1e6:.1f}", f"{network.forward / 1e9:,.4g}", str(step.frames))
        rows.append((benchmark, run, *counted, f"{step.flops / 1e12:,.4g}", seconds, loading, step.how))
    names = ("Benchmark", "Run", "M parameters", "GFLOP a frame", "Frames a step", "TFLOP a step")
    return "Training steps", (*names, "s a step", "s loading", "From"), rows


def _work(plan: Plan) -> tuple[str, tuple[str, ...], Rows]:
    rows: Rows = []
    for line in plan.compute.work:
        frames = "unknown" if line.frames is None else f"{line.frames:,}"
        hours = _hours(plan, line.flops)
        seconds = "-" if line.seconds is None else f"{line.seconds / 3600:,.3g}"
        work = (
            ("unknown",) * 2 if line.flops is None or hours is None else (f"{line.flops / 1e15:,.4g}", f"{hours:,.3g}")
        )
        rows.append((line.benchmark, line.run, line.stage, str(line.jobs), frames, *work, seconds, line.note))
    names = ("Benchmark", "Run", "Stage", "Jobs", "Frames", "PFLOP", "GPU hours", "Hours here")
    return "Work of the networks", (*names, "From"), rows


def sentences(plan: Plan) -> list[str]:
    """The sums, and what they rest on."""
    found, work = totals(plan), plan.compute
    lacking = f", and what is unknown: {', '.join(found['disk_unknown'])}" if found["disk_unknown"] else ""
    lines = [
        f"Jobs still to run: {found['jobs']}.",
        f"Disk: about {gigabytes(found['disk_bytes'])} if nothing is freed{lacking}.",
        f"Networks: {found['flops'] / 1e18:,.3g} EFLOP, {found['gpu_hours']:,.3g} GPU hours at {plan.teraflops:g}"
        f" TFLOP/s ({plan.assumption}).",
    ]
    if found["compute_unknown"]:
        lines.append(f"Not in it, because their frames are unknown: {', '.join(found['compute_unknown'])}.")
    if not work.device:
        lines.append("No step was timed on this machine (--measure does).")
    elif found["measured_hours"] is not None or found["compute_unknown"]:
        known = sum(line.seconds or 0.0 for line in work.work) / 3600
        kind = f"{work.device}, {work.threads} threads" if work.device == "cpu" else work.device
        lines.append(
            f"On this machine ({kind}): {known:,.3g} hours for the networks, one job after another, from the steps"
            " above, which were timed beside all else that runs here; of tracking the forward passes alone."
        )
    if work.share is not None and work.share < BUSY:
        lines.append(
            f"The machine was busy: the timed steps got {work.share:.0%} of their threads' time, an idle one is faster."
        )
    lines.append("Not in any sum: preparation, scoring, tables, figures, films, pages; they run on the processor.")
    return [*lines, *(f"Missing: {line}." for line in plan.jobs.missing)]


def gigabytes(size: float) -> str:
    """Bytes in words, in decimal units as publishers state them."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:,.3g} {unit}"
    return f"{size / 1e3:,.3g} kB"
