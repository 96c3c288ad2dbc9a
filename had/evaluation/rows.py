"""The rows of an experiment, and where the results of each lie. Light: nothing is read but the names of files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from had.data.layouts import layout_of
from had.errors import ConfigError, DataError
from had.files import shown
from had.options.analysis import StartOptions
from had.options.experiment import Experiment

REFERENCE = "student"
"""The run that ablation rows are compared with."""
CONTROL_TITLES = {"static": "Static box", "mil": "MIL (OpenCV)", "ground_truth": "Ground truth"}


class Row(NamedTuple):
    """One row of the tables, one line of the plots.

    Attributes:
        run: the configuration's id.
        title: the name that readers see.
        kind: ``student``, ``teacher``, ``control`` or ``external``.
        seeds: trained once each; rows without training have seed 0 only.
        look: which colour, dashes and marker the row has, in every figure and film.
        regime: the circumstances it was trained under, as in `Experiment.regimes`; empty for the usual ones.
    """

    run: str
    title: str
    kind: str
    seeds: tuple[int, ...]
    look: int = 0
    regime: str = ""

    @property
    def reference(self) -> str:
        """The run that it is compared with: `REFERENCE`, in its own regime."""
        return in_regime(REFERENCE, self.regime)

    @property
    def trained(self) -> bool:
        """Whether it is a network of this experiment."""
        return self.kind in ("student", "teacher")


def in_regime(run: str, regime: str) -> str:
    """The id of a run's row in a regime."""
    return f"{run}_{regime}" if regime else run


def rows_of(experiment: Experiment) -> list[Row]:
    """All rows of an experiment: trained runs in the configuration's order, external trackers, controls.

    Without those that are left out (`had.evaluation.refused`); the others keep their looks.
    """
    rows = [
        Row(name, run.title, run.role, experiment.seeds_of(name), regime=run.regime)
        for name, run in experiment.runs.items()
    ]
    rows += [Row(name, name, "external", (0,)) for name in experiment.external]
    rows += [Row(name, CONTROL_TITLES[name], "control", (0,)) for name in experiment.controls]
    looks = [row._replace(look=look) for look, row in enumerate(rows)]
    return [row for row in looks if row.run not in experiment.left_out]


def shows_frames(experiment: Experiment) -> bool:
    """Whether test sequences are prepared, and frames can be shown: for networks and controls, which track on them.

    External trackers alone are scored on annotations alone.
    """
    return bool(experiment.runs or experiment.controls)


def compared_pairs(experiment: Experiment) -> list[tuple[str, Row, Row]]:
    """Regime, first and second row of the pairs to compare: the planned ones, in every regime; else `had`, `student`.

    What is no student has one row for all regimes; two such are compared once. A tracker that is left out is compared
    with nothing.
    """
    known = {row.run: row for row in rows_of(experiment)}
    planned = experiment.evaluation.comparisons
    pairs = planned or [pair for pair in [("had", REFERENCE)] if _comparable(experiment, *pair)]
    found = []
    for regime in ("", *(experiment.regimes if planned else ())):
        for pair in pairs:
            if not set(pair) <= set(known):
                continue
            first, second = (known.get(in_regime(run, regime), known[run]) for run in pair)
            students = [row for row in (first, second) if row.kind == "student"]
            if all(row.regime == regime for row in students) and (students or not regime):
                found.append((regime, first, second))
    return found


def _comparable(experiment: Experiment, first: str, second: str) -> bool:
    """Whether the experiment has both runs, with a training seed in common."""
    return {first, second} <= set(experiment.runs) and experiment.share_seeds(first, second)


def shared_seeds(first: Row, second: Row) -> list[int]:
    """The training seeds that both rows have (`DataError` where there is none); all of one beside an untrained row.

    Empty where neither is trained.
    """
    trained = [row for row in (first, second) if row.trained]
    if len(trained) < 2:
        return sorted(seed for row in trained for seed in row.seeds)
    seeds = sorted(set(first.seeds) & set(second.seeds))
    if not seeds:
        got = f"{first.run} with {first.seeds}, {second.run} with {second.seeds}"
        raise DataError("a training seed that both runs of a comparison have", got, "correct seeds or run_seeds")
    return seeds


def sensor_of(experiment: Experiment, benchmark: str) -> tuple[int, int]:
    """(width, height) in pixels of the benchmark's sensor, the simulated one where it is simulated."""
    simulation = experiment.source(benchmark).simulation
    return layout_of(benchmark).sensor if simulation is None else (simulation.width, simulation.height)


def folder_of(experiment: Experiment, kind: str, benchmark: str, run: str, seed: int) -> Path:
    """``results/<kind>/<benchmark>/<run>/seed<k>``; ``kind`` is metrics, tracks or checkpoints."""
    return experiment.results / kind / benchmark / run / f"seed{seed}"


def tracks_folder(experiment: Experiment, benchmark: str, run: str, seed: int) -> Path:
    """Where a row's result files are, one a sequence; those of an external tracker stay where they are.

    Its folder may bear any name of the benchmark.
    """
    if run in experiment.external:
        home = experiment.external[run]
        names = (benchmark, *layout_of(benchmark).aliases)
        return next((home / name for name in names if (home / name).is_dir()), home / benchmark)
    return folder_of(experiment, "tracks", benchmark, run, seed)


def external_tracks(experiment: Experiment, benchmark: str, run: str) -> list[Path]:
    """The result files of an external tracker on one benchmark, by name.

    Raises:
        DataError: no folder, or none in it.
    """
    folder = tracks_folder(experiment, benchmark, run, 0)
    files = shown(folder, "*.txt")
    if not files:
        expected = f"result files {folder}/<sequence>.txt of the external tracker {run!r}"
        got = "a folder without any" if folder.is_dir() else "no such folder"
        raise DataError(expected, got, "put them there, or correct `external`")
    return files


def profile_file(experiment: Experiment, benchmark: str) -> Path:
    """What `had profile` measured of a benchmark's networks."""
    return experiment.results / "metrics" / benchmark / "profile.csv"


def starts_of(experiment: Experiment) -> StartOptions:
    """The jittered starts of a configuration.

    Raises:
        ConfigError: it has none.
    """
    if experiment.tracking.starts is None:
        raise ConfigError("jittered starts", "`tracking.starts: null`", "set it, e.g. to {} for the 12 starts of OTB")
    return experiment.tracking.starts


def started_rows(experiment: Experiment) -> list[Row]:
    """The rows that are tracked from jittered starts, in the order of `rows_of`."""
    chosen = starts_of(experiment).runs
    ours = [row for row in rows_of(experiment) if row.kind != "external" and row.run != "ground_truth"]
    return [row for row in ours if not chosen or row.run in chosen]


def starts_file(experiment: Experiment, benchmark: str, run: str, seed: int) -> Path:
    """A row's scores from all jittered starts."""
    return folder_of(experiment, "metrics", benchmark, run, seed) / "starts.csv"
