"""What stands under every table: the configuration that it was made with, and what is said of the benchmark."""

from __future__ import annotations

from pathlib import Path

from had.config import digest
from had.data.layouts import layout_of
from had.options.experiment import Experiment


def provenance(experiment: Experiment, benchmark: str) -> str:
    """The configuration's digest and the benchmark's note."""
    moved = experiment.model_copy(update={"results": Path("results")})  # the place does not change a score
    return f"Configuration {digest(moved)}. {layout_of(benchmark).note}".strip()
