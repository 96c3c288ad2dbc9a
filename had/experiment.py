"""The only file that talks to MLflow: one experiment a benchmark, one flat run a network or control.

A run is found again by its name and configuration hash (`had.config.run_digest`), so a step that is run twice does
not appear twice, and a resumed training logs only steps beyond those that are there. Parameters are the configuration
under which a run began, as MLflow never changes them; the tags ``now.*`` and the artifact ``config.yaml`` are that of
its last stage, which may have other options of tracking and evaluation. The database is SQLite under
``results/``, unless the environment variable MLFLOW_TRACKING_URI says otherwise.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from had.config import dump, run_digest
from had.files import make_folder
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from mlflow import MlflowClient

PARAMETERS_A_CALL = 100
METRICS_A_CALL = 1000
LONGEST_VALUE = 500
LATER = ("tracking", "evaluation", "figures", "device", "results")
"""Parts of the configuration that may differ between a run's stages."""
ROWS = ("seeds", "controls", "keep_lessons")
"""Further ones that say what was run beside it."""


def tracking_uri(results: Path | str) -> str:
    """Where runs are recorded: MLFLOW_TRACKING_URI, or SQLite in ``results/mlflow.db``."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path(results).resolve() / 'mlflow.db'}"


def create_database(results: Path | str) -> None:
    """Make the database before parallel jobs want it, because making it twice at once fails."""
    make_folder(results)
    _client(tracking_uri(results)).search_experiments(max_results=1)


class TrackedRun:
    """One MLflow run.

    Attributes:
        id: MLflow's identifier.
        last_step: the highest step that a curve already has, -1 for none.
    """

    def __init__(self, client: MlflowClient, run_id: str):
        self.client, self.id = client, run_id
        known = client.get_run(run_id).data.metrics
        histories = [client.get_metric_history(run_id, key) for key in known if key.startswith(("train/", "val/"))]
        self.last_step = max((metric.step for history in histories for metric in history), default=-1)

    def log(self, metrics: dict[str, float], step: int) -> None:
        """A point of each curve; curves' names begin with ``train/`` or ``val/``. Nothing, if the step is there."""
        if step <= self.last_step:
            return
        self._write(metrics, step)
        self.last_step = step

    def finish_metrics(self, metrics: dict[str, float]) -> None:
        """Final numbers (SR, PR, NPR, FPS, ...); one that is there with the same value is not repeated."""
        known = self.client.get_run(self.id).data.metrics
        self._write({key: value for key, value in metrics.items() if known.get(key) != float(value)}, 0)

    def artifact(self, path: Path | str, folder: str | None = None) -> None:
        """Store a file with the run; a later one of the same name replaces it."""
        self.client.log_artifact(self.id, str(path), artifact_path=folder)

    def _write(self, metrics: dict[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        rows = [Metric(key, float(value), now, step) for key, value in metrics.items()]
        for first in range(0, len(rows), METRICS_A_CALL):
            self.client.log_batch(self.id, metrics=rows[first : first + METRICS_A_CALL])


@contextmanager
def open_run(experiment: Experiment, *, benchmark: str, run: str, seed: int, stage: str) -> Iterator[TrackedRun]:
    """The MLflow run ``<run>-seed<seed>`` of this configuration, found again or begun.

    Its status becomes FINISHED when the block ends, FAILED on an error, KILLED on an interrupt.

    Args:
        experiment: the whole configuration.
        benchmark, run, seed: what is done.
        stage: what happens now: ``train``, ``evaluate``, ``report``.
    """
    client = _client(tracking_uri(experiment.results))
    name = f"{run}-seed{seed}"
    config_hash = run_digest(experiment, benchmark=benchmark, run=run, seed=seed)
    home = _experiment_id(client, experiment.results, benchmark)
    query = f"attributes.run_name = '{name}' and tags.config_hash = '{config_hash}'"
    found = client.search_runs([home], query, max_results=1)
    tags = {"stage": stage, "benchmark": benchmark, "run": run, "seed": str(seed), "config_hash": config_hash}
    tags |= {"git_commit": git_commit(), f"git_commit.{stage}": git_commit()}
    tags |= {f"now.{key}": str(value)[:LONGEST_VALUE] for key, value in flatten(_later(experiment)).items()}
    if found:
        run_id = found[0].info.run_id
        _set_tags(client, run_id, tags)
        client.update_run(run_id, status="RUNNING")
    else:
        run_id = client.create_run(home, run_name=name, tags=tags).info.run_id
        _log_parameters(client, run_id, _values(experiment, benchmark, run, seed))
    client.log_text(run_id, dump(experiment), "config.yaml")
    try:
        yield TrackedRun(client, run_id)
    except (KeyboardInterrupt, SystemExit):
        client.set_terminated(run_id, "KILLED")
        raise
    except Exception:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")


def log_evaluation(
    experiment: Experiment,
    *,
    benchmark: str,
    run: str,
    seed: int,
    metrics: dict[str, float],
    artifacts: list[Path],
) -> None:
    """Final scores and files of a network, or of a control that never trained (then its run is begun here)."""
    with open_run(experiment, benchmark=benchmark, run=run, seed=seed, stage="evaluate") as tracked:
        tracked.finish_metrics(metrics)
        for path in artifacts:
            tracked.artifact(path)


def log_products(experiment: Experiment, *, benchmark: str, artifacts: list[Path]) -> None:
    """Tables and figures of a benchmark, stored with a run named ``products-seed0`` in folders named like theirs."""
    with open_run(experiment, benchmark=benchmark, run="products", seed=0, stage="report") as tracked:
        for path in artifacts:
            tracked.artifact(path, folder=Path(path).parent.name)


def log_benchmark(experiment: Experiment, *, benchmark: str, scores: dict[tuple[str, int], dict[str, float]]) -> int:
    """All that is known of a benchmark in the end: scores of each (run, seed) with their file, tables and figures.

    Returns:
        The number of files of tables and figures.
    """
    for (run, seed), metrics in scores.items():
        files = [experiment.results / "metrics" / benchmark / run / f"seed{seed}" / "per_sequence.csv"]
        log_evaluation(experiment, benchmark=benchmark, run=run, seed=seed, metrics=metrics, artifacts=files)
    folders = (experiment.results / "tables", experiment.results / "figures")
    products = sorted(path for folder in folders for path in folder.glob(f"*_{benchmark}.*"))
    log_products(experiment, benchmark=benchmark, artifacts=products)
    return len(products)


@lru_cache
def git_commit() -> str:
    """The commit of this code with ``-dirty`` where files differ from it; ``unknown`` outside of a repository."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except FileNotFoundError:
        return "unknown"
    return answer.stdout.strip() or "unknown"


def flatten(values: dict, prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries -> dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _later(experiment: Experiment) -> dict[str, Any]:
    """Values that may differ between a run's stages."""
    return experiment.model_dump(mode="json", include=set(LATER))


def _values(experiment: Experiment, benchmark: str, run: str, seed: int) -> dict[str, Any]:
    """Every value of the configuration as it is for this run; of the other rows their names."""
    whole = experiment.model_dump(mode="json", include={*LATER, *ROWS})
    resolved = experiment.resolve(run).model_dump(mode="json") if run in experiment.runs else {"run": run}
    names = {"runs": list(experiment.runs), "external": list(experiment.external)}
    sources = {"benchmark": {"name": benchmark, **experiment.source(benchmark).model_dump(mode="json")}}
    return flatten({**resolved, **whole, **names, **sources, "benchmarks": list(experiment.benchmarks), "seed": seed})


def _set_tags(client: MlflowClient, run_id: str, tags: dict[str, str]) -> None:
    from mlflow.entities import RunTag

    client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])


def _log_parameters(client: MlflowClient, run_id: str, values: dict[str, Any]) -> None:
    from mlflow.entities import Param

    rows = [Param(key, str(value)[:LONGEST_VALUE]) for key, value in values.items()]
    for first in range(0, len(rows), PARAMETERS_A_CALL):
        client.log_batch(run_id, params=rows[first : first + PARAMETERS_A_CALL])


def _experiment_id(client: MlflowClient, results: Path, benchmark: str) -> str:
    """The benchmark's experiment; two jobs that make it at once end up with the same one."""
    from mlflow.exceptions import MlflowException

    known = client.get_experiment_by_name(benchmark)
    if known is None:
        place = (Path(results).resolve() / "mlartifacts" / benchmark).as_uri()
        local = tracking_uri(results).startswith("sqlite:")
        try:
            return client.create_experiment(benchmark, artifact_location=place if local else None)
        except MlflowException:
            known = client.get_experiment_by_name(benchmark)
            if known is None:
                raise
    return known.experiment_id


@lru_cache
def _client(uri: str) -> MlflowClient:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)
