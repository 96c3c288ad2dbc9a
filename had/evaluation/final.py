"""Scores of single runs and seeds, as numbers by name: what an experiment tracker or a notebook shows.

Enters: the long table of scores and what the networks cost. Leaves: one dictionary a run and seed.
"""

from __future__ import annotations

import math

from had.evaluation.benchmark import METRICS, gather, read_profile
from had.evaluation.refused import scored
from had.evaluation.rows import rows_of
from had.evaluation.scoreboard import scoreboard
from had.options.experiment import Experiment


def final_scores(experiment: Experiment, benchmark: str) -> dict[tuple[str, int], dict[str, float]]:
    """The official scores of every run and seed.

    Returns:
        (run, seed) -> SR, PR, NPR, ... as fractions of 1, and of networks FPS as `had profile` measured it, the
        number of the table of costs. Metrics that a run does not have are left out.

    Raises:
        DataError: a run was not evaluated, or the networks were not profiled.
    """
    single = experiment.evaluation.model_copy(update={"resamples": 1})
    result: dict[tuple[str, int], dict[str, float]] = {}
    experiment = scored(experiment, benchmark)
    table = gather(experiment, benchmark)
    profile = read_profile(experiment, benchmark) if experiment.runs else None
    for row in rows_of(experiment):
        for seed in row.seeds:
            board = scoreboard(table[(table["run"] == row.run) & (table["seed"] == seed)], single)
            values = {metric: board.point(row.run, metric) for metric in METRICS}
            if profile is not None and row.trained:
                values["FPS"] = float(profile.loc[(row.run, seed), "fps"])
            result[row.run, seed] = {name: value for name, value in values.items() if not math.isnan(value)}
    return result
