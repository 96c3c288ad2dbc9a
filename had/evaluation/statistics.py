"""How sure is a score: bootstrap over sequences, paired differences, correction for many comparisons.

A matrix of per-sequence values enters, resampled scores and what follows from them leave. All columns
(runs, seeds, metrics) of one call see the same resamples, so that differences of columns are paired.

Sources: percentile bootstrap, Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13;
step-down correction, Holm, Scandinavian Journal of Statistics 6, 1979.

Axes: S sequences, C columns, R resamples.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from had.errors import DataError

LEVEL = 0.95
"""Coverage of every interval."""
_CHUNK = 1000
"""Resamples drawn at once: bounds the memory to a few megabytes."""


def resampled_means(values: np.ndarray, kept: np.ndarray, *, resamples: int, seed: int) -> np.ndarray:
    """Means of the columns over sequences drawn with replacement.

    ``mean = sum_s n_s k_sc v_sc / sum_s n_s k_sc`` with multinomial counts n: the mean over the kept
    sequences, so that the official dropping of all-zero sequences is part of the uncertainty.

    Args:
        values: (S, C).
        kept: (S, C) bool, the sequences that count for a column.
        resamples: R.
        seed: of the draws.

    Returns:
        (R, C); 0 where a resample has no kept sequence, NaN where the column has none at all.

    Raises:
        DataError: no sequences, or shapes that differ.
    """
    if values.ndim != 2 or values.shape != kept.shape or not len(values):
        raise DataError("values and flags of some sequences", f"{values.shape}, {kept.shape}", "evaluate first")
    sequences = len(values)
    both = np.concatenate([np.where(kept, values, 0.0), kept], axis=1)  # S C, S C -> S 2C
    rng = np.random.default_rng(seed)
    sums = []
    for counts in _counts(rng, sequences, resamples):
        sums.append(counts @ both)  # R S, S 2C -> R 2C
    total, weight = np.split(np.concatenate(sums), 2, axis=1)
    means = total / np.maximum(weight, 1)
    means[:, ~kept.any(axis=0)] = np.nan
    return means


def _counts(rng: np.random.Generator, sequences: int, resamples: int) -> Iterator[np.ndarray]:
    """How often each sequence is drawn, chunk by chunk, (r, S) float64."""
    for first in range(0, resamples, _CHUNK):
        rows = min(_CHUNK, resamples - first)
        drawn = rng.integers(sequences, size=(rows, sequences)) + sequences * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * sequences).reshape(rows, sequences)
        yield counts.astype(np.float64)


def crossed_means(values: np.ndarray, *, resamples: int, seed: int) -> np.ndarray:
    """Means over sequences and training seeds, both drawn with replacement.

    ``mean = sum_sk n_s m_k v_sk / (S K)`` with multinomial counts n of the sequences and m of the seeds, as if both
    were samples of what could have been trained and tested on.

    Args:
        values: (S, K), NaN where a sequence has no value (left out in all seeds).
        resamples: R.
        seed: of the draws.

    Returns:
        (R,).
    """
    values = values[~np.isnan(values).any(axis=1)]
    S, K = values.shape
    rng = np.random.default_rng(seed)
    over_sequences = np.concatenate([counts @ values for counts in _counts(rng, S, resamples)]) / S  # R K
    return np.take_along_axis(over_sequences, rng.integers(K, size=(resamples, K)), axis=1).mean(axis=1)


def interval(samples: np.ndarray, drawn: int | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of resampled values at `LEVEL`.

    Args:
        samples: (R, ...).
        drawn: how many sequences (or seeds) were drawn from, one number or (...): one alone says nothing of a spread.

    Returns:
        low (...), high (...); NaN where fewer than two were drawn from.
    """
    low, high = np.quantile(samples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return np.where(np.asarray(drawn) > 1, low, np.nan), np.where(np.asarray(drawn) > 1, high, np.nan)


def places(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last place of each column in every resample, (R, C) -> (R, C), (R, C) int; 1 for the highest.

    They differ where columns are equal (but for rounding errors): those share all places from the first to the last.
    """
    samples = np.round(samples, 12)
    higher = np.stack([(samples > column[:, None]).sum(axis=1) for column in samples.T], axis=1)
    equal = np.stack([(samples == column[:, None]).sum(axis=1) for column in samples.T], axis=1)
    return 1 + higher, higher + equal


def place_shares(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """How often each column takes each place, (R, C), (R, C) as of `places` -> (C, C) columns x places.

    Where k columns share k places, each counts 1/k for every one of them: rows and columns sum to 1.
    """
    part = 1 / np.maximum(last - first + 1, 1)
    numbers = np.arange(1, first.shape[1] + 1)
    return np.stack([(part * ((first <= n) & (n <= last))).mean(axis=0) for n in numbers], axis=1)


def paired_p(differences: np.ndarray) -> np.ndarray:
    """Two-sided bootstrap p-value of "no difference", (R, ...) paired differences -> (...).

    ``p = min(1, 2 (1 + min(#{d <= 0}, #{d >= 0})) / (1 + R))``; NaN where the differences are.
    """
    count = np.minimum((differences <= 0).sum(axis=0), (differences >= 0).sum(axis=0))
    p = np.minimum(1.0, 2 * (1 + count) / (1 + len(differences)))
    return np.where(np.isnan(differences).any(axis=0), np.nan, p)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down correction of (M,) p-values; NaN entries are not comparisons and stay NaN.

    With the values in ascending order, ``q_i = max_{j <= i} min(1, (M - j) p_j)`` for j from 0.
    """
    p = np.asarray(p, dtype=np.float64)
    result = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    result[order] = np.minimum(1, np.maximum.accumulate(p[order] * (len(order) - np.arange(len(order)))))
    return result


def seed_spread(values: np.ndarray) -> float:
    """Standard deviation of one score over seeds, (K,) -> float; NaN for a single seed."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
