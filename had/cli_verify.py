"""``had verify``: hold a download against its published layout before anything is run on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from had import cli_options as options
from had.data.layouts import canonical_name, layout_of
from had.errors import DataError


def verify(
    benchmark: Annotated[str, typer.Argument(callback=canonical_name, help="eventvot, coesot, visevent or fe108.")],
    root: Annotated[Path, typer.Option(help="Folder with the folders of the splits.")],
    split: Annotated[list[str] | None, typer.Option(help="A split, repeated; none: all.")] = None,
    as_json: Annotated[Path | None, typer.Option("--json", help="Write everything that was found here.")] = None,
    deep: Annotated[bool, typer.Option(help="Decode all recordings and images to their end.")] = False,
    config: Annotated[Path | None, typer.Option(help="How a run will prepare them; none: with the defaults.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes side by side; none: one a core.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Results for the next call; none: in the user's cache.")] = None,
) -> None:
    """Say what a downloaded folder holds, what is missing or broken, and whether a run would fail on it."""
    from had.config import load
    from had.data.verify import verify_folder
    from had.data.verify.report import print_tables, write_json
    from had.options.training import CropOptions

    layout = layout_of(benchmark)
    crops = CropOptions() if config is None else load(config).crops
    report = verify_folder(
        layout,
        root,
        splits=split,
        options=None if config is None else options.source_of(config, benchmark).preparation,
        clip_frames=crops.clip_frames,
        deep=deep,
        workers=workers or len(os.sched_getaffinity(0)),
        cache_file=cache,
    )
    print_tables(report)
    if as_json is not None:
        write_json(report, as_json)
    if errors := report.count("error"):
        got = f"{errors} errors in {root}"
        raise DataError(f"{layout.title} as a run can use it", got, "see the table above for what to do about each")
