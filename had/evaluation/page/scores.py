"""The scores and curves of one benchmark, as the page shows them.

Everything that a table prints (means, intervals, paired differences) is computed here, by the functions behind the
tables, so that the page and the tables have the same numbers. The page's script only sorts, filters and draws.

Axes: N rows, C columns (a row's seeds, one after the other), S sequences, M metrics, K thresholds.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd

from had.data.layouts import ATTRIBUTE_NAMES
from had.evaluation import metrics
from had.evaluation.benchmark import gather, read_attributes, read_curves, read_profile
from had.evaluation.metrics import Curves
from had.evaluation.one_seed import comparable
from had.evaluation.page import packing
from had.evaluation.rows import Row, profile_file, rows_of
from had.evaluation.scoreboard import Scoreboard, scoreboard
from had.options.experiment import Experiment

METRICS = {
    "SR": "area under the success curve, the mean of its 21 values",
    "PR": "precision at 20 px",
    "NPR": "normalised precision at 0.2",
    "OP50": "share of frames with an overlap above 0.5",
    "one_shot_iou": "mean IoU of single search crops around the known position",
}
"""What the page shows of each row and sequence, and what it means."""
CURVES = {
    "overlap": ("Success", "IoU threshold", metrics.OVERLAP_THRESHOLDS, "SR"),
    "error": ("Precision", "Centre error threshold (px)", metrics.ERROR_THRESHOLDS, "PR"),
    "error_norm": ("Normalised precision", "Normalised centre error threshold", metrics.NORM_THRESHOLDS, "NPR"),
}
"""The plots: title, axis, thresholds and the score that is read from each."""
_ROUNDED = 6


def scores_of(experiment: Experiment, benchmark: str) -> dict[str, Any]:
    """The scores of all rows on one benchmark.

    A tracker that could not be scored has nothing but unknown values.

    Returns:
        ``sequences`` (S,), ``attributes`` (names), their ``meanings``, ``flags`` (S lists of indices of attributes),
        ``values`` (packed M, C, S), ``subsets``: all sequences, then those of each attribute that occurs, each with the
        rows' ``points`` and intervals ``low`` and ``high`` (M lists of N), ``seeds`` (M lists of C) and ``curves``
        (packed N, K); ``seed_curves`` (packed C, K), ``pairs`` (paired differences of rows) and ``costs``.

    Raises:
        DataError: a row was not evaluated, or on other sequences than the first.
    """
    rows = rows_of(experiment)
    table = gather(experiment, benchmark)
    shown = [metric for metric in METRICS if (table["metric"] == metric).any()]
    areas = {metrics.AREA_OF[metrics.CURVE_OF[metric]] for metric in shown if metric in metrics.CURVE_OF}
    table = table[table["metric"].isin({*shown, *areas})]
    flags = read_attributes(experiment, benchmark)
    names = list(flags.index)
    curves = [[read_curves(experiment, benchmark, row.run, seed) for seed in row.seeds] for row in rows]
    board = scoreboard(table, experiment.evaluation)
    subsets = [_subset("", names, flags, table, experiment, rows, shown, curves, board)]
    occurring = [name for name in flags.columns if flags[name].any()]
    subsets += [_subset(name, names, flags, table, experiment, rows, shown, curves, None) for name in occurring]
    return {
        "metrics": shown,
        "sequences": names,
        "attributes": occurring,
        "meanings": {name: ATTRIBUTE_NAMES.get(name, name) for name in occurring},
        "flags": [[i for i, name in enumerate(occurring) if flags.loc[sequence, name]] for sequence in names],
        "values": packing.shares(_values(table, rows, shown, names)),
        "subsets": subsets,
        "seed_curves": {
            kind: packing.shares(np.stack([_mean_curve(one, kind, ...) for each in curves for one in each]))
            for kind in CURVES
        },
        "pairs": _pairs(board, rows, [metric for metric in shown if metric in ("SR", "PR", "NPR")]),
        "costs": _costs(experiment, benchmark, rows),
    }


def _subset(
    attribute: str,
    names: list[str],
    flags: pd.DataFrame,
    table: pd.DataFrame,
    experiment: Experiment,
    rows: list[Row],
    shown: list[str],
    curves: list[list[Curves]],
    board: Scoreboard | None,
) -> dict[str, Any]:
    """Scores and mean curves over all sequences, or over those that carry an attribute."""
    chosen = flags[attribute].to_numpy() if attribute else np.ones(len(names), bool)
    part = table[table["sequence"].isin([name for name, use in zip(names, chosen, strict=True) if use])]
    board = board or scoreboard(part, experiment.evaluation)
    intervals = {metric: [board.interval(row.run, metric) for row in rows] for metric in shown}
    means = {
        kind: np.stack([np.mean([_mean_curve(one, kind, chosen) for one in each], axis=0) for each in curves])
        for kind in CURVES
    }
    return {
        "attribute": attribute,
        "count": int(chosen.sum()),
        "points": {metric: [_plain(board.point(row.run, metric)) for row in rows] for metric in shown},
        "low": {metric: [_plain(low) for low, _ in found] for metric, found in intervals.items()},
        "high": {metric: [_plain(high) for _, high in found] for metric, found in intervals.items()},
        "seeds": _per_seed(part, experiment, rows, shown),
        "curves": {kind: packing.shares(mean) for kind, mean in means.items()},
    }


def _per_seed(table: pd.DataFrame, experiment: Experiment, rows: list[Row], shown: list[str]) -> dict[str, list]:
    """The official score of every seed: the same mean over sequences, with each seed as a run of its own."""
    single = experiment.evaluation.model_copy(update={"resamples": 1})
    apart = table.assign(run=table["run"] + "/" + table["seed"].astype(str), seed=0)
    board = scoreboard(apart, single)
    return {
        metric: [_plain(board.point(f"{row.run}/{seed}", metric)) for row in rows for seed in row.seeds]
        for metric in shown
    }


def _values(table: pd.DataFrame, rows: list[Row], shown: list[str], names: list[str]) -> np.ndarray:
    """(M, C, S) scores of single sequences."""
    wide = table.pivot(index=["metric", "run", "seed"], columns="sequence", values="value")
    wanted = [(metric, row.run, seed) for metric in shown for row in rows for seed in row.seeds]
    return wide.reindex(index=pd.MultiIndex.from_tuples(wanted), columns=names).to_numpy(dtype=np.float64)


def _mean_curve(curves: Curves, kind: str, chosen: Any) -> np.ndarray:
    """(K,) mean over the chosen sequences whose curve is not all zero, as the official toolkits draw it.

    NaN for a tracker that could not be scored, which has no sequences.
    """
    curve = getattr(curves, kind)
    if not len(curve):
        return np.full(curve.shape[-1], np.nan)
    values = curve[chosen]
    kept = values.any(axis=-1)
    return values[kept].mean(axis=0) if kept.any() else np.zeros(values.shape[-1])


def _pairs(board: Scoreboard, rows: list[Row], shown: list[str]) -> dict[str, list]:
    """Metric -> for every pair of rows i < j, in that order, row i minus row j: value, low, high, p.

    No p of a row that was trained once.
    """
    return {
        metric: [
            [
                None if name == "p" and not all(comparable((one, other))) else _plain(value)
                for name, value in zip(
                    ("value", "low", "high", "p"), board.difference(one.run, other.run, metric), strict=True
                )
            ]
            for one, other in itertools.combinations(rows, 2)
        ]
        for metric in shown
    }


def _costs(experiment: Experiment, benchmark: str, rows: list[Row]) -> dict[str, list]:
    """Speed, size and operations of the networks, means over seeds; unknown of all other rows."""
    names = ("fps", "parameters", "macs")
    if not experiment.runs or not profile_file(experiment, benchmark).is_file():
        return {name: [None] * len(rows) for name in names}
    profile = read_profile(experiment, benchmark)
    return {
        name: [_plain(profile.loc[row.run].loc[list(row.seeds), name].mean()) if row.trained else None for row in rows]
        for name in names
    }


def _plain(value: float) -> float | None:
    """A number of JSON, which has no NaN."""
    return None if math.isnan(value) else round(float(value), _ROUNDED)
