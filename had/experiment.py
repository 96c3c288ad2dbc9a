"""What MLflow records: one experiment a benchmark, one flat run a network or control.

A run is found again by its name and configuration hash (`had.identity.run_digest`), so a step that is run twice does
not appear twice, and a resumed training logs only steps beyond those that are there. Parameters are the configuration
under which a run began, as MLflow never changes them; those that a killed job did not come to are added by the next.
The tags ``now.*`` and the artifact ``config.yaml`` are that of its last stage, which may have other options of tracking
and evaluation. The database is that of `had.run_database`: one that cannot be used ends a job before it trains, one
that is lost later does not end the training.
"""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from had.config import dump
from had.errors import DataError
from had.identity import run_digest
from had.options.experiment import Experiment
from had.run_database import check_database, client_of, one_sentence, sqlite_file, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)
PARAMETERS_A_CALL = 100
METRICS_A_CALL = 1000
LONGEST_VALUE = 500
LATER = ("tracking", "evaluation", "figures", "device", "results")
"""Parts of the configuration that may differ between a run's stages."""
ROWS = ("seeds", "controls", "keep_lessons")
"""Further ones that say what was run beside it."""


class TrackedRun:
    """One MLflow run.

    Args:
        client: of the database.
        uri: its address.
        run_id: MLflow's identifier.

    Attributes:
        last_step: the highest step that a curve already has, -1 for none.
        is_lost: whether the last call was not answered; the next one then looks first whether anybody is there.
    """

    def __init__(self, client: MlflowClient, uri: str, run_id: str):
        self.client, self.uri, self.id, self.is_lost = client, uri, run_id, False
        self.last_step = self._read_last_step()

    def log(self, metrics: dict[str, float], step: int) -> bool:
        """A point of each curve; curves' names begin with ``train/`` or ``val/``. Nothing, if the step is there.

        Returns:
            Whether the step is recorded; False where the database is lost.
        """
        if step <= self.last_step:
            return True
        was_lost = self.is_lost
        try:
            if was_lost:  # it may have taken what it did not answer
                self.last_step = self._read_last_step()
            if step > self.last_step:
                self._write(metrics, step)
        except DataError as error:
            if not was_lost:
                log.warning("MLflow is lost, the training goes on and tries again after each epoch: %s", error)
            return False
        self.last_step = max(step, self.last_step)
        return True

    def finish_metrics(self, metrics: dict[str, float]) -> None:
        """Final numbers (SR, PR, NPR, FPS, ...); one that is there with the same value is not repeated."""
        with self._asked():
            known = self.client.get_run(self.id).data.metrics
        self._write({key: value for key, value in metrics.items() if known.get(key) != float(value)}, 0)

    def artifact(self, path: Path | str, folder: str | None = None) -> None:
        """Store a file with the run; a later one of the same name replaces it."""
        with self._asked():
            self.client.log_artifact(self.id, str(path), artifact_path=folder)

    def end(self, status: str) -> None:
        """Say that the run is ``FINISHED``, ``FAILED`` or ``KILLED``."""
        with self._asked():
            self.client.set_terminated(self.id, status)

    def _read_last_step(self) -> int:
        with self._asked():
            curves = [key for key in self.client.get_run(self.id).data.metrics if key.startswith(("train/", "val/"))]
            histories = [self.client.get_metric_history(self.id, key) for key in curves]
        return max((metric.step for history in histories for metric in history), default=-1)

    def _write(self, metrics: dict[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        rows = [Metric(key, float(value), now, step) for key, value in metrics.items()]
        for first in range(0, len(rows), METRICS_A_CALL):
            with self._asked():
                self.client.log_batch(self.id, metrics=rows[first : first + METRICS_A_CALL])

    @contextmanager
    def _asked(self) -> Iterator[None]:
        if self.is_lost:
            check_database(self.uri)
        self.is_lost = True
        with one_sentence(self.uri):
            yield
        self.is_lost = False


@contextmanager
def open_run(experiment: Experiment, *, benchmark: str, run: str, seed: int, stage: str) -> Iterator[TrackedRun]:
    """The MLflow run ``<run>-seed<seed>`` of this configuration, found again or begun.

    Its status becomes FINISHED when the block ends, FAILED on an error, KILLED on an interrupt.

    Args:
        experiment: the whole configuration.
        benchmark, run, seed: what is done.
        stage: what happens now: ``train``, ``evaluate``, ``report``.

    Raises:
        DataError: the database cannot be used; after a training, that is only logged.
    """
    config_hash = run_digest(experiment, benchmark=benchmark, run=run, seed=seed)
    tags = {"stage": stage, "benchmark": benchmark, "run": run, "seed": str(seed), "config_hash": config_hash}
    tags |= {"git_commit": git_commit(), f"git_commit.{stage}": git_commit()}
    tags |= {f"now.{key}": str(value)[:LONGEST_VALUE] for key, value in flatten(_later(experiment)).items()}
    parameters = _values(experiment, benchmark, run, seed)
    uri, client = tracking_uri(experiment.results), client_of(experiment.results)
    with one_sentence(uri):
        run_id = _begin(client, _experiment_id(client, experiment.results, benchmark), f"{run}-seed{seed}", tags)
        _log_parameters(client, run_id, parameters)
        client.log_text(run_id, dump(experiment), "config.yaml")
    tracked = TrackedRun(client, uri, run_id)
    try:
        yield tracked
        status = "FINISHED"
    except BaseException as error:
        status = "FAILED" if isinstance(error, Exception) else "KILLED"
        raise
    finally:
        try:
            tracked.end(status)
        except DataError as error:
            if status == "FINISHED" and stage != "train":
                raise
            log.warning("MLflow is lost and keeps %s as RUNNING: %s", f"{run}-seed{seed}", error)


def _begin(client: MlflowClient, home: str, name: str, tags: dict[str, str]) -> str:
    """The identifier of the run of that name and configuration, which is now running, with these tags."""
    from mlflow.entities import RunTag

    query = f"attributes.run_name = '{name}' and tags.config_hash = '{tags['config_hash']}'"
    found = client.search_runs([home], query, max_results=1)
    if not found:
        return client.create_run(home, run_name=name, tags=tags).info.run_id
    run_id = found[0].info.run_id
    client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
    client.update_run(run_id, status="RUNNING")
    return run_id


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


def _log_parameters(client: MlflowClient, run_id: str, values: dict[str, Any]) -> None:
    """Those that the run does not have yet: all, or what a job that was killed did not come to."""
    from mlflow.entities import Param

    known = client.get_run(run_id).data.params
    rows = [Param(key, str(value)[:LONGEST_VALUE]) for key, value in values.items() if key not in known]
    for first in range(0, len(rows), PARAMETERS_A_CALL):
        client.log_batch(run_id, params=rows[first : first + PARAMETERS_A_CALL])


def _experiment_id(client: MlflowClient, results: Path, benchmark: str) -> str:
    """The benchmark's experiment: begun, or restored where it was deleted; two jobs at once get the same one."""
    from mlflow.exceptions import MlflowException

    known = client.get_experiment_by_name(benchmark)
    if known is not None and known.lifecycle_stage == "active":
        return known.experiment_id
    try:
        if known is not None:
            client.restore_experiment(known.experiment_id)
            log.warning("MLflow's experiment %s had been deleted: restored", benchmark)
            return known.experiment_id
        place = (Path(results).resolve() / "mlartifacts" / benchmark).as_uri()
        is_local = sqlite_file(tracking_uri(results)) is not None
        return client.create_experiment(benchmark, artifact_location=place if is_local else None)
    except MlflowException:
        known = client.get_experiment_by_name(benchmark)
        if known is None or known.lifecycle_stage != "active":
            raise
        return known.experiment_id
