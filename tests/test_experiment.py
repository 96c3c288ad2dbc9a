"""MLflow: one run a network, found again, with no step twice, and whole whatever was killed or lost."""

import os
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from toy_experiment import experiment

from had.errors import ConfigError, DataError
from had.experiment import PARAMETERS_A_CALL, flatten, git_commit, log_evaluation, log_products, open_run
from had.identity import run_digest
from had.run_database import _client, client_of, tracking_uri

IDENTITY = {"benchmark": "coesot", "run": "student", "seed": 3}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """One database for all tests here, because making one takes seconds; each test has its own seed."""
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        client_of(folder)
        yield folder


def runs(results, seed):
    client = MlflowClient(tracking_uri=tracking_uri(results))
    home = client.get_experiment_by_name("coesot").experiment_id
    return client, client.search_runs([home], f"tags.seed = '{seed}'")


def test_run_has_name_tags_params_curves_and_configuration(results):
    options = experiment(results)
    with open_run(options, **IDENTITY, stage="train") as run:
        run.log({"train/total": 2.0, "val/iou": 0.1}, 10)
        run.log({"train/total": 1.0, "val/iou": 0.2}, 20)
    client, (found,) = runs(results, 3)
    assert found.info.run_name == "student-seed3"
    assert found.info.status == "FINISHED"
    wanted = {"stage": "train", "benchmark": "coesot", "run": "student", "seed": "3", "git_commit": git_commit()}
    wanted["config_hash"] = run_digest(options, **IDENTITY)
    assert wanted.items() <= found.data.tags.items()
    assert found.data.params["training.epochs"] == "2"
    assert found.data.params["benchmark.simulation.width"] == "96"
    history = client.get_metric_history(found.info.run_id, "train/total")
    assert [(metric.step, metric.value) for metric in history] == [(10, 2.0), (20, 1.0)]
    assert [file.path for file in client.list_artifacts(found.info.run_id)] == ["config.yaml"]
    assert (results / "mlartifacts/coesot").is_dir()


def test_second_time_reuses_the_run_and_repeats_no_step(results):
    identity = {**IDENTITY, "seed": 4}
    for steps in ((10, 20), (20, 30)):
        with open_run(experiment(results), **identity, stage="train") as run:
            for step in steps:
                run.log({"train/total": float(step)}, step)
    client, (found,) = runs(results, 4)
    history = client.get_metric_history(found.info.run_id, "train/total")
    assert [metric.step for metric in history] == [10, 20, 30]


def test_other_configuration_is_another_run(results):
    for options in (experiment(results), experiment(results, losses={"l1": 3.0})):
        with open_run(options, **{**IDENTITY, "seed": 5}, stage="train"):
            pass
    assert len(runs(results, 5)[1]) == 2


def test_what_a_run_does_not_depend_on_leaves_it_the_same_run_and_says_how_it_is_now(results, monkeypatch):
    identity = {**IDENTITY, "seed": 9}
    with open_run(experiment(results), **identity, stage="train") as run:
        run.log({"train/total": 1.0}, 10)
    changes = {
        "tracking": {"window_influence": 0.25},
        "distillation": {"weights": {"spatial": 3.0}},
        "benchmarks": {"coesot": {"simulation": {"test": {"sequences": 5, "frames": 9}}}},
    }
    monkeypatch.setattr("had.experiment.git_commit", lambda: "later")
    with open_run(experiment(results, **changes), **identity, stage="evaluate"):
        pass
    client, (found,) = runs(results, 9)
    assert found.data.tags["now.tracking.window_influence"] == "0.25"
    assert found.data.tags["git_commit"] == found.data.tags["git_commit.evaluate"] == "later"
    assert found.data.tags["git_commit.train"] != "later"
    stored = Path(client.download_artifacts(found.info.run_id, "config.yaml"))
    assert "window_influence: 0.25" in stored.read_text()
    assert found.data.params["tracking.window_influence"] == "1.0"


