"""Boxes of one sequence -> its success, precision and normalised precision curves -> scores.

Numerically the evaluators of the COESOT, EventVOT and VisEvent toolkits (they descend from LaSOT's,
Fan et al., CVPR 2019), to the last bit; order of operations matters and follows theirs. Boxes are
``x, y, w, h`` in pixels with the inclusive convention: a box covers the pixels x .. x + w - 1.
Every function is pure: nothing is read, nothing changed in place.

Axes: F frames, S sequences, K thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from had.errors import DataError

OVERLAP_THRESHOLDS = np.arange(21) * 0.05
"""IoU thresholds of the success curve; i * 0.05 and not i / 20, because ties are decided by the last bit."""
ERROR_THRESHOLDS = np.arange(51.0)
"""Centre-error thresholds of the precision curve, in pixels."""
NORM_THRESHOLDS = np.arange(51) / 100
"""Centre-error thresholds of the normalised precision curve, in ground-truth widths and heights."""

SCORES = ("SR", "PR", "NPR", "OP50", "OP75", "PR_auc", "NPR_auc")
"""Keys of `scores`, the headline numbers first."""
CURVE_OF = {
    "SR": "overlap",
    "OP50": "overlap",
    "OP75": "overlap",
    "PR": "error",
    "PR_auc": "error",
    "NPR": "error_norm",
    "NPR_auc": "error_norm",
}
"""Which curve of `Curves` a score is read from."""
AREA_OF = {"overlap": "SR", "error": "PR_auc", "error_norm": "NPR_auc"}
"""The score that is a curve's mean; it is zero exactly where the whole curve is."""


class Curves(NamedTuple):
    """The three curves of one sequence, or of S sequences with a leading axis; shares of frames in [0, 1].

    Attributes:
        overlap: (..., 21) success curve over `OVERLAP_THRESHOLDS`.
        error: (..., 51) precision curve over `ERROR_THRESHOLDS`.
        error_norm: (..., 51) normalised precision curve over `NORM_THRESHOLDS`.
    """

    overlap: np.ndarray
    error: np.ndarray
    error_norm: np.ndarray


