"""The long table of scores -> one score, interval and comparison for each run and metric.

The headline follows the official toolkits: sequences whose curve is all zero for that tracker are
dropped before the mean over sequences; the mean over all sequences is kept beside it. A run with several
seeds has the mean of its seeds' scores.

Axes: R resamples, M metrics, N runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from had.evaluation import statistics
from had.evaluation.benchmark import METRICS
from had.evaluation.metrics import AREA_OF, CURVE_OF
from had.options.evaluation import EvaluationOptions


@dataclass(frozen=True)
class Scoreboard:
    """Scores of N runs.

    Attributes:
        runs: (N,) ids, in the order of the table they were made from.
        seeds: (N,) number of seeds.
        sequences: number of sequences.
        metrics: (M,) names.
        points: (M, N) official scores; NaN where a run has none.
        everything: (M, N) the same over all sequences, none dropped.
        dropped: (M, N) sequences dropped, mean over the seeds.
        spread: (M, N) standard deviation over seeds; NaN for one seed.
        samples: (R, M, N) resampled scores; the same resamples for all.
    """

    runs: list[str]
    seeds: list[int]
    sequences: int
    metrics: list[str]
    points: np.ndarray
    everything: np.ndarray
    dropped: np.ndarray
    spread: np.ndarray
    samples: np.ndarray

    def point(self, run: str, metric: str) -> float:
        """The official score of one run; NaN where it has none."""
        if metric not in self.metrics or run not in self.runs:
            return math.nan
        return float(self.points[self.metrics.index(metric), self.runs.index(run)])

    def interval(self, run: str, metric: str) -> tuple[float, float]:
        """Bootstrap interval of `point`; NaN where there is no score, or one sequence alone."""
        low, high = statistics.interval(self._sampled(run, metric), self.sequences)
        return float(low), float(high)

    def difference(self, run: str, reference: str, metric: str) -> tuple[float, float, float, float]:
        """``run`` minus ``reference`` on the same sequences: value, low, high, uncorrected p.

        On one sequence alone there are neither an interval nor a p: NaN.
        """
        samples = self._sampled(run, metric) - self._sampled(reference, metric)
        low, high = statistics.interval(samples, self.sequences)
        value = self.point(run, metric) - self.point(reference, metric)
        p = float(statistics.paired_p(samples)) if self.sequences > 1 else math.nan
        return value, float(low), float(high), p

    def places(self, runs: list[str], metric: str) -> tuple[np.ndarray, np.ndarray]:
        """First and last place of each of ``runs`` among them in every resample, two (R, len(runs)); 1 is the best."""
        return statistics.places(np.stack([self._sampled(run, metric) for run in runs], axis=1))

    def _sampled(self, run: str, metric: str) -> np.ndarray:
        if metric not in self.metrics or run not in self.runs:
            return np.full(len(self.samples), np.nan)
        return self.samples[:, self.metrics.index(metric), self.runs.index(run)]


def scoreboard(table: pd.DataFrame, options: EvaluationOptions, sequences: list[str] | None = None) -> Scoreboard:
    """Score all runs of a long table.

    Args:
        table: from `had.evaluation.benchmark.gather`; all metrics or some, each with its curve's area.
        options: resamples and seed.
        sequences: only these; None: all.
    """
    if sequences is not None:
        table = table[table["sequence"].isin(sequences)]
    columns = list(table[["run", "seed"]].drop_duplicates().itertuples(index=False, name=None))
    metrics = [metric for metric in METRICS if (table["metric"] == metric).any()]
    wide = table.pivot(index="sequence", columns=["metric", "run", "seed"], values="value")
    wanted = pd.MultiIndex.from_tuples([(metric, *column) for metric in metrics for column in columns])
    values = wide.reindex(columns=wanted).to_numpy().reshape(len(wide), len(metrics), len(columns))  # S M C
    there = ~np.isnan(values)
    kept = np.stack([_kept(values, there, metrics, metric) for metric in metrics], axis=1)
    flat = (len(wide), -1)
    samples = statistics.resampled_means(
        values.reshape(flat), kept.reshape(flat), resamples=options.resamples, seed=options.seed
    ).reshape(-1, len(metrics), len(columns))
    official, everything = _mean(values, kept), _mean(values, there)
    runs = list(dict.fromkeys(run for run, _ in columns))
    groups = [[i for i, (run, _) in enumerate(columns) if run == name] for name in runs]

    def over_seeds(array: np.ndarray) -> np.ndarray:
        return np.stack([array[..., group].mean(axis=-1) for group in groups], axis=-1)

    return Scoreboard(
        runs=runs,
        seeds=[len(group) for group in groups],
        sequences=len(wide),
        metrics=metrics,
        points=over_seeds(official),
        everything=over_seeds(everything),
        dropped=over_seeds((there & ~kept).sum(axis=0)),
        spread=np.array([[statistics.seed_spread(row[group]) for group in groups] for row in official]),
        samples=over_seeds(samples),
    )


def _kept(values: np.ndarray, there: np.ndarray, metrics: list[str], metric: str) -> np.ndarray:
    """(S, C) bool: the curve behind the metric is not all zero (the one-shot IoU has no curve)."""
    if metric not in CURVE_OF:
        return there[:, metrics.index(metric)]
    area = metrics.index(AREA_OF[CURVE_OF[metric]])
    return there[:, metrics.index(metric)] & (values[:, area] > 0)


def _mean(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Mean over the chosen sequences, (S, M, C) -> (M, C); 0 where all are dropped, NaN where there are no values."""
    total = np.where(chosen, values, 0.0).sum(axis=0)
    mean = total / np.maximum(chosen.sum(axis=0), 1)
    return np.where(np.isnan(values).all(axis=0), np.nan, mean)
