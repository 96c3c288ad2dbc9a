"""The scores of all runs on disk -> one long table, and the curves and costs behind it.

`had.evaluation.score_files` has written ``per_sequence.csv`` and ``curves.npz`` of each run. `gather` reads the tables
back: benchmark, run, seed, sequence, metric, value.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd

from had.errors import DataError
from had.evaluation.metrics import ERROR_THRESHOLDS, OVERLAP_THRESHOLDS, SCORES, Curves
from had.evaluation.refused import refusals, scored
from had.evaluation.result_tables import read_table
from had.evaluation.rows import Row, folder_of, profile_file, rows_of, shared_seeds
from had.evaluation.stored_arrays import read_arrays
from had.files import read_json
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
            table = _scores_in(path)
            if parts and list(table["sequence"]) != list(parts[0][1]["sequence"]):
                got = f"others in {path} than in {parts[0][0]}"
                raise DataError("the same sequences in all runs", got, "evaluate both again")
            parts.append((path, table.assign(benchmark=benchmark, run=row.run, seed=seed)))
    wide = pd.concat([table for _, table in parts])
    wide = wide.reindex(columns=list(dict.fromkeys((*wide.columns, *METRICS))))
    keys = ["benchmark", "run", "seed", "sequence"]
    return wide.melt(id_vars=keys, value_vars=list(METRICS), var_name="metric").dropna(ignore_index=True)


def _scores_in(path: Path) -> pd.DataFrame:
    """The scores of one run, a row a sequence."""
    expected, remedy = "the scores of every run", "evaluate that run first"
    table = read_table(
        path, expected=expected, remedy=remedy, text=("tracker", "sequence"), numbers=SCORES, known=SCORES
    )
    if table["sequence"].duplicated().any():
        doubled = table.loc[table["sequence"].duplicated(), "sequence"].iloc[0]
        raise DataError(expected, f"{doubled!r} more than once in {path}", remedy)
    values = table[[name for name in METRICS if name in table]]
    if ((values < 0) | (values > 1)).any(axis=None):
        raise DataError(expected, f"values outside of 0 to 1 in {path}", remedy)
    return table


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
    stored = _stored(experiment, benchmark, run, seed)
    return Curves(*(stored[name] for name in Curves._fields))


def read_attributes(experiment: Experiment, benchmark: str) -> pd.DataFrame:
    """Attribute flags of the evaluated sequences: one row a sequence, one bool column an attribute."""
    first = _rows(experiment, benchmark)[0]
    stored = _stored(experiment, benchmark, first.run, first.seeds[0])
    names = (list(map(str, stored[key])) for key in ("sequences", "attributes"))
    return pd.DataFrame(stored["attribute_flags"].astype(bool), *names)


def read_profile(experiment: Experiment, benchmark: str) -> pd.DataFrame:
    """What the networks cost, as `had profile` measured it: indexed by run and seed.

    Raises:
        DataError: not profiled, or not all networks of the experiment.
    """
    path = profile_file(experiment, benchmark)
    expected, remedy = "the cost of every network", "run `had profile` for the benchmark"
    numbers = ("seed", "parameters", "macs", "milliseconds", "fps", "threads")
    table = read_table(
        path, expected=expected, remedy=remedy, text=("run", "device"), numbers=numbers, known=numbers, optional=True
    )
    table = table.set_index(["run", "seed"])
    if table.index.has_duplicates:
        raise DataError(expected, f"a network more than once in {path}", remedy)
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


def _stored(experiment: Experiment, benchmark: str, run: str, seed: int) -> dict[str, np.ndarray]:
    """The arrays of a run's ``curves.npz``, of the shapes that `had.evaluation.score_files` writes."""
    path = folder_of(experiment, "metrics", benchmark, run, seed) / "curves.npz"
    expected, remedy = "the curves of every run", "evaluate that run first"
    names = ("sequences", "attributes", "attribute_flags", *Curves._fields)
    stored = read_arrays(path, names, expected=expected, remedy=remedy)
    if missing := [name for name in names if name not in stored]:
        raise DataError(expected, f"{path} without {missing[0]!r}", remedy)
    count, attributes = stored["sequences"].size, stored["attributes"].size
    shapes = {"sequences": (count,), "attributes": (attributes,), "attribute_flags": (count, attributes)}
    shapes |= {name: (count, len(ERROR_THRESHOLDS)) for name in ("error", "error_norm")}
    shapes["overlap"] = (count, len(OVERLAP_THRESHOLDS))
    for name, shape in shapes.items():
        kinds = "U" if name in ("sequences", "attributes") else "biuf"
        if stored[name].shape != shape or stored[name].dtype.kind not in kinds:
            got = f"{stored[name].shape} of {stored[name].dtype} as {name!r} in {path}"
            raise DataError(f"{expected}, {shape} as {name!r}", got, remedy)
        if name in Curves._fields and not ((stored[name] >= 0) & (stored[name] <= 1)).all():
            raise DataError(f"{expected}, shares as {name!r}", f"values outside of 0 to 1 in {path}", remedy)
    return stored


def training_summary(experiment: Experiment, benchmark: str, run: str, seed: int) -> dict[str, float]:
    """What a training said at its end: ``seconds``, ``peak_memory_mb``, ``val_iou`` (NaN where it was not measured).

    Raises:
        DataError: no such file, or another content.
    """
    path = folder_of(experiment, "checkpoints", benchmark, run, seed) / "summary.json"
    expected, remedy = "the summary of every training", "train that run first"
    if not path.is_file():
        raise DataError(expected, f"no file {path}", remedy)
    content = read_json(path)
    values = {key: content.get(key, "nothing") for key in ("seconds", "peak_memory_mb", "val_iou")}
    values["val_iou"] = math.nan if values["val_iou"] is None else values["val_iou"]
    for key, value in values.items():
        if not isinstance(value, int | float) or abs(value) > 1e15:
            raise DataError(expected, f"{str(value)[:40]!r} as {key} in {path}", remedy)
    return {key: float(value) for key, value in values.items()}
