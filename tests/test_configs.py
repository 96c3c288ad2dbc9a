"""Every shipped YAML loads, and the lists that must agree do."""

import csv
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from had.config import dump, load, schema
from had.data.layouts import LAYOUTS
from had.errors import ConfigError
from had.evaluation.products import KINDS
from had.identity import run_digest
from had.options.experiment import REPEATED

REPOSITORY = Path(__file__).resolve().parents[1]
CONFIGS = sorted((REPOSITORY / "config").glob("*.yaml"))
RUNS = sorted((REPOSITORY / "config" / "runs").glob("*.yaml"))
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configurations_load_and_survive_a_round_trip(path):
    experiment = load(path)
    assert set(experiment.benchmarks) == {"eventvot", "coesot"}
    assert load(yaml.safe_load(dump(experiment))) == experiment


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_every_row_of_the_ablation_loads(path):
    runs = list(dict.fromkeys(["teacher", path.stem]))
    experiment = load(REPOSITORY / "config" / "smoke.yaml", {"runs": runs})
    assert experiment.resolve(path.stem).title == yaml.safe_load(path.read_text())["title"]


def test_the_demo_has_the_rows_that_the_paper_needs():
    rows = load(REPOSITORY / "config" / "config.yaml").runs
    assert set(rows) >= {"teacher", "student", "hdetrack", "had_ta", "had_sa", "had"}


def test_the_schema_is_the_one_that_the_code_generates():
    path = REPOSITORY / "workflow" / "schemas" / "config.schema.json"
    assert json.loads(path.read_text()) == schema(), f"had config --schema > {path.relative_to(REPOSITORY)}"


def test_every_extra_that_is_named_somewhere_exists():
    files = [*REPOSITORY.glob("docs/*.md"), *REPOSITORY.glob("profiles/*/*"), REPOSITORY / "README.md"]
    files += [REPOSITORY / "Makefile", REPOSITORY / "environment.yml"]
    named = {extra for file in files for extra in re.findall(r"[\"' ]\.\[(\w+)\]", file.read_text(encoding="utf-8"))}
    assert named <= set(PROJECT["optional-dependencies"])


def pip_pins(path) -> tuple[set[str], set[str]]:
    """(pinned packages, other lines) of an environment file's pip section."""
    (section,) = [part["pip"] for part in yaml.safe_load(path.read_text())["dependencies"] if isinstance(part, dict)]
    return {line for line in section if "==" in line}, {line for line in section if "==" not in line}


def test_every_dependency_is_pinned():
    extras = [pin for pins in PROJECT["optional-dependencies"].values() for pin in pins]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in [*PROJECT["dependencies"], *extras])


def test_environment_yml_has_the_pins_of_pyproject():
    assert pip_pins(REPOSITORY / "environment.yml") == (set(PROJECT["dependencies"]), {"--editable ."})


