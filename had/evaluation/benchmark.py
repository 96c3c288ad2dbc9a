"""Tracks and annotations of one run -> its scores on disk; the scores of all runs -> one long table.

`evaluate_run` writes ``per_sequence.csv`` (``tracker,sequence,frames,SR,PR,NPR``, then the other
readings and the one-shot IoU) and ``curves.npz`` (``sequences``, ``frames``, ``overlap`` (S, 21),
``error`` (S, 51), ``error_norm`` (S, 51), ``attributes`` (A,), ``attribute_flags`` (S, A)).
`gather` reads them back: benchmark, run, seed, sequence, metric, value.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from had.data.layouts import Layout
from had.errors import DataError
from had.evaluation.metrics import SCORES, Curves, scores, sequence_curves
from had.evaluation.rows import folder_of, profile_file, rows_of
from had.evaluation.track_files import read_boxes
from had.files import atomic_file
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from had.data.sequences import Annotation

METRICS = (*SCORES, "one_shot_iou")
"""Columns of scores in ``per_sequence.csv``."""


def evaluate_run(
    *,
    layout: Layout,
    annotations: list[Annotation],
    tracks: Path,
    tracker: str,
    output: Path,
) -> None:
    """Score one run's tracks on every annotated sequence.

    Args:
        layout: the benchmark; names the attributes.
        annotations: ground truth, one a sequence.
        tracks: folder with ``<sequence>.txt`` and, where the tracker has some, the IoUs of single search
            crops: ``one_shot.csv`` with columns ``sequence`` and ``iou``, a row a crop.
        tracker: the name in the table's first column.
        output: folder for ``per_sequence.csv`` and ``curves.npz``; each appears whole or not at all.

    Raises:
        DataError: no annotations, a sequence twice, a missing, short or broken track, or a one-shot
            table that does not cover the sequences.
    """
    names = [annotation.name for annotation in annotations]
    if not names or len(set(names)) != len(names):
        raise DataError("annotated sequences, each once", f"{len(names)} names", "check the split's list")
    curves = _stacked(
        [
            sequence_curves(
                read_boxes(tracks / f"{annotation.name}.txt", frames=len(annotation.boxes)),
                annotation.boxes,
                annotation.present,
            )
            for annotation in annotations
        ]
    )
    frames = np.array([len(annotation.boxes) for annotation in annotations])
    table = pd.DataFrame({"tracker": tracker, "sequence": names, "frames": frames, **scores(curves)})
    table["one_shot_iou"] = _one_shot(tracks / "one_shot.csv", names)
    flags = [[annotation.attributes.get(name, False) for name in layout.attributes] for annotation in annotations]
    with atomic_file(output / "curves.npz") as path:
        np.savez(
            path,
            sequences=np.array(names),
            frames=frames,
            **curves._asdict(),
            attributes=np.array(layout.attributes, dtype=np.str_),
            attribute_flags=np.array(flags, dtype=bool).reshape(len(names), len(layout.attributes)),
        )
    with atomic_file(output / "per_sequence.csv") as path:
        table.to_csv(path, index=False)


def _stacked(curves: list[Curves]) -> Curves:
    return Curves(*(np.stack(one) for one in zip(*curves, strict=True)))


def _one_shot(path: Path, names: list[str]) -> np.ndarray:
    """Mean IoU of each sequence's single crops, in the order of ``names``; NaN without a table or rows."""
    if not path.is_file():
        return np.full(len(names), np.nan)
    try:
        table = pd.read_csv(path, dtype={"sequence": str})
        means = table.groupby("sequence")["iou"].mean()
    except (OSError, KeyError, pd.errors.ParserError, pd.errors.EmptyDataError):
        got = f"none of that kind in {path}"
        raise DataError("a table with columns sequence and iou", got, "track the split again") from None
    if means.empty:
        return np.full(len(names), np.nan)
    missing = set(names) - set(means.index)
    if missing:
        got = f"{path} without {sorted(missing)[0]}"
        raise DataError(f"one-shot IoUs of {len(names)} sequences", got, "track the split again")
    return means[names].to_numpy()


def gather(experiment: Experiment, benchmark: str) -> pd.DataFrame:
    """The scores of all runs as one long table.

    Returns:
        Columns benchmark, run, seed, sequence, metric, value (shares in [0, 1]; the one-shot IoU only
        where a run has it); runs in the order of `rows_of`.

    Raises:
        DataError: a run was not evaluated, or on other sequences than the first one.
    """
    parts: list[tuple[Path, pd.DataFrame]] = []
    for row in rows_of(experiment):
        for seed in row.seeds:
            path = folder_of(experiment, "metrics", benchmark, row.run, seed) / "per_sequence.csv"
            if not path.is_file():
                raise DataError("the scores of every run", f"no file {path}", "evaluate that run first")
            table = pd.read_csv(path, dtype={"sequence": str})
            if parts and list(table["sequence"]) != list(parts[0][1]["sequence"]):
                got = f"others in {path} than in {parts[0][0]}"
                raise DataError("the same sequences in all runs", got, "evaluate both again")
            parts.append((path, table.assign(benchmark=benchmark, run=row.run, seed=seed)))
    wide = pd.concat([table for _, table in parts])
    keys = ["benchmark", "run", "seed", "sequence"]
    return wide.melt(id_vars=keys, value_vars=list(METRICS), var_name="metric").dropna(ignore_index=True)


def read_curves(experiment: Experiment, benchmark: str, run: str, seed: int) -> Curves:
    """Per-sequence curves of one run, with a leading axis S (`DataError` where it was not evaluated)."""
    with _open_curves(experiment, benchmark, run, seed) as stored:
        return Curves(*(stored[name] for name in Curves._fields))


def read_attributes(experiment: Experiment, benchmark: str) -> pd.DataFrame:
    """Attribute flags of the evaluated sequences: one row a sequence, one bool column an attribute."""
    first = rows_of(experiment)[0]
    with _open_curves(experiment, benchmark, first.run, first.seeds[0]) as stored:
        return pd.DataFrame(
            stored["attribute_flags"], index=list(stored["sequences"]), columns=list(stored["attributes"])
        )


def read_profile(experiment: Experiment, benchmark: str) -> pd.DataFrame:
    """What the networks cost, as `had profile` measured it: indexed by run and seed.

    Raises:
        DataError: not profiled, or not all networks of the experiment.
    """
    path = profile_file(experiment, benchmark)
    if not path.is_file():
        raise DataError("the cost of every network", f"no file {path}", "run `had profile` for the benchmark")
    table = pd.read_csv(path).set_index(["run", "seed"])
    for row in rows_of(experiment):
        for seed in row.seeds if row.trained else ():
            if (row.run, seed) not in table.index:
                got = f"{path} without {row.run!r}, seed {seed}"
                raise DataError("the cost of every network", got, "run `had profile` for the benchmark again")
    return table


def _open_curves(experiment: Experiment, benchmark: str, run: str, seed: int):
    path = folder_of(experiment, "metrics", benchmark, run, seed) / "curves.npz"
    if not path.is_file():
        raise DataError("the curves of every run", f"no file {path}", "evaluate that run first")
    return np.load(path, allow_pickle=False)
