"""What may make a sequence hard, as numbers: the target's size and speed, and how many events there are.

Enters prepared sequences, leaves one line a sequence; `quartiles` cuts a column into four equally full bins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from had.data.sequences import Sequence

BINS = 4
FACTORS = {
    "size": "Target size, √(w h) in px",
    "speed": "Target speed, sizes a frame",
    "events": "Events a frame, thousands",
}
"""Columns of `factors`, and what they are."""


def factors(sequences: Mapping[str, Sequence], names: Iterable[str]) -> pd.DataFrame:
    """The factors of some sequences.

    Medians over the frames in which the target is present and its box has an area: ``size`` = sqrt(w h); ``speed`` =
    distance of the centres of two neighbouring frames over the mean of their sizes; ``events`` = 1e-3 x the mean
    number of events in a frame's slice. NaN where there is nothing to measure (no two such frames; no recording).

    Returns:
        Indexed by name, columns of `FACTORS`.
    """
    return pd.DataFrame([_of(sequences[name]) for name in names], index=list(names), columns=list(FACTORS))


def _of(sequence: Sequence) -> dict[str, float]:
    boxes = sequence.boxes
    seen = sequence.present & (boxes[:, 2:] > 0).all(axis=1)
    sizes = np.sqrt(np.prod(np.where(seen[:, None], boxes[:, 2:], np.nan), axis=1))
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    steps = np.linalg.norm(np.diff(centres, axis=0), axis=1) / ((sizes[1:] + sizes[:-1]) / 2)
    counts = sequence.event_counts
    return {
        "size": _median(sizes),
        "speed": _median(steps),
        "events": float("nan") if counts is None else float(np.mean(counts)) / 1000,
    }


def _median(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else float("nan")


def quartiles(values: pd.Series) -> list[tuple[str, list[str]]]:
    """Bins with a quarter of the known values each: (range as text, names of the sequences); empty bins are left out.

    Equal values are never parted, so that bins of many equal values may be fuller.
    """
    known = values.dropna().astype(float)
    if known.empty:
        return []
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)))
    places = np.clip(np.searchsorted(edges, known, side="right") - 1, 0, max(len(edges) - 2, 0))
    bins = []
    for place in range(max(len(edges) - 1, 1)):
        names = list(known.index[places == place])
        if names:
            low, high = (f"{end:.2g}" for end in (known[names].min(), known[names].max()))
            bins.append((low if low == high else f"{low}–{high}", names))
    return bins