@pytest.mark.parametrize("path", sorted((REPOSITORY / "workflow" / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_jobs_environments_have_the_pins_of_pyproject(path):
    job_pins = {pin for pin in PROJECT["dependencies"] if not pin.startswith("snakemake")}
    assert pip_pins(path) == (job_pins, set())


def test_constraints_agree_with_pyproject():
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    constraints = dict(line.lower().replace("_", "-").split("==") for line in lines if "==" in line)
    for pin in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]:
        name, version = pin.lower().replace("_", "-").split("==")
        assert name == "torch" or constraints[name] == version
    assert not [name for name in constraints if re.match("torch|nvidia|triton", name)]


@pytest.mark.parametrize(("what", "makes"), [("table", "table"), ("figure", "draw")])
def test_every_table_and_figure_has_its_family(what, makes):
    for family in KINDS[what].values():
        assert callable(getattr(import_module(f"had.evaluation.{family}"), makes))


def test_another_name_for_coesot_is_accepted_everywhere():
    smoke = yaml.safe_load((REPOSITORY / "config" / "smoke.yaml").read_text())
    smoke["benchmarks"]["coco-object-meeting"] = smoke["benchmarks"].pop("coesot")
    assert load(smoke) == load(REPOSITORY / "config" / "smoke.yaml")
    assert "coco-object-meeting" in LAYOUTS["coesot"].aliases
    changed = load(
        REPOSITORY / "config" / "smoke.yaml", {"benchmarks": {"coco-object-meeting": {"simulation": {"seed": 7}}}}
    )
    assert changed.benchmarks["coesot"].simulation.seed == 7


@pytest.mark.parametrize("name", ["eventvot", "fe108", "coeso"])
def test_a_benchmark_that_is_not_configured_is_refused(name):
    experiment = load({"runs": {"student": {"title": "S"}}, "benchmarks": {"coesot": {"simulation": {}}}})
    remedy = "did you mean 'coesot'" if name == "coeso" else "coesot"
    with pytest.raises(ConfigError, match=f"a benchmark of the configuration, got '{name}'.*{remedy}"):
        experiment.source(name)
    with pytest.raises(ConfigError, match="a benchmark of the configuration"):
        run_digest(experiment, benchmark=name, run="student", seed=0)
    assert experiment.source("coesot") == experiment.benchmarks["coesot"]


def test_others_published_curves_make_no_run_another_one():
    path = REPOSITORY / "config" / "smoke.yaml"
    plain, other = load(path), load(path, {"benchmarks": {"coesot": {"baselines": "x.npz"}}, "published": "y.csv"})
    for run in ("had", "static"):
        digests = {run_digest(one, benchmark="coesot", run=run, seed=0) for one in (plain, other)}
        assert len(digests) == 1


def test_the_notebook_is_kept_without_outputs():
    notebooks = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
    assert notebooks
    for path in notebooks:
        cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
        assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells)
        assert any("parameters" in cell["metadata"].get("tags", []) for cell in cells)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"runs": {"had": {"training": {"epoch": 3}}}}, r"runs\.had\.training\.epoch.*did you mean 'epochs'"),
        ({"runs": {"had": {"network": {"patch": 24}}}}, "template_size.*patch 24 in run 'had'"),
        ({"network": {"patch": 24}}, "template_size.*patch 24"),
        ({"crops": {"clip_frames": 99}}, "clip_frames 99"),
        ({"crops": {"clip_frames": 1}}, "temporal.*clip_frames"),
        ({"seeds": []}, "seeds"),
        ({"tracking": {"clip_margin": 1e9}}, "clip_margin.*10000"),
        ({"crops": {"scale_jitter": 50}}, "scale_jitter.*2"),
        ({"benchmarks": {"eventvot": {"preparation": {"slices": 10**9}}}}, "slices.*10000000"),
        ({"seeds": [0, 0]}, "seeds"),
        ({"seeds": [-1]}, "seeds"),
        ({"controls": ["static", "static"]}, "'static' names two rows"),
        ({"runs": {"had": {"title": "Student"}, "student": {"title": "Student"}}}, "two runs have the title 'Student'"),
        ({"external": {"static": "somewhere"}}, "'static' names two rows"),
        ({"external": {"had": "somewhere"}}, "'had' names two rows"),
        ({"external": {"My Tracker+": "somewhere"}}, "letters"),
        ({"external": {"W" * 60: "somewhere"}}, "'W{60}' ends in 20 or more repetitions.*Snakemake"),
        ({"external": {"x" + "ab" * 20: "somewhere"}}, "ends in 20 or more repetitions"),
        (
            {"evaluation": {"comparisons": [["student", "student"]]}},
            "evaluation.*comparisons. of 'student' with itself",
        ),
        ({"figures": {"runs": ["studnt"]}}, "did you mean 'student'"),
        ({"device": "gpu"}, "device.*'gpu'"),
        ({"device": "cuda:x"}, "device.*'cuda:x'"),
        ({"training": {"student": {"learning_rate": math.inf}}}, "learning_rate.*finite.*inf"),
        ({"losses": {"l1": math.nan}}, "l1.*finite.*nan"),
        ({"benchmarks": {"coesot": {"simulation": {"frame_rate": math.inf}}}}, "frame_rate.*finite"),
        ({"runs": {"had": {"distillation": {"epsilon": math.inf}}}}, "epsilon.*finite"),
        ({"distillation": {"epsilon": 0}}, "distillation.epsilon.*0.0001, got 0;"),
        ({"runs": {"had": {"distillation": {"epsilon": 1e-5}}}}, "epsilon.*0.0001, got 1e-05;"),
        ({"runs": {"had": {"terms": ["spatial", "spatial"]}}}, "name one twice"),
        (
            {"distillation": {"weights": {"spatial": 0}}},
            r"distillation\.weights\.spatial above 0, got 0 in run 'had_sa', whose",
        ),
        (
            {
                "runs": {
                    "student": {
                        "training": {"initial_weights": "x.pth"},
                        "distillation": {"teacher_initialization": True},
                    }
                }
            },
            "one source of initial weights",
        ),
        ({"runs": [1]}, "list of different names.*got 1;"),
        ({"runs": [["had"]]}, "list of different names"),
        ({"runs": ["had", "had"]}, "'had' more than once"),
        ({"benchmarks": {1: {}}}, "names of benchmarks, got 1;"),
    ],
)
def test_contradictions_are_refused_where_the_configuration_is_read(changes, message):
    content = yaml.safe_load(dump(load(REPOSITORY / "config" / "config.yaml")))
    with pytest.raises(ConfigError, match=message):
        load(content, changes)