def test_params_name_the_other_rows(results):
    with open_run(experiment(results), **{**IDENTITY, "seed": 10}, stage="train"):
        pass
    (found,) = runs(results, 10)[1]
    wanted = {"runs": "['teacher', 'student', 'had']", "seeds": "[0]", "keep_lessons": "False", "seed": "10"}
    assert wanted.items() <= found.data.params.items()
    assert {"controls", "external", "benchmarks"} <= set(found.data.params)


def test_a_distilled_run_depends_on_the_weights_of_its_terms_and_on_its_teacher(tmp_path):
    identity = {"benchmark": "coesot", "run": "had", "seed": 0}
    before = run_digest(experiment(tmp_path), **identity)
    for section in ({"distillation": {"weights": {"spatial": 3.0}}}, {"training": {"teacher": {"epochs": 3}}}):
        assert run_digest(experiment(tmp_path, **section), **identity) != before
    for section in ({"distillation": {"weights": {"localization": 3.0}}}, {"training": {"student": {"workers": 2}}}):
        assert run_digest(experiment(tmp_path, **section), **identity) == before


@pytest.mark.parametrize(("error", "status"), [(RuntimeError, "FAILED"), (SystemExit, "KILLED")])
def test_status_tells_how_it_ended(results, error, status):
    seed = 6 if status == "FAILED" else 7
    with pytest.raises(error), open_run(experiment(results), **{**IDENTITY, "seed": seed}, stage="train"):
        raise error
    assert runs(results, seed)[1][0].info.status == status


def test_control_that_never_trained_gets_a_run_once(results, tmp_path):
    table = tmp_path / "per_sequence.csv"
    table.write_text("sequence,SR\n")
    for _ in range(2):
        scores = {"SR": 0.07, "PR": 0.1}
        log_evaluation(experiment(results), benchmark="coesot", run="static", seed=8, metrics=scores, artifacts=[table])
    client, (found,) = runs(results, 8)
    assert found.data.metrics == {"SR": 0.07, "PR": 0.1}
    assert len(client.get_metric_history(found.info.run_id, "SR")) == 1
    assert "per_sequence.csv" in {file.path for file in client.list_artifacts(found.info.run_id)}


def test_a_benchmark_that_is_not_configured_is_refused(results):
    unknown = {**IDENTITY, "benchmark": "eventvot"}
    with pytest.raises(ConfigError, match="'eventvot'"), open_run(experiment(results), **unknown, stage="train"):
        pass


