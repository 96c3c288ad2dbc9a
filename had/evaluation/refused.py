"""External trackers that could not be scored: what `had evaluate --refused` wrote down, and the rows that are left.

One broken tracker hides none of the others: tables, figures and films are made of the rows that are left, and say which
one is missing. The workflow fails in the end, see `workflow/rules/evaluate.smk`. Light: a few lines of text are read.
"""

from __future__ import annotations

from pathlib import Path

from had.evaluation.rows import folder_of
from had.options.experiment import Experiment


def refused_file(experiment: Experiment, benchmark: str, run: str) -> Path:
    """Where it stands why an external tracker could not be scored; empty where it could."""
    return folder_of(experiment, "metrics", benchmark, run, 0) / "refused.txt"


def refusals(experiment: Experiment, benchmark: str) -> dict[str, str]:
    """External tracker -> the sentence that says why it has no scores on the benchmark."""
    files = {run: refused_file(experiment, benchmark, run) for run in experiment.external}
    said = {run: path.read_text(encoding="utf-8").strip() for run, path in files.items() if path.is_file()}
    return {run: sentence for run, sentence in said.items() if sentence}


def scored(experiment: Experiment, *benchmarks: str) -> Experiment:
    """The experiment without the trackers that could not be scored on one of the benchmarks."""
    return experiment.without(run for benchmark in benchmarks for run in refusals(experiment, benchmark))
