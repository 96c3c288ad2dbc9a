"""The scores of all runs on disk -> one long table, and the curves and costs behind it.

`had.evaluation.score_files` has written ``per_sequence.csv`` and ``curves.npz`` of each run. `gather` reads the tables
back: benchmark, run, seed, sequence, metric, value.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from had.errors import DataError
from had.evaluation.metrics import SCORES, Curves
from had.evaluation.refused import refusals, scored
from had.evaluation.rows import Row, folder_of, profile_file, rows_of, shared_seeds
from had.options.experiment import Experiment

METRICS = (*SCORES, "one_shot_iou")
"""Columns of scores in ``per_sequence.csv``; the last one only where the tracker has it."""


def gather(experiment: Experiment, benchmark: str) -> pd.DataFrame:
    """The scores of all runs as one long table.

    Returns:
        Columns benchmark, run, seed, sequence, metric, value (shares in [0, 1]; the one-shot IoU only
        where a run has it); runs in the order of `rows_of`, without those that could not be scored.

    Raises:
        DataError: a run was not evaluated, or on other sequences than the first one, or no tracker could be scored.
    """
    parts: list[tuple[Path, pd.DataFrame]] = []
    for row in _rows(experiment, benchmark):
        for seed in row.seeds:
            path = folder_of(experiment, "metrics", benchmark, row.run, seed) / "per_sequence.csv"
            if not path.is_file():
                raise DataError("the scores of every run", f"no file {path}", "evaluate that run first")
            table = pd.read_csv(path, dtype={"sequence": str})
            if parts and list(table["sequence"]) != list(parts[0][1]["sequence"]):
                got = f"others in {path} than in {parts[0][0]}"
                raise DataError("the same sequences in all runs", got, "evaluate both again")
            parts.append((path, table.assign(benchmark=benchmark, run=row.run, seed=seed)))
    wide = pd.concat([table for _, table in parts])
    wide = wide.reindex(columns=list(dict.fromkeys((*wide.columns, *METRICS))))
    keys = ["benchmark", "run", "seed", "sequence"]
    return wide.melt(id_vars=keys, value_vars=list(METRICS), var_name="metric").dropna(ignore_index=True)


def of_pair(scores: pd.DataFrame, first: Row, second: Row) -> pd.DataFrame:
    """The scores of two rows, of trained ones on the seeds that both have (`DataError` where there is none)."""
    seeds = shared_seeds(first, second)
    chosen = pd.Series(False, index=scores.index)
    for row in (first, second):
        own = scores["run"] == row.run
        chosen |= own & scores["seed"].isin(seeds) if row.trained else own
    return scores[chosen]


def read_curves(experiment: Experiment, benchmark: str, run: str, seed: int) -> Curves:
    """Per-sequence curves of one run, with a leading axis S (`DataError` where it was not evaluated)."""
    with _open_curves(experiment, benchmark, run, seed) as stored:
        return Curves(*(stored[name] for name in Curves._fields))


def read_attributes(experiment: Experiment, benchmark: str) -> pd.DataFrame:
    """Attribute flags of the evaluated sequences: one row a sequence, one bool column an attribute."""
    first = _rows(experiment, benchmark)[0]
    with _open_curves(experiment, benchmark, first.run, first.seeds[0]) as stored:
        return pd.DataFrame(
            stored["attribute_flags"], index=list(stored["sequences"]), columns=list(stored["attributes"])
        )


def read_profile(experiment: Experiment, benchmark: str) -> pd.DataFrame:
    """What the networks cost, as `had profile` measured it: indexed by run and seed.

    Raises:
        DataError: not profiled, or not all networks of the experiment.
    """
    path = profile_file(experiment, benchmark)
    if not path.is_file():
        raise DataError("the cost of every network", f"no file {path}", "run `had profile` for the benchmark")
    table = pd.read_csv(path).set_index(["run", "seed"])
    for row in rows_of(experiment):
        for seed in row.seeds if row.trained else ():
            if (row.run, seed) not in table.index:
                got = f"{path} without {row.run!r}, seed {seed}"
                raise DataError("the cost of every network", got, "run `had profile` for the benchmark again")
    return table


def _rows(experiment: Experiment, benchmark: str) -> list[Row]:
    """The rows that could be scored, at least one."""
    rows = rows_of(scored(experiment, benchmark))
    if not rows:
        sentence = next(iter(refusals(experiment, benchmark).values()), "no row is configured")
        raise DataError(f"scores on {benchmark}", f"none ({sentence})", "see to that first")
    return rows


def _open_curves(experiment: Experiment, benchmark: str, run: str, seed: int):
    path = folder_of(experiment, "metrics", benchmark, run, seed) / "curves.npz"
    if not path.is_file():
        raise DataError("the curves of every run", f"no file {path}", "evaluate that run first")
    return np.load(path, allow_pickle=False)