def test_products_are_kept_by_folder(results, tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/main.csv").write_text("run,SR\n")
    log_products(experiment(results), benchmark="coesot", artifacts=[tmp_path / "tables/main.csv"])
    client, (found,) = runs(results, 0)
    assert found.info.run_name == "products-seed0"
    assert [file.path for file in client.list_artifacts(found.info.run_id, "tables")] == ["tables/main.csv"]


def forked(call):
    """Run a call in a process of its own that has MLflow loaded already; its exit status."""
    child = os.fork()
    if child == 0:
        try:
            SqlAlchemyStore._engine_map.clear()
            _client.cache_clear()
            call()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(monkeypatch, number):
    """End the process before the ``number``-th call of MLflow's client."""
    calls = []

    def counted(method):
        def call(*arguments, **named):
            calls.append(1)
            if len(calls) == number:
                os._exit(9)
            return method(*arguments, **named)

        return call

    for name in CALLS:
        monkeypatch.setattr(MlflowClient, name, counted(getattr(MlflowClient, name)))


CALLS = ("get_experiment_by_name", "search_runs", "create_run", "get_run", "log_batch", "log_text", "set_terminated")


def test_run_killed_at_any_call_of_mlflow_is_whole_after_the_next_job(results, monkeypatch):
    def record(seed):
        with open_run(experiment(results), **{**IDENTITY, "seed": seed}, stage="train") as run:
            run.log({"train/total": 2.0}, 10)

    def facts(seed):
        client, (found,) = runs(results, seed)
        tags = {key: value for key, value in found.data.tags.items() if key not in ("seed", "config_hash")}
        steps = [metric.step for metric in client.get_metric_history(found.info.run_id, "train/total")]
        files = [file.path for file in client.list_artifacts(found.info.run_id)]
        return {**found.data.params, "seed": ""}, tags.keys(), steps, files, found.info.status

    record(100)
    whole = facts(100)
    assert len(whole[0]) > PARAMETERS_A_CALL  # which takes several calls
    ends = []
    for number in range(1, 15):
        with monkeypatch.context() as patch:
            killed_at(patch, number)
            ends.append(forked(lambda seed=100 + number: record(seed)))
        record(100 + number)
        assert facts(100 + number) == whole, f"killed at call {number}"
        if ends[-1] == 0:
            break
    assert ends == [9] * (len(ends) - 1) + [0]
    assert len(ends) > 9


def test_deleted_experiment_is_restored(results):
    with open_run(experiment(results), **{**IDENTITY, "seed": 20}, stage="train"):
        pass
    client, _ = runs(results, 20)
    client.delete_experiment(client.get_experiment_by_name("coesot").experiment_id)
    with open_run(experiment(results), **{**IDENTITY, "seed": 21}, stage="train"):
        pass
    assert [len(runs(results, seed)[1]) for seed in (20, 21)] == [1, 1]


def test_database_that_is_lost_while_a_run_trains_does_not_end_it(results, monkeypatch, caplog):
    real = MlflowClient.log_batch

    def lost(*_, **__):
        raise MlflowException("nobody there\nand more")

    with open_run(experiment(results), **{**IDENTITY, "seed": 22}, stage="train") as run:
        monkeypatch.setattr(MlflowClient, "log_batch", lost)
        assert [run.log({"train/total": 1.0}, step) for step in (10, 20)] == [False, False]
        assert "nobody there" in caplog.text
        assert caplog.text.count("the training goes on") == 1
        monkeypatch.setattr(MlflowClient, "log_batch", real)
        assert [run.log({"train/total": 1.0}, step) for step in (10, 20)] == [True, True]
        monkeypatch.setattr(MlflowClient, "set_terminated", lost)
    client, (found,) = runs(results, 22)
    assert [metric.step for metric in client.get_metric_history(found.info.run_id, "train/total")] == [10, 20]
    assert found.info.status == "RUNNING"
    assert "keeps student-seed22 as RUNNING" in caplog.text


def test_scores_that_cannot_be_logged_are_one_sentence(results, monkeypatch, tmp_path):
    scores = {"benchmark": "coesot", "run": "static", "seed": 23, "metrics": {"SR": 0.5}}
    with pytest.raises(DataError, match=r"no_file\.csv"):
        log_evaluation(experiment(results), **scores, artifacts=[tmp_path / "no_file.csv"])

    def lost(*_, **__):
        raise MlflowException("nobody there")

    for name in ("set_terminated", "log_batch"):
        monkeypatch.setattr(MlflowClient, name, lost)
        with pytest.raises(DataError, match="nobody there"):
            log_evaluation(experiment(results), **scores, artifacts=[])


def test_error_of_the_training_is_not_hidden_by_one_of_mlflow(results, monkeypatch):
    def lost(*_, **__):
        raise MlflowException("nobody there")

    monkeypatch.setattr(MlflowClient, "set_terminated", lost)
    with pytest.raises(OSError, match="disk"), open_run(experiment(results), **IDENTITY, stage="train"):
        raise OSError("disk")


def test_flatten():
    assert flatten({"a": {"b": 1, "c": {"d": (2,)}}, "e": {}}) == {"a.b": 1, "a.c.d": (2,), "e": {}}


def test_importing_does_not_import_mlflow():
    import subprocess
    import sys

    code = "import sys, had.experiment; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