def test_no_benchmark_at_all_is_refused():
    with pytest.raises(ConfigError, match=r"benchmarks.*at least 1"):
        load({"runs": {"student": {"title": "S"}}, "benchmarks": {}})


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1"])
def test_devices(device):
    assert load(REPOSITORY / "config" / "smoke.yaml", {"device": device}).device == device


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"results: \xff\n", r"UTF-8 text in .*a\.yaml, got another byte at 9"),
        (b"seeds: [0]\nruns: []\nseeds: [1]\n", "'seeds' a second time.*line 3"),
        (b"crops:\n  flip: 0\n  flip: 1\n", "'flip' a second time.*line 3"),
        (b"[1]: 2\n", "YAML in"),
    ],
    ids=["bytes", "key", "inner key", "list as key"],
)
def test_a_file_that_is_not_read_as_it_was_meant_is_refused(tmp_path, content, message):
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load(tmp_path / "a.yaml")


def test_merged_yaml_may_override_its_anchor(tmp_path):
    first = "coesot: &first {simulation: {seed: 3}, preparation: {voxels: true}}"
    second = "eventvot: {<<: *first, preparation: {voxels: false}}"
    (tmp_path / "a.yaml").write_text(f"runs: {{student: {{title: S}}}}\nbenchmarks:\n  {first}\n  {second}\n")
    benchmarks = load(tmp_path / "a.yaml").benchmarks
    assert [source.preparation.voxels for source in benchmarks.values()] == [True, False]
    assert [source.simulation.seed for source in benchmarks.values()] == [3, 3]


@pytest.mark.parametrize("name", ["W" * 19, "W" * 20, "W" * 60, "ab" * 19, "x" + "ab" * 20, "W" * 60 + "_1", "lag7"])
def test_rows_may_be_called_what_snakemake_takes_as_a_wildcard(name):
    from snakemake.io import PeriodicityDetector

    assert bool(REPEATED.search(name)) == (PeriodicityDetector().is_periodic(name) is not None)


HIERARCHICAL = {"feature", "similarity", "response"}
PAPER = {
    "student": set(),
    "hdetrack": HIERARCHICAL,
    "had_ta": HIERARCHICAL | {"temporal"},
    "had_sa": HIERARCHICAL | {"spatial"},
    "had": HIERARCHICAL | {"temporal", "spatial"},
}
"""The paper's ablation: row -> its terms and no others."""


@pytest.mark.parametrize("file", ["config", "paper", "smoke", "study"])
def test_rows_of_the_paper_hold_the_papers_terms_alone(file):
    runs = load(REPOSITORY / "config" / f"{file}.yaml").runs
    assert {row: set(runs[row].terms) for row in PAPER if row in runs} == {
        row: PAPER[row] for row in PAPER if row in runs
    }
    boxes = {row for row, run in runs.items() if {"box_transport", "localization"} & set(run.terms)}
    assert all("box" in row for row in boxes)


@pytest.mark.parametrize("benchmark", ["eventvot", "coesot"])
def test_the_study_that_is_reported_is_the_one_that_is_shipped(benchmark):
    """Every network of docs/study/ has the identity that the study's own configuration gives it; none is left out.

    Where the row had another name when it was trained, the file says which identity it had then.
    """
    study = load(REPOSITORY / "docs" / "study" / "configuration.yaml")
    with (REPOSITORY / "docs" / "study" / f"runs_{benchmark}.csv").open() as file:
        reported = {(row["run"], int(row["seed"])): row["digest"] for row in csv.DictReader(file)}
    shipped = {
        (run, seed): run_digest(study, benchmark=benchmark, run=run, seed=seed)
        for run in study.runs
        for seed in study.seeds_of(run)
    }
    assert reported == shipped


def test_a_term_that_is_declared_and_no_more_is_refused(tmp_path):
    """On a copy of the package, in which a name is added to `Term`."""
    shutil.copytree(REPOSITORY / "had", tmp_path / "had", ignore=shutil.ignore_patterns("__pycache__"))
    options = tmp_path / "had" / "options" / "training.py"
    options.write_text(options.read_text().replace('"token_transport"\n]', '"token_transport", "entropy"\n]', 1))
    content = yaml.safe_load(dump(load(REPOSITORY / "config" / "config.yaml")))
    content["runs"]["had"]["terms"].append("entropy")
    (tmp_path / "mutated.yaml").write_text(yaml.safe_dump(content))
    command = [sys.executable, "-m", "had.cli", "config", "mutated.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 2
    assert "the term 'entropy' has no weight: add it to TermWeights" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