def repaired(track: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The track as the official evaluators see it.

    From row 2 on, a row with NaN, w <= 0 or h <= 0 becomes the previous row (after its own
    replacement); then row 1 becomes the ground truth's. Rows beyond the ground truth are cut.

    Args:
        track: (>= F, 4) ``xywh`` in pixels.
        boxes: (F, 4) ground truth.

    Returns:
        (F, 4), a new array.

    Raises:
        DataError: the track has fewer rows than the ground truth.
    """
    frames = len(boxes)
    if len(track) < frames:
        raise DataError(f"a track of {frames} boxes", f"{len(track)}", "track the whole sequence")
    track = np.asarray(track, dtype=np.float64)[:frames]
    x, y, w, h = track.T
    bad = np.isnan(x) | np.isnan(y) | ~((w > 0) & (h > 0))
    source = np.maximum.accumulate(np.where(bad, 0, np.arange(frames)))  # a bad first row stays
    result = track[source]
    result[:1] = boxes[:1]
    return result


def overlaps(track: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """IoU of every frame, (F, 4) x (F, 4) -> (F,); -1 where a ground-truth value is not positive.

    The +1 and -1 of the inclusive convention cancel in width and height; they are kept, because the
    last bit decides ties at the thresholds.
    """
    (x, y, w, h), (gx, gy, gw, gh) = track.T, boxes.T
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # of boxes beyond all bounds, which miss
        width = np.minimum(x + w - 1, gx + gw - 1) - np.maximum(x, gx) + 1
        height = np.minimum(y + h - 1, gy + gh - 1) - np.maximum(y, gy) + 1
        intersection = np.maximum(width, 0) * np.maximum(height, 0)
        iou = intersection / (w * h + gw * gh - intersection)
    return np.where(valid(boxes), iou, -1.0)


def centre_errors(track: np.ndarray, boxes: np.ndarray, *, normalized: bool = False) -> np.ndarray:
    """Distance of the centres of every frame, (F, 4) x (F, 4) -> (F,); -1 where a ground-truth value is not positive.

    Args:
        track, boxes: ``xywh`` in pixels.
        normalized: divide x by the ground truth's width and y by its height, each centre before the
            subtraction, as the official evaluators do.

    Returns:
        Pixels, or ground-truth sizes where ``normalized``. The -1 counts as a hit in both curves.
    """
    (x, y, w, h), (gx, gy, gw, gh) = track.T, boxes.T
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        centre, truth = (x + (w - 1) / 2, y + (h - 1) / 2), (gx + (gw - 1) / 2, gy + (gh - 1) / 2)
        if normalized:
            centre, truth = (centre[0] / gw, centre[1] / gh), (truth[0] / gw, truth[1] / gh)
        error = np.sqrt((centre[0] - truth[0]) ** 2 + (centre[1] - truth[1]) ** 2)
    return np.where(valid(boxes), error, -1.0)


def valid(boxes: np.ndarray) -> np.ndarray:
    """Ground-truth rows that are scored, (F, 4) -> (F,) bool: x, y, w and h all positive."""
    x, y, w, h = boxes.T
    return np.asarray((x > 0) & (y > 0) & (w > 0) & (h > 0))


def sequence_curves(track: np.ndarray, boxes: np.ndarray, present: np.ndarray) -> Curves:
    """The three curves of one tracker on one sequence.

    Absent frames are taken out of the numerator; the divisor stays all F frames.

    Args:
        track: (>= F, 4) ``xywh`` in pixels, as read from the result file.
        boxes: (F, 4) ground truth.
        present: (F,) bool, False where the target is absent.

    Raises:
        DataError: too few rows in ``track``, no frames, or flags and boxes of different lengths.
    """
    return Curves(*(curve[0] for curve in stacked_curves([track], [boxes], [present])))


def stacked_curves(tracks: Sequence[np.ndarray], boxes: Sequence[np.ndarray], present: Sequence[np.ndarray]) -> Curves:
    """The curves of one tracker on S sequences, with a leading axis S: `sequence_curves`, all frames at once."""
    for truth, flags in zip(boxes, present, strict=True):
        if len(truth) == 0 or len(flags) != len(truth):
            got = f"{len(truth)} boxes, {len(flags)} flags"
            raise DataError("ground truth with one flag a box", got, "repair the annotation")
    frames = np.array([len(truth) for truth in boxes])
    there = np.concatenate(present).astype(bool)
    sequence = np.repeat(np.arange(len(frames)), frames)[there]
    truth = np.asfortranarray(np.concatenate(boxes), dtype=np.float64)  # columns lie in one piece
    track = np.asfortranarray(np.concatenate([repaired(*pair) for pair in zip(tracks, boxes, strict=True)]))
    iou = overlaps(track, truth)[there]
    hits = _reached(np.where(np.isnan(iou), -1.0, iou), OVERLAP_THRESHOLDS, sequence, len(frames))
    seen = np.bincount(sequence, minlength=len(frames))
    errors = (centre_errors(track, truth, normalized=normalized)[there] for normalized in (False, True))
    return Curves(
        (seen[:, None] - hits) / frames[:, None],
        *(
            _reached(error, thresholds, sequence, len(frames)) / frames[:, None]
            for error, thresholds in zip(errors, (ERROR_THRESHOLDS, NORM_THRESHOLDS), strict=True)
        ),
    )


def _reached(values: np.ndarray, thresholds: np.ndarray, sequence: np.ndarray, sequences: int) -> np.ndarray:
    """How many values of each sequence are at most each threshold, (N,) and sorted (K,) -> (S, K).

    The comparisons are those of ``values <= threshold``, but log K of them a value and not K; NaN is above all.
    """
    bins = len(thresholds) + 1
    first = np.searchsorted(thresholds, values)  # the first threshold that is not below the value
    counts = np.bincount(sequence * bins + first, minlength=sequences * bins).reshape(sequences, bins)
    return counts[:, :-1].cumsum(axis=1)


def scores(curves: Curves) -> dict[str, np.ndarray]:
    """The numbers read off the curves, shares in [0, 1], each of shape (...).

    ``SR`` is the mean of the 21 values of the success curve (a perfect track reaches 20/21 of the frames that
    show the target, and more where rounding lifts an overlap above 1), ``PR`` the precision at 20 px, ``NPR`` the
    normalised precision at 0.2. The other readings of the same names: ``OP50``, ``OP75`` (success at IoU 0.5
    and 0.75), ``PR_auc``, ``NPR_auc`` (curve means).
    """
    return {
        "SR": curves.overlap.mean(axis=-1),
        "PR": curves.error[..., 20],
        "NPR": curves.error_norm[..., 20],
        "OP50": curves.overlap[..., 10],
        "OP75": curves.overlap[..., 15],
        "PR_auc": curves.error.mean(axis=-1),
        "NPR_auc": curves.error_norm.mean(axis=-1),
    }


def kept(curves: Curves) -> dict[str, np.ndarray]:
    """Curve name -> (S,) bool: the sequences that the official mean keeps, those whose curve is not all zero."""
    return {name: curve.any(axis=-1) for name, curve in curves._asdict().items()}


def overall(curves: Curves, *, drop: bool = True) -> dict[str, float]:
    """Scores over S sequences.

    Args:
        curves: with a leading axis S.
        drop: leave out, curve by curve, the sequences whose curve is all zero, as the official
            toolkits do; else the mean over all.

    Returns:
        The keys of `scores`; NaN where no sequence is left.
    """
    keep = kept(curves)
    result = {}
    for name, values in scores(curves).items():
        chosen = values[keep[CURVE_OF[name]]] if drop else values
        result[name] = float(chosen.mean()) if chosen.size else float("nan")
    return result


def breakout(sr: np.ndarray, baselines: np.ndarray) -> float:
    """Breakout capability: mean over all sequences of SR x (1 - mean SR of the baseline trackers).

    Args:
        sr: (S,) success AUC of the tracker; no sequence is dropped.
        baselines: (B, S) success AUC of the baselines on the same sequences.

    Returns:
        BOC in [0, 1] (Tang et al., arXiv 2211.11010).
    """
    if baselines.shape[1:] != sr.shape:
        raise DataError(f"baselines on {sr.size} sequences", f"{baselines.shape[1:]}", "use the same sequences")
    return float(np.mean(sr * (1 - baselines.mean(axis=0))))
