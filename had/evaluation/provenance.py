"""What stands under every table: how intervals were made, with which configuration, what is said of the benchmark."""

from __future__ import annotations

from pathlib import Path

from had.data.layouts import layout_of
from had.identity import digest
from had.options.evaluation import EvaluationOptions
from had.options.experiment import Experiment


def intervals(sequences: int, options: EvaluationOptions) -> str:
    """How a table's intervals over so many sequences were made; that there are none over one."""
    if sequences < 2:
        return "No intervals: one sequence says nothing of another one."
    draws = f"{options.resamples} resamples, seed {options.seed}"
    return f"Intervals: 95 % percentile bootstrap over {sequences} sequences, {draws}."


def provenance(experiment: Experiment, benchmark: str) -> str:
    """The configuration's digest and the benchmark's note."""
    moved = experiment.model_copy(update={"results": Path("results")})  # the place does not change a score
    return f"Configuration {digest(moved)}. {layout_of(benchmark).note}".strip()
