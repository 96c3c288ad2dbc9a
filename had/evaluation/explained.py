"""What `had explain` leaves, read back: which runs and sequences, and the arrays of a sequence. Light: numpy only."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from had.evaluation.stored_arrays import read_arrays
from had.files import read_json
from had.options.experiment import Experiment

USUAL_RUNS = ("student", "had")


def explained_runs(experiment: Experiment) -> list[str]:
    """The students that are held against the teacher; none where there is no `teacher` or no student."""
    students = [name for name, run in experiment.runs.items() if run.role == "student"]
    usual = [name for name in USUAL_RUNS if name in students] or students[:2]
    return list(experiment.explain.runs or usual) if "teacher" in experiment.runs else []


def explained_folder(experiment: Experiment, benchmark: str) -> Path:
    """Where the arrays of a benchmark's sequences are."""
    return experiment.results / "explain" / benchmark


def explained_sequences(experiment: Experiment, benchmark: str) -> list[str]:
    """Names of the sequences that were explained; none where nothing was."""
    return list(read_json(explained_folder(experiment, benchmark) / "index.json").get("sequences", []))


def read_explanation(experiment: Experiment, benchmark: str, sequence: str) -> dict[str, np.ndarray]:
    """The arrays of one sequence, by the names of `had.tracking.explain.KEYS`.

    Raises:
        DataError: not explained.
    """
    path = explained_folder(experiment, benchmark) / f"{sequence}.npz"
    return read_arrays(path, expected="the arrays of an explained sequence", remedy="run `had explain`")
