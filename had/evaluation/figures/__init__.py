"""Results -> the paper's figures, each as PDF and PNG; one file a family of figures, one style for all.

Every family has one function ``draw(experiment, benchmark, kind)`` that reads results and returns a
matplotlib figure. Nothing of matplotlib is imported before the first figure is drawn.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from had.data.layouts import canonical_name
from had.errors import ConfigError, nearest
from had.options import Experiment

_FAMILIES = {
    "success": "curves",
    "precision": "curves",
    "normalized_precision": "curves",
    "attributes": "attributes",
    "ablation": "ablation",
    "losses": "losses",
    "strips": "strips",
    "responses": "responses",
    "speed": "speed",
}
KINDS = tuple(_FAMILIES)
"""The figures there are."""


def write_figure(kind: str, *, experiment: Experiment, benchmark: str, stem: Path) -> None:
    """Draw one figure and write ``<stem>.pdf`` and ``<stem>.png``.

    Args:
        kind: one of `KINDS`.
        experiment: the configuration whose results are read.
        benchmark: any accepted name.
        stem: path without suffix.

    Raises:
        ConfigError: no such figure.
        DataError: the results that it shows are missing.
    """
    from had.evaluation import style

    if kind not in _FAMILIES:
        raise ConfigError(f"a figure among {', '.join(KINDS)}", repr(kind), nearest(kind, KINDS))
    family = import_module(f"{__name__}.{_FAMILIES[kind]}")
    with style.applied():
        style.save(family.draw(experiment, canonical_name(benchmark), kind), Path(stem))
