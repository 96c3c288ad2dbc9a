"""MLflow: one run a network, found again, with no step twice."""

from pathlib import Path

import pytest
from toy_experiment import experiment

from had.config import run_digest
from had.errors import ConfigError
from had.experiment import create_database, flatten, git_commit, log_evaluation, log_products, open_run, tracking_uri

IDENTITY = {"benchmark": "coesot", "run": "student", "seed": 3}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """One database for all tests here, because making one takes seconds; each test has its own seed."""
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        create_database(folder)
        yield folder


def runs(results, seed):
    from mlflow import MlflowClient

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


def test_environment_overrides_the_database(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://example.org:5000")
    assert tracking_uri(tmp_path) == "http://example.org:5000"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert tracking_uri(tmp_path) == f"sqlite:///{tmp_path.resolve()}/mlflow.db"


def test_flatten():
    assert flatten({"a": {"b": 1, "c": {"d": (2,)}}, "e": {}}) == {"a.b": 1, "a.c.d": (2,), "e": {}}


def test_importing_does_not_import_mlflow():
    import subprocess
    import sys

    code = "import sys, had.experiment; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
