"""Scores of single runs and seeds, as numbers by name: what an experiment tracker or a notebook shows.

Enters: the long table of scores and the summaries of the tracks. Leaves: one dictionary a run and seed.
"""

from __future__ import annotations

import json
import math

from had.evaluation.benchmark import METRICS, folder_of, gather, rows_of
from had.evaluation.scoreboard import scoreboard
from had.options import Experiment


def final_scores(experiment: Experiment, benchmark: str) -> dict[tuple[str, int], dict[str, float]]:
    """The official scores of every run and seed.

    Returns:
        (run, seed) -> SR, PR, NPR, ... as fractions of 1, and FPS of the tracked split in frames a second
        where the run was tracked here. Metrics that a run does not have are left out.

    Raises:
        DataError: a run was not evaluated.
    """
    single = experiment.evaluation.model_copy(update={"resamples": 1})
    result: dict[tuple[str, int], dict[str, float]] = {}
    table = gather(experiment, benchmark)
    for row in rows_of(experiment):
        for seed in row.seeds:
            board = scoreboard(table[(table["run"] == row.run) & (table["seed"] == seed)], single)
            values = {metric: board.point(row.run, metric) for metric in METRICS}
            summary = folder_of(experiment, "tracks", benchmark, row.run, seed) / "summary.json"
            if summary.is_file():
                values["FPS"] = json.loads(summary.read_text(encoding="utf-8"))["fps"] or math.nan
            result[row.run, seed] = {name: value for name, value in values.items() if not math.isnan(value)}
    return result
