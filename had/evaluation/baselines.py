"""Stored curves of published trackers -> their scores overall and by attribute, and the breakout capability.

The file is an ``.npz`` as made from the toolkits' ``aveSuccessRatePlot_*.mat``: ``trackers`` (B,), ``sequences`` (S,),
``overlap`` (B, S, 21), ``error`` (B, S, 51) and ``error_norm`` (B, S, 51), shares of frames; ``trackers_norm`` where
the normalised curves are of other trackers or in another order; and, as a check, ``thr_overlap``, ``thr_error`` and
``thr_norm``. Nothing else is read of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from had.errors import DataError
from had.evaluation import metrics
from had.evaluation.metrics import Curves
from had.evaluation.stored_arrays import read_arrays

_EXPECTED = "stored curves of trackers (an .npz with trackers, sequences, overlap, error and error_norm)"
_REMEDY = "give a file of that form"
_THRESHOLDS = {
    "thr_overlap": metrics.OVERLAP_THRESHOLDS,
    "thr_error": metrics.ERROR_THRESHOLDS,
    "thr_norm": metrics.NORM_THRESHOLDS,
}

ROUNDING = 1e-9
"""By which a curve may go the wrong way."""
_READ = ("trackers", "sequences", "trackers_norm", *Curves._fields, *_THRESHOLDS)


class Baselines(NamedTuple):
    """Curves of B trackers on S sequences.

    Attributes:
        trackers: (B,) names.
        sequences: (S,) names, in the order of the curves' second axis.
        curves: leading axes B, S; ``error_norm`` is NaN for a tracker that has no normalised curves.
    """

    trackers: tuple[str, ...]
    sequences: tuple[str, ...]
    curves: Curves

    def of(self, tracker: str) -> Curves:
        """The curves of one tracker, with a leading axis S (`DataError` for an unknown one)."""
        if tracker not in self.trackers:
            raise DataError(f"a tracker among {', '.join(self.trackers)}", repr(tracker), "correct that name")
        return Curves(*(curve[self.trackers.index(tracker)] for curve in self.curves))

    def on(self, sequences: Sequence[str]) -> Baselines:
        """The same trackers on these sequences, in this order.

        Raises:
            DataError: sequences for which there are no stored curves (the first is named).
        """
        place = {name: index for index, name in enumerate(self.sequences)}
        missing = [name for name in sequences if name not in place]
        if missing:
            expected = f"baseline curves of all {len(sequences)} sequences"
            remedy = "score the sequences of the published list only"
            raise DataError(expected, f"none of {len(missing)}, first {missing[0]}", remedy)
        chosen = [place[name] for name in sequences]
        return Baselines(self.trackers, tuple(sequences), Curves(*(curve[:, chosen] for curve in self.curves)))

    def breakout(self, sequences: Sequence[str], success: np.ndarray) -> float:
        """Breakout capability (BOC) of a tracker, by the names of its sequences: see `metrics.breakout`.

        Args:
            sequences: (S,) names of the scored sequences; no sequence is dropped.
            success: (S,) success AUC of the tracker on them.

        Raises:
            DataError: a sequence without stored curves.
        """
        return metrics.breakout(np.asarray(success), metrics.scores(self.on(sequences).curves)["SR"])


def read_baselines(path: Path | str) -> Baselines:
    """The stored curves of a file.

    Raises:
        DataError: no such file, another form, other thresholds than ours, a name twice, or a value that is no share.
    """
    path = Path(path)
    arrays = read_arrays(path, _READ, expected=_EXPECTED, remedy=_REMEDY)
    missing = sorted({"trackers", "sequences", *Curves._fields} - set(arrays))
    if missing:
        raise DataError(_EXPECTED, f"no {missing[0]!r} in {path}", _REMEDY)
    trackers, sequences = _names(arrays, "trackers", path), _names(arrays, "sequences", path)
    with_norm = _names(arrays, "trackers_norm", path) if "trackers_norm" in arrays else trackers
    for name, thresholds in _THRESHOLDS.items():
        if name in arrays and (
            arrays[name].dtype.kind not in "biuf"
            or arrays[name].shape != thresholds.shape
            or not np.allclose(arrays[name], thresholds, rtol=0, atol=1e-9)
        ):
            got = f"others in {name!r} of {path}"
            raise DataError("curves over the official thresholds", got, "store the curves of the official evaluator")
    curves = Curves(
        _shares(arrays, "overlap", trackers, len(sequences), path),
        _shares(arrays, "error", trackers, len(sequences), path),
        _shares(arrays, "error_norm", with_norm, len(sequences), path),
    )
    if with_norm != trackers:
        curves = curves._replace(error_norm=_reordered(curves.error_norm, with_norm, trackers))
    return Baselines(trackers, sequences, curves)


def _names(arrays: dict[str, np.ndarray], key: str, path: Path) -> tuple[str, ...]:
    names = tuple(str(name) for name in np.atleast_1d(arrays[key]).ravel())
    if not names or len(set(names)) != len(names):
        doubled = next((name for name in names if names.count(name) > 1), None)
        got = f"none in {path}" if doubled is None else f"{doubled!r} more than once in {path}"
        raise DataError(f"{key}, each once", got, "correct that file")
    return names


def _shares(
    arrays: dict[str, np.ndarray], key: str, trackers: tuple[str, ...], sequences: int, path: Path
) -> np.ndarray:
    """(B, S, K) shares in [0, 1]; those of ``overlap`` fall with the threshold, the others rise."""
    thresholds = {"overlap": 21}.get(key, 51)
    curve, wanted = arrays[key], (len(trackers), sequences, thresholds)
    if curve.shape != wanted:
        raise DataError(f"{key!r} of shape {wanted}", f"{curve.shape} in {path}", _REMEDY)
    if curve.dtype.kind not in "iuf":
        raise DataError(f"numbers as {key!r}", f"an array of type {curve.dtype} in {path}", "store fractions of 1")
    if not ((curve >= 0) & (curve <= 1)).all():
        remedy = "store fractions of 1, not percent or counts"
        raise DataError(f"shares of frames in {key!r}", f"values outside of 0 to 1 in {path}", remedy)
    curve = curve.astype(np.float64)
    falls = key == "overlap"
    wrong = ((-1 if falls else 1) * np.diff(curve) < -ROUNDING).any(axis=(1, 2))
    if wrong.any():
        ways = ("fall", "rises") if falls else ("rise", "falls")
        got = f"one of {trackers[int(np.argmax(wrong))]!r} that {ways[1]} in {path}"
        raise DataError(
            f"curves in {key!r} that {ways[0]} with the threshold", got, "store them from the smallest one up"
        )
    return curve


def _reordered(curve: np.ndarray, names: tuple[str, ...], wanted: tuple[str, ...]) -> np.ndarray:
    """The curves of ``wanted`` trackers; NaN for those that are not among ``names``."""
    result = np.full((len(wanted), *curve.shape[1:]), np.nan)
    for index, name in enumerate(wanted):
        if name in names:
            result[index] = curve[names.index(name)]
    return result
