"""The scores of some trackers on disk; each file appears whole or not at all.

``per_sequence.csv``: ``tracker,sequence,frames``, `SCORES`; ``one_shot_iou`` where a tracker has one.
``overall.csv``: ``tracker,sequences``, the columns of `had.evaluation.overall`, ``BOC`` where baselines are given.
``per_attribute.csv``: ``tracker,attribute,sequences`` and the same columns; no row where none are known.
``curves.npz``: a row for each row of ``per_sequence.csv``: ``trackers``, ``sequences``, ``frames`` (-1: unknown),
``overlap`` (N, 21), ``error`` (N, 51), ``error_norm`` (N, 51), ``attribute_flags`` (N, A); and ``attributes`` (A,).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from had.data.annotation_layouts import AnnotationLayout
from had.errors import DataError, counted, listed
from had.evaluation.baselines import Baselines
from had.evaluation.metrics import ERROR_THRESHOLDS, NORM_THRESHOLDS, OVERLAP_THRESHOLDS, Curves, scores
from had.evaluation.overall import COLUMNS, by_attribute, summary
from had.evaluation.result_tables import write_table
from had.files import atomic_file

log = logging.getLogger(__name__)

FILES = ("per_sequence.csv", "overall.csv", "per_attribute.csv", "curves.npz")
UNKNOWN = -1
"""The number of frames of stored curves."""


class Scored(NamedTuple):
    """One tracker on S sequences.

    Attributes:
        tracker: its name.
        sequences: (S,) names.
        frames: (S,) their lengths, `UNKNOWN` for stored curves.
        curves: with a leading axis S.
        attributes: (S,) abbreviation -> whether it applies, empty where none are known.
        one_shot: (S,) mean IoU of single search crops, NaN without.
    """

    tracker: str
    sequences: tuple[str, ...]
    frames: np.ndarray
    curves: Curves
    attributes: Sequence[dict[str, bool]]
    one_shot: np.ndarray


def without_scores(tracker: str) -> Scored:
    """A tracker that could not be scored: on no sequence."""
    kinds = (OVERLAP_THRESHOLDS, ERROR_THRESHOLDS, NORM_THRESHOLDS)
    nothing = Curves(*(np.zeros((0, len(thresholds))) for thresholds in kinds))
    return Scored(tracker, (), np.zeros(0, int), nothing, (), np.zeros(0))


def write_scores(
    scored: Sequence[Scored], *, layout: AnnotationLayout, output: Path, baselines: Baselines | None = None
) -> None:
    """Write the four files of some trackers, in their order; see the head of this file."""
    rows: list[dict[str, object]] = []
    parts: list[dict[str, object]] = []
    tables: list[pd.DataFrame] = []
    flags: list[np.ndarray] = []
    for one in scored:
        begin = {"tracker": one.tracker, "sequences": len(one.sequences)}
        numbers = summary(one.curves)
        told = (one.tracker, counted(len(one.sequences)), numbers["SR"], numbers["PR"], numbers["NPR"])
        if one.sequences:
            log.info("%s, %s: SR (mean of the curve) %.4f, PR (at 20 px) %.4f, NPR (at 0.2) %.4f", *told)
        rows.append({**begin, **numbers, **_breakout(one, baselines)})
        flags.append(_flags(one, layout))
        found = by_attribute(one.curves, flags[-1], layout.attributes)
        parts += [{"tracker": one.tracker, "attribute": name, **part} for name, part in found.items()]
        names = {"tracker": one.tracker, "sequence": one.sequences, "frames": one.frames}
        tables.append(pd.DataFrame({**names, **scores(one.curves), "one_shot_iou": one.one_shot}))
    _say_unknown(scored)
    table = pd.concat(tables)
    table["frames"] = table["frames"].astype("Int64").where(table["frames"] != UNKNOWN)
    if table["one_shot_iou"].isna().all():
        del table["one_shot_iou"]
    joined = Curves(*(np.concatenate(curve) for curve in zip(*(one.curves for one in scored), strict=True)))
    with atomic_file(output / "curves.npz") as path:
        np.savez(
            path,
            trackers=np.repeat([one.tracker for one in scored], [len(one.sequences) for one in scored]),
            sequences=np.array([name for one in scored for name in one.sequences], dtype=np.str_),
            frames=np.concatenate([one.frames for one in scored]),
            **joined._asdict(),
            attributes=np.array(layout.attributes, dtype=np.str_),
            attribute_flags=np.concatenate(flags),
        )
    for name, content in (
        ("per_attribute.csv", pd.DataFrame(parts, columns=["tracker", "attribute", "sequences", *COLUMNS])),
        ("overall.csv", pd.DataFrame(rows)),
        ("per_sequence.csv", table),
    ):
        write_table(content, output / name)


def _flags(one: Scored, layout: AnnotationLayout) -> np.ndarray:
    """(S, A) bool; a sequence of which no attributes are published has none."""
    flags = [[own.get(name, False) for name in layout.attributes] for own in one.attributes]
    return np.array(flags, dtype=bool).reshape(len(one.sequences), len(layout.attributes))


def _say_unknown(scored: Sequence[Scored]) -> None:
    """One warning for all trackers where the attributes of some of the sequences are known, and of others not."""
    known = {name: bool(own) for one in scored for name, own in zip(one.sequences, one.attributes, strict=True)}
    unknown = [name for name, there in known.items() if not there]
    if unknown and len(unknown) < len(known):
        log.warning("no attributes of %s: %s", counted(len(unknown)), listed(unknown))


def _breakout(one: Scored, baselines: Baselines | None) -> dict[str, float]:
    if baselines is None:
        return {}
    if not one.sequences:
        return {"BOC": float("nan")}
    try:
        return {"BOC": baselines.breakout(one.sequences, scores(one.curves)["SR"])}
    except DataError as error:
        log.warning("%s has no BOC: %s", one.tracker, error)
        return {"BOC": float("nan")}
