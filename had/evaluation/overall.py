"""Per-sequence curves -> one row of numbers over all sequences, or over those with an attribute.

Both readings of everything that toolkits and papers read differently stand beside each other: area and value at the
threshold, mean without the all-zero sequences (as the official toolkits) and over all.
"""

from __future__ import annotations

import numpy as np

from had.evaluation.metrics import AREA_OF, CURVE_OF, SCORES, Curves, kept, overall, scores

KEPT = {"overlap": "SR_kept", "error": "PR_kept", "error_norm": "NPR_kept"}
"""The column that says how many sequences the official mean of a curve's scores keeps."""
COLUMNS = (*SCORES, *(f"{name}_all" for name in SCORES), *KEPT.values())
"""Keys of `summary`."""


def summary(curves: Curves) -> dict[str, float]:
    """All readings over S sequences.

    Args:
        curves: with a leading axis S.

    Returns:
        The keys of `COLUMNS`: scores as fractions of 1, of which those without suffix leave out the sequences whose
        curve is all zero and those with ``_all`` leave out none; and how many were kept, curve by curve. NaN where
        there is no sequence or no curve; 0 where all are left out.
    """
    keep, areas = kept(curves), {curve: scores(curves)[area] for curve, area in AREA_OF.items()}
    official, everything = overall(curves), overall(curves, drop=False)
    failed = {curve for curve, kept_ones in keep.items() if kept_ones.size and not kept_ones.any()}
    result = {name: 0.0 if CURVE_OF[name] in failed else value for name, value in official.items()}
    result |= {f"{name}_all": value for name, value in everything.items()}
    return result | {column: int((keep[curve] & ~np.isnan(areas[curve])).sum()) for curve, column in KEPT.items()}


def by_attribute(curves: Curves, flags: np.ndarray, attributes: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """The same for the sequences of each attribute that occurs: attribute -> ``sequences`` and the keys of `COLUMNS`.

    Args:
        curves: with a leading axis S.
        flags: (S, A) bool.
        attributes: (A,) abbreviations.
    """
    return {
        name: {"sequences": int(chosen.sum()), **summary(Curves(*(curve[chosen] for curve in curves)))}
        for name, chosen in zip(attributes, flags.T, strict=True)
        if chosen.any()
    }
