"""The verb of the interactive page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from had import cli_options as options
from had.config import load


def page(
    output: Annotated[Path, typer.Option(help="The page, *.html.")],
    config: options.ConfigFile = options.DEFAULT,
) -> None:
    """Make the interactive page of all scores, curves and tracks: one file that needs no network."""
    from had.evaluation.page.write import write_page

    write_page(load(config), output)
