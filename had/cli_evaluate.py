"""`had evaluate`: its options, and a line into `had.evaluation.scoring`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from had.cli_options import Output
from had.data.annotation_layouts import ANNOTATED
from had.data.layouts import LAYOUTS, annotation_layout_of

_LAYOUTS = ", ".join(name for one in (*LAYOUTS.values(), *ANNOTATED) for name in (one.name, *one.aliases))

Layout = Annotated[str, typer.Option("--layout", help=f"Whose annotations: {_LAYOUTS}.")]
Truth = Annotated[Path | None, typer.Option(help="Folder of the benchmark's annotations, in a published form.")]
Tracks = Annotated[list[Path] | None, typer.Option(help="Folder of <sequence>.txt, or of such folders; repeatable.")]
Names = Annotated[list[str] | None, typer.Option(help="A name, once for each --tracks; none: the folder's.")]
Listed = Annotated[Path | None, typer.Option("--list", help="Exactly these sequences, one a line; none: all tracked.")]
Curves = Annotated[list[Path] | None, typer.Option(help="Stored curves (.npz) to be scored, too; repeatable.")]
_INSTEAD = "File that says why trackers cannot be scored, a line each: they then have no scores, which is no error."
Refused = Annotated[Path | None, typer.Option(help=_INSTEAD)]
Baselines = Annotated[Path | None, typer.Option(help="Stored curves (.npz) of BOC's baselines: adds that score.")]


def evaluate(
    layout: Layout,
    output: Output,
    annotations: Truth = None,
    tracks: Tracks = None,
    tracker: Names = None,
    listed: Listed = None,
    curves: Curves = None,
    baselines: Baselines = None,
    refused: Refused = None,
) -> None:
    """Score result files made by anybody as the official toolkits do; no network, no configuration is needed."""
    from had.evaluation.scoring import evaluate as score

    score(
        layout=annotation_layout_of(layout),
        annotations=annotations,
        tracks=tracks or [],
        names=tracker or [],
        listed=listed,
        curves=curves or [],
        baselines=baselines,
        refused=refused,
        output=output,
    )
