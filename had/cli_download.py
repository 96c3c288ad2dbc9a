"""``had download``: a benchmark's recordings, or published weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from had.cli_options import mark, refuse_unused
from had.data.datasets import WEIGHTS
from had.data.layouts import canonical_name, layout_of
from had.errors import DataError
from had.terminal import say


def _name(value: str) -> str:
    return value if value == WEIGHTS else canonical_name(value)


def download(
    call: typer.Context,
    name: Annotated[str, typer.Argument(callback=_name, help="A benchmark, or weights.")],
    items: Annotated[list[str] | None, typer.Argument(help="Splits or networks; none: all.")] = None,
    root: Annotated[Path | None, typer.Option(help="Where to; data/<title> or weights if left out.")] = None,
    edition: Annotated[str, typer.Option(help="One of the published forms; empty: the first.")] = "",
    connections: Annotated[int, typer.Option(min=1, max=16, help="Files fetched at the same time.")] = 4,
    datasets: Annotated[Path | None, typer.Option(help="Folder of data files like config/datasets.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Only say what is published.")] = False,
    output: Annotated[Path | None, typer.Option(help="Written once all is there.")] = None,
) -> None:
    """Fetch recordings or weights, join and unpack them; where a browser is needed, say what to do."""
    refuse_unused(call, "with --show", *(["connections", "output"] if show else []))
    from had.data.datasets import read_dataset
    from had.data.download import download as fetch_all
    from had.data.download import instructions, request, summary

    dataset = read_dataset(name, datasets)
    default = Path(WEIGHTS) if name == WEIGHTS else Path("data") / layout_of(name).title
    wanted = request(name, dataset, root or default, items or [], edition)
    if show:
        say(summary(wanted))
        return
    missing = fetch_all(wanted, connections=connections)
    if missing:
        say(instructions(wanted, missing))
        raise DataError(
            f"{dataset.title}: {', '.join(missing)}", f"no files in {wanted.root}", "follow the steps above"
        )
    say(f"{dataset.title}: {', '.join(wanted.items)} in {wanted.root}")
    if output:
        mark(output, f"{dataset.title} in {wanted.root}")
